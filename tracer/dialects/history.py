"""Lists of steps, contents and turns, turned into each other (WIRE.md sections 5 to 7).

In legacy lists texts and media stand beside calls, results and thoughts; the current API wraps what follows each
other of the former in one step. Every form of `input` is read the same way in every dialect, since nothing in a
request tells the dialect.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracer.dialects.words import KNOWN_STEPS, MESSAGE_STEPS
from tracer.events import Json, JsonObject

_ROLES = {"user": "user_input", "model": "model_output", "assistant": "model_output"}


def kind_of(item: JsonObject) -> str:
    """The `type` of a step or content; empty if it is no word."""
    kind = item.get("type")
    return kind if isinstance(kind, str) else ""


def is_step(item: JsonObject) -> bool:
    """Whether an object is a step of its own rather than a content of a message."""
    kind = kind_of(item)
    return kind in KNOWN_STEPS or kind.endswith(("_call", "_result"))


def read_input(value: Json) -> list[JsonObject]:
    """Any form of `input` as steps: string, content, contents, turns, steps, function results, or a mixture."""
    steps = _Steps()
    for item in [] if value is None else value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and "role" in item and "type" not in item:
            _add_turn(steps, item)
        elif isinstance(item, dict) and kind_of(item) in MESSAGE_STEPS:
            _add_message(steps, item)
        else:
            steps.add(item, "user_input")
    return steps.all


def wrap(items: Iterable[Json]) -> list[JsonObject]:
    """Legacy outputs as steps: neighbouring contents become one `model_output`, the rest are steps already."""
    steps = _Steps()
    for item in items:
        steps.add(item, "model_output")
    return steps.all


def unwrap(items: Iterable[Json]) -> list[JsonObject]:
    """A list of steps, where calls or results that stand among the contents of a message become their own."""
    steps = _Steps()
    for item in items:
        if isinstance(item, dict) and kind_of(item) in MESSAGE_STEPS:
            _add_message(steps, item)
        elif isinstance(item, dict):
            steps.whole(item)
        else:
            steps.add(item, "model_output")
    return steps.all


def flatten(steps: Iterable[JsonObject]) -> list[JsonObject]:
    """Steps as a flat list; what the user said is left out, since legacy outputs never hold it."""
    items: list[JsonObject] = []
    for step in steps:
        if kind_of(step) == "model_output":
            items.extend(contents(step))
        elif kind_of(step) != "user_input":
            items.append(step)
    return items


def to_contents(steps: Iterable[JsonObject]) -> list[JsonObject]:
    """What was asked as the guide echoes it: contents and function results in one list."""
    items: list[JsonObject] = []
    for step in steps:
        items.extend(contents(step) if kind_of(step) in MESSAGE_STEPS else [step])
    return items


def to_turns(steps: Iterable[JsonObject]) -> list[JsonObject]:
    """What was asked as legacy echoes it: turns with a role."""
    turns: list[JsonObject] = []
    for step in steps:
        kind = kind_of(step)
        role = "user" if kind == "user_input" or kind.endswith("_result") else "model"
        items = contents(step) if kind in MESSAGE_STEPS else [step]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(items)
        else:
            turns.append({"role": role, "content": list(items)})
    return turns


def merge_messages(steps: Iterable[JsonObject]) -> list[JsonObject]:
    """Neighbouring `model_output` steps as one: a legacy stream numbers contents, its body knows no borders."""
    merged: list[JsonObject] = []
    for step in steps:
        last = merged[-1] if merged else None
        if last is not None and kind_of(step) == kind_of(last) == "model_output":
            merged[-1] = {**last, **step, "content": [*contents(last), *contents(step)]}
        else:
            merged.append(step)
    return merged


def contents(step: JsonObject) -> list[JsonObject]:
    """The contents of a message step; a plain string is one text."""
    held = step.get("content")
    if held is None:
        return []
    return [_as_content(item) for item in (held if isinstance(held, list) else [held])]


class _Steps:
    """Collects steps; loose contents that follow each other go into one message."""

    def __init__(self) -> None:
        self.all: list[JsonObject] = []
        self._message: JsonObject | None = None

    def whole(self, step: JsonObject) -> None:
        self.all.append(step)
        self._message = None

    def add(self, item: Json, message: str) -> None:
        if isinstance(item, dict) and is_step(item):
            self.whole(item)
            return
        if self._message is None or self._message["type"] != message:
            self._message = {"type": message, "content": []}
            self.all.append(self._message)
        self._message["content"].append(_as_content(item))


def _add_turn(steps: _Steps, turn: JsonObject) -> None:
    role = turn.get("role")
    message = _ROLES.get(role.lower() if isinstance(role, str) else "user", "user_input")
    rest = {name: value for name, value in turn.items() if name != "role"}
    _add_message(steps, {"type": message, **rest})


def _add_message(steps: _Steps, message: JsonObject) -> None:
    held = message.get("content")
    items = held if isinstance(held, list) else [held]
    if any(isinstance(item, dict) and is_step(item) for item in items):
        for item in items:
            steps.add(item, str(message["type"]))
    elif held is None:
        steps.whole(message)
    else:
        steps.whole({**message, "content": contents(message)})


def _as_content(item: Any) -> JsonObject:
    if isinstance(item, dict):
        return item
    if isinstance(item, str):
        return {"type": "text", "text": item}
    return {"type": "unknown", "value": item}
