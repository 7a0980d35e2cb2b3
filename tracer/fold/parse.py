"""JSON from untrusted bytes: any bytes give a value or the reason why not, and the value can be written out again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tracer.events import Json

MAX_DEPTH = 100
"""Deeper values can be parsed here but not by everything they are handed to."""
MAX_BYTES = 128 * 1024 * 1024
MAX_VALUES = 200_000
"""Parsed, a small value takes up to a hundred times its bytes; the limit is what keeps memory in proportion."""
_MARK_OR_STRING = re.compile(r'[,{\[]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_CLOSE_LOOK = 1_000

# A tab or line feed inside a string is no reason to lose a body.
_DECODER = json.JSONDecoder(strict=False)
_scan: Callable[[str, int], tuple[Any, int]] = vars(_DECODER)["scan_once"]


@dataclass(frozen=True, slots=True)
class Unparsed:
    """Bytes that hold no usable JSON value, and why."""

    reason: str


def load(data: bytes | str) -> Json | Unparsed:
    """The JSON value, free of lone surrogates; of bounded size, depth and number of values."""
    text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
    if len(text) > MAX_VALUES and (excess := _excess(text)) is not None:
        return excess
    try:
        value, end = _scan(text, 0)
        if end != len(text):
            value = _DECODER.decode(text)
    except StopIteration as stop:
        return _load_padded(text, stop.value)
    except json.JSONDecodeError as error:
        return Unparsed(f"not JSON ({error.msg.removesuffix(' at')} at character {error.pos})")
    except ValueError:
        return Unparsed("not JSON (a number is too long)")
    except RecursionError:
        return Unparsed(f"JSON nested deeper than {MAX_DEPTH} levels")
    return value if len(text) <= 2 * MAX_DEPTH and "\\" not in text else _usable(value, text)


def _excess(text: str) -> Unparsed | None:
    if len(text) > MAX_BYTES:
        return Unparsed(f"JSON of more than {MAX_BYTES} characters")
    return Unparsed(f"JSON of more than {MAX_VALUES} values") if weight(text) > MAX_VALUES else None


def weight(text: str) -> int:
    """How many values a text holds, but for one and up to just above `MAX_VALUES`.

    Small counts may be too high: commas in strings count as well.
    """
    count = text.count(",") + text.count("{") + text.count("[")
    if count < _CLOSE_LOOK:
        return count
    marks = (1 for found in _MARK_OR_STRING.finditer(text) if text[found.start()] != '"')
    return sum(islice(marks, MAX_VALUES + 1))


def _load_padded(text: str, place: int) -> Json | Unparsed:
    # The scanner says no more than that no value begins there; at the beginning it may be white space.
    stripped = text.lstrip(" \t\r\n") if place == 0 else text
    if not stripped:
        return Unparsed("not JSON (it is empty)")
    return load(stripped) if len(stripped) < len(text) else Unparsed(f"not JSON (no value at character {place})")


def _usable(value: Any, text: str) -> Json | Unparsed:
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        return Unparsed(f"JSON nested deeper than {MAX_DEPTH} levels")
    return _storable(value) if "\\ud" in text or "\\uD" in text else value


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
