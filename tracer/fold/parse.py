"""JSON from untrusted bytes: any bytes give a value or the reason why not, and the value can be written out again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tracer.events import Json

MAX_DEPTH = 100
"""Deeper values can be parsed here but not by everything they are handed to."""


@dataclass(frozen=True, slots=True)
class Unparsed:
    """Bytes that hold no usable JSON value, and why."""

    reason: str


def load(data: bytes | str) -> Json | Unparsed:
    """The JSON value, free of lone surrogates and at most `MAX_DEPTH` levels deep."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return Unparsed("not JSON")
    if len(data) > MAX_DEPTH and _brackets(data) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        return Unparsed(f"JSON nested deeper than {MAX_DEPTH} levels")
    escapes = (b"\\ud" in data or b"\\uD" in data) if isinstance(data, bytes) else ("\\ud" in data or "\\uD" in data)
    return _storable(value) if escapes else value


def _brackets(data: bytes | str) -> int:
    return data.count(b"{") + data.count(b"[") if isinstance(data, bytes) else data.count("{") + data.count("[")


def _depth(value: Any) -> int:
    depth, level = 0, [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        held = (item for container in level for item in _members(container))
        level = [item for item in held if isinstance(item, dict | list)]
    return depth


def _members(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container


def _storable(value: Any) -> Any:
    # JSON may escape half a surrogate pair; UTF-8 can't hold it.
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value
