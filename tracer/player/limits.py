"""The limitations that the published guide names, as answers of the service.

Tool kinds are not mixed, remote MCP servers are not for Gemini 3, Maps and computer use are refused, and the text of a
turn may stand before the tools that it is about.
"""

from __future__ import annotations

from typing import Any

from tracer.events import JsonObject
from tracer.player.failures import Failure
from tracer.player.turn import Answer, Source, Turn

_REFUSED = {"google_maps": "Grounding with Google Maps", "computer_use": "Computer use"}
_KINDS = {"function": "function calling", "mcp_server": "MCP"}


class GuideLimits:
    """A source that refuses what the guide says can't be done, and asks another one for everything else."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def answer(self, turn: Turn) -> Answer | Failure:
        """A 400 for a request past the limits, else the other source's answer."""
        return refusal(turn.request) or self._source.answer(turn)


class TextFirst:
    """A source whose texts stand before the server's tools, as the guide warns."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def answer(self, turn: Turn) -> Answer | Failure:
        """The other source's answer, in another order."""
        answer = self._source.answer(turn)
        if isinstance(answer, Answer):
            answer.steps[:] = reordered(answer.steps)
        return answer


def refusal(request: JsonObject) -> Failure | None:
    """What the guide's limitations refuse in a create."""
    tools: Any = request.get("tools")
    kinds = {str(tool.get("type")) for tool in tools} if isinstance(tools, list) else set()
    for kind, name in _REFUSED.items():
        if kind in kinds:
            return Failure(400, f"{name} is not supported yet: remove the tool '{kind}'.")
    mixed = sorted({_KINDS.get(kind, "built-in tools") for kind in kinds})
    if len(mixed) > 1:
        return Failure(400, f"Tools of several kinds can't be mixed in one interaction yet: {', '.join(mixed)}.")
    if "mcp_server" in kinds and str(request.get("model") or "").startswith("gemini-3"):
        return Failure(400, f"Remote MCP is not supported by '{request['model']}' yet.")
    return None


def reordered(steps: list[JsonObject]) -> list[JsonObject]:
    """The steps with every `model_output` before the first call of a server tool."""
    first = next((n for n, step in enumerate(steps) if _is_server_call(step)), len(steps))
    later = steps[first:]
    texts = [step for step in later if step.get("type") == "model_output"]
    return [*steps[:first], *texts, *(step for step in later if step.get("type") != "model_output")]


def _is_server_call(step: JsonObject) -> bool:
    kind = str(step.get("type"))
    return kind.endswith("_call") and kind != "function_call"
