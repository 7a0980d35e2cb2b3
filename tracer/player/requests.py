"""Reads a create and says what the service would refuse in it (WIRE.md sections 4, 5 and 8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracer.events import Json, JsonObject
from tracer.player.failures import Failure
from tracer.player.fields import unknown_field, wrong_field

TOOL_TYPES = frozenset(
    {
        "function",
        "google_search",
        "code_execution",
        "url_context",
        "computer_use",
        "mcp_server",
        "file_search",
        "google_maps",
        "retrieval",
        "tool_search",
    }
)


@dataclass(frozen=True, slots=True)
class Create:
    """A create that passed every check which needs no state."""

    body: JsonObject
    input: list[JsonObject]
    stream: bool
    background: bool
    store: bool
    previous: str | None
    continuation: str | None


def read_create(raw: bytes, read_input: Callable[[Json], list[JsonObject]]) -> Create | Failure | None:
    """A create body that the service would take, or how it would refuse it; None if it is no JSON object at all."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    failure = _refusal(body)
    if failure is not None:
        return failure
    return Create(
        body=body,
        input=read_input(body["input"]) if "input" in body else [],
        stream=body.get("stream") is True,
        background=body.get("background") is True,
        store=body.get("store") is not False,
        previous=body.get("previous_interaction_id") or None,
        continuation=body.get("continuation_token") or None,
    )


def _refusal(body: JsonObject) -> Failure | None:
    unknown = unknown_field(body)
    if unknown is not None:
        return Failure(400, unknown, "parameter_unknown")
    wrong = wrong_field(body)
    if wrong is not None:
        return _invalid(wrong)
    if bool(body.get("model")) == bool(body.get("agent")):
        return _invalid("Exactly one of 'model' and 'agent' must be set.")
    if body.get("store") is False and body.get("background"):
        return _invalid("'background' can't be used with 'store' set to false.")
    return _input_refusal(body) or _tools_refusal(body.get("tools"))


def _input_refusal(body: JsonObject) -> Failure | None:
    given = body.get("input")
    if not given:
        return None if body.get("continuation_token") else _invalid("'input' must be set and must not be empty.")
    if not isinstance(given, str | dict | list):
        return _invalid("Invalid value at 'input'.")
    items = given if isinstance(given, list) else [given]
    wrong = next((n for n, item in enumerate(items) if not _is_part(item)), None)
    return None if wrong is None else _invalid(f"Invalid value at 'input[{wrong}]'.")


def _is_part(item: Any) -> bool:
    # A text, or an object whose type is a string and whose contents are parts again.
    if not isinstance(item, dict):
        return isinstance(item, str)
    content = item.get("content")
    parts = content if isinstance(content, list) else [] if content is None else [content]
    named = isinstance(item.get("type"), str | None) and isinstance(item.get("role"), str | None)
    return named and all(isinstance(part, str) or (isinstance(part, dict) and _is_leaf(part)) for part in parts)


def _is_leaf(part: JsonObject) -> bool:
    return isinstance(part.get("type"), str | None) and isinstance(part.get("text"), str | None)


def _tools_refusal(tools: Any) -> Failure | None:
    if tools is None:
        return None
    if not isinstance(tools, list):
        return _invalid("Invalid value at 'tools': expected a list.")
    for n, tool in enumerate(tools):
        if not isinstance(tool, dict):
            return _invalid(f"Invalid value at 'tools[{n}]': expected an object.")
        kind = tool.get("type")
        if kind is None:
            return _invalid(f"Missing required field 'type' at 'tools[{n}]'.")
        if not isinstance(kind, str) or kind not in TOOL_TYPES:
            return _invalid(f"The value '{kind}' is not supported for 'type' at 'tools[{n}]'.")
        if kind == "function" and not (isinstance(tool.get("name"), str) and tool["name"]):
            return _invalid(f"Missing required field 'name' at 'tools[{n}]'.")
    return None


def check_results(given: list[JsonObject], context: list[JsonObject]) -> Failure | None:
    """Whether every function result of an input answers a call that was made before it."""
    calls = [step.get("id") for step in [*context, *given] if step.get("type") == "function_call"]
    for step in given:
        if step.get("type") != "function_result":
            continue
        call_id = step.get("call_id")
        if not isinstance(call_id, str) or not call_id:
            return _invalid("Missing required field 'call_id' in a function_result.")
        if call_id not in calls:
            return _invalid(f"No function call with id '{call_id}' precedes its function_result.")
    return None


def _invalid(message: str) -> Failure:
    return Failure(400, message)
