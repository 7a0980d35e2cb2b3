"""The agents of a service, as far as an SDK needs them: list, get, create, delete (WIRE.md section 2)."""

from __future__ import annotations

import json
import re

from tracer.events import JsonObject
from tracer.player.failures import error_reply, json_reply
from tracer.player.reply import Call, Reply

PATH = re.compile(r".*?/v\d\w*/(?:projects/[^/]+/locations/[^/]+/)?agents(?:/(?P<id>[^/:]+))?")
"""Of the list, or of one agent."""
_BUILT_IN = {
    "deep-research-pro-preview-12-2025": "Researches a question in many sources and writes a report.",
    "deep-research-preview-04-2026": "Researches a question in many sources and writes a report.",
    "antigravity-preview-05-2026": "Works on a task in an environment of its own.",
}
_MOST = 1000


class Agents:
    """The built-in agents and those that were created."""

    def __init__(self) -> None:
        self._agents: dict[str, JsonObject] = {
            name: {"id": name, "description": description} for name, description in _BUILT_IN.items()
        }

    def answer(self, call: Call) -> Reply | None:
        """The reply, or None if this is no call about agents."""
        found = PATH.fullmatch(call.path)
        if found is None:
            return None
        name = found["id"]
        if name is None:
            return self._list(call) if call.method == "GET" else self._create(call) if call.method == "POST" else None
        agent = self._agents.get(name)
        if agent is None:
            return error_reply(404, "not_found", f"Agent '{name}' not found.")
        if call.method == "DELETE":
            del self._agents[name]
            return json_reply(200, {})
        return json_reply(200, agent) if call.method == "GET" else None

    def _list(self, call: Call) -> Reply:
        asked = dict(call.query)
        start, size = asked.get("page_token") or "0", asked.get("page_size") or str(_MOST)
        if not _is_count(start) or not _is_count(size):
            return error_reply(400, "invalid_request", "'page_size' and 'page_token' must be numbers.")
        agents = list(self._agents.values())
        end = int(start) + (int(size) or _MOST)
        more = {"next_page_token": str(end)} if end < len(agents) else {}
        return json_reply(200, {"agents": agents[int(start) : end], **more})

    def _create(self, call: Call) -> Reply:
        try:
            agent = json.loads(call.body)
        except (ValueError, RecursionError):
            agent = None
        name = agent.get("id") if isinstance(agent, dict) else None
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,200}", name):
            return error_reply(400, "invalid_request", "An agent needs an 'id' of letters, digits, '.', '-' and '_'.")
        if name in self._agents:
            return error_reply(409, "conflict", f"Agent '{name}' exists already.")
        if len(self._agents) >= _MOST:
            return error_reply(429, "quota_exceeded", f"This emulator keeps {_MOST} agents; delete one.")
        self._agents[name] = agent
        return json_reply(200, agent)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
