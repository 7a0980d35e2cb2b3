"""What a model does with the computer-use tool: one action after the other, each a function call that the app carries
out and answers with what the screen shows then."""

from __future__ import annotations

import re
from typing import Any

from tracer.events import JsonObject
from tracer.player import prompts
from tracer.player.ids import digest
from tracer.player.turn import Turn

_TYPED = re.compile(r"[\"'\u2018\u201c]([^\"'\u2019\u201d]{1,200})[\"'\u2019\u201d]")
_SEARCHED = re.compile(
    r"\b(?:search(?: the web)? for|look up|look for|find|type)\s+(.{1,200}?)(?: on [A-Z]\w+)?[.?!]*$",
    re.IGNORECASE | re.MULTILINE,
)
_OPENED = re.compile(
    r"\b(?:open|start|launch)\s+(?:the\s+)?([\w .-]{1,60}?)(?:\s+app)?(?=\s+and\b|[.,;!?]|$)", re.IGNORECASE
)
_HOME = "https://www.google.com"
_GRID = 1000
_OLDER_MODELS = re.compile(r"gemini-(?:2|3-)")
_OLDER_NAMES = {"click": "click_at", "type": "type_text_at"}
"""What models before 3.5 call these actions; theirs have no intent, and typing has a place."""


def tool_of(request: JsonObject) -> JsonObject | None:
    """The computer-use tool that a create declares."""
    tools = request.get("tools")
    declared = [tool for tool in tools if tool.get("type") == "computer_use"] if isinstance(tools, list) else []
    return declared[0] if declared else None


def next_action(turn: Turn, prompt: str) -> list[JsonObject]:
    """The `function_call` of the action that is due, as a list; empty without the tool or with everything done."""
    plan = _plan(turn, prompt)
    done = _done(turn) if plan else 0
    if done >= len(plan):
        return []
    name, arguments = plan[done]
    return [{"type": "function_call", "id": turn.mint.call_id(), "name": name, "arguments": arguments}]


def _done(turn: Turn) -> int:
    # How many calls were answered since the app last said something, those of its own functions left out.
    if not any(step.get("type") == "function_result" for step in turn.input):
        return 0
    own = [tool.get("name") for tool in turn.request["tools"] if tool.get("type") == "function"]
    done = 0
    for step in turn.context:
        if step.get("type") == "user_input":
            done = 0
        elif step.get("type") == "function_call" and step.get("name") not in own:
            done += 1
    return done


def _plan(turn: Turn, prompt: str) -> list[tuple[str, JsonObject]]:
    tool = tool_of(turn.request)
    if tool is None:
        return []
    x, y = (int.from_bytes(digest(0, prompt, side, size=4)) % _GRID for side in "xy")
    place = {"x": x, "y": y}
    planned: list[tuple[str, JsonObject, str]] = [*_first(tool, prompt), ("click", place, "Choose the field")]
    found = _TYPED.search(prompt) or _SEARCHED.search(prompt)
    if found:
        planned.append(("type", {"text": found[1].strip(), "press_enter": True}, "Enter the text"))
    excluded = tool.get("excluded_predefined_functions") or tool.get("excludedPredefinedFunctions")
    named = [_named(turn, place, *action) for action in planned]
    return [action for action in named if not isinstance(excluded, list) or action[0] not in excluded]


def _first(tool: JsonObject, prompt: str) -> list[tuple[str, JsonObject, str]]:
    environment = tool.get("environment") or "browser"
    if environment == "mobile":
        found = _OPENED.search(prompt)
        return [("open_app", {"app_name": found[1].strip() if found else "Browser"}, "Open the app")]
    if environment == "desktop":
        return [("take_screenshot", {}, "See what is on the screen")]
    url = next(iter(prompts.urls(prompt)), _HOME)
    return [("navigate", {"url": url}, "Open the page")]


def _named(turn: Turn, place: JsonObject, name: str, arguments: JsonObject, intent: str) -> tuple[str, JsonObject]:
    model: Any = turn.request.get("model")
    if not (isinstance(model, str) and _OLDER_MODELS.match(model)):
        return name, {**arguments, "intent": intent}
    if name == "type":
        arguments = {**place, **arguments}
    return _OLDER_NAMES.get(name, name), arguments
