"""What is on the wire and in no table: counted by path, so that a change of the service's contract is seen.

Paths are those of the wire: `steps[].content[].mood`, `outputs[].mood`, `request.generation_config.top_k`. A type
that no table has stands for its whole object (`steps[type=hologram]`), a word for itself (`status=paused`), a value
of another kind than its field has for its kind (`steps[].arguments:string`).
"""

from __future__ import annotations

from collections.abc import Mapping

from tracer.dialects.shapes import EVENTS, FREE, INTERACTION, PLAIN, REQUEST, Each, Either, Fields, Shape, Typed, Word
from tracer.dialects.words import Kind
from tracer.events import Json, JsonObject

_LONGEST_WORD = 40
_PARTS = {"interaction": "", "step": "steps[]", "content": "outputs[]", "delta": "delta"}
"""Fields of events that hold what bodies hold too, and the path they have there."""
_ENVELOPE = ("event_type", "event_id", "index", "interaction_id")
_ELSEWHERE = frozenset({"interaction", "step", "content", "delta", "error"})
"""Fields of events whose values find a place in the record, unknown ones included."""


def in_request(request: JsonObject) -> set[str]:
    """Unknown paths of a request body."""
    found: set[str] = set()
    _look(request, REQUEST, "request", found)
    return found


def in_body(body: JsonObject) -> set[str]:
    """Unknown paths of an interaction object as it was on the wire."""
    found: set[str] = set()
    _look(body, INTERACTION, "", found)
    return found


def in_event(kind: Kind, payload: JsonObject) -> tuple[set[str], JsonObject | None]:
    """Unknown paths of an event's payload; and those of its own fields that have no other place in the record.

    The latter come with the fields that say where the event belongs, or are None if there are none.
    """
    known = EVENTS[kind].fields
    name = str(payload.get("event_type"))
    found: set[str] = set()
    homeless: JsonObject = {}
    for field, value in payload.items():
        count = len(found)
        if field in known:
            _look(value, known[field], _PARTS.get(field, f"{name}.{field}"), found)
        else:
            found.add(f"{name}.{field}")
        if len(found) > count and field not in _ELSEWHERE:
            homeless[field] = value
    if not homeless:
        return found, None
    return found, {**{field: payload[field] for field in _ENVELOPE if field in payload}, **homeless}


def _look(value: Json, shape: Shape, path: str, found: set[str]) -> None:
    if isinstance(shape, Either):
        shape = shape.other if isinstance(value, dict | list) else shape.plain
        if shape is not FREE:
            _look(value, shape, path, found)
    elif isinstance(shape, Each):
        if isinstance(value, list):
            for one in value:
                _look(one, shape.item, f"{path}[]", found)
        else:
            _look(value, shape.item, path, found)
    elif isinstance(shape, Fields) and isinstance(value, dict):
        _look_at_fields(value, shape.fields, path, found)
    elif isinstance(shape, Typed) and isinstance(value, dict):
        _look_by_type(value, shape, path, found)
    elif isinstance(shape, Word) and isinstance(value, str):
        if value.lower() not in shape.known:
            found.add(f"{path}={value[:_LONGEST_WORD]}")
    elif value is not None and shape is not FREE and (shape is not PLAIN or isinstance(value, dict | list)):
        found.add(f"{path}:{_kind(value)}")


def _look_at_fields(value: JsonObject, fields: Mapping[str, Shape], path: str, found: set[str]) -> None:
    for name, held in value.items():
        shape = fields.get(name)
        if shape is FREE or (shape is PLAIN and not isinstance(held, dict | list)):
            continue
        inner = f"{path}.{name}" if path else name
        if shape is None:
            found.add(inner)
        else:
            _look(held, shape, inner, found)


def _look_by_type(value: JsonObject, shape: Typed, path: str, found: set[str]) -> None:
    kind = value.get("type")
    word = kind if isinstance(kind, str) else ""
    held = shape.types.get(word) or shape.types.get(word.lower())
    if held is None:
        found.add(f"{path.removesuffix('[]')}[type={str(kind)[:_LONGEST_WORD]}]")
    elif held is not FREE:
        _look(value, held, path, found)


def _kind(value: Json) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "list"
        case str():
            return "string"
        case _:
            return "boolean" if isinstance(value, bool) else "number"
