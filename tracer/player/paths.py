"""JSON paths as users write them: `generation_config.seed`, `$.tools[0].name`, `input[*].content[*].text`."""

from __future__ import annotations

import re

from tracer.errors import UsageError
from tracer.events import Json

type JsonPath = tuple[str | int, ...]
"""Names and indexes from the root down; `*` stands for every member."""

_PART = re.compile(r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\*)\]")


def parse_path(text: str) -> JsonPath:
    """A path from its text. Raises UsageError for one that can't be understood."""
    rest = text.removeprefix("$")
    parts: list[str | int] = []
    position = 0
    while position < len(rest):
        found = _PART.match(rest, position)
        if found is None:
            raise UsageError(f"{text!r} is not a JSON path: write names and indexes, such as `tools[0].name`")
        parts.append(found["name"] or ("*" if found["index"] == "*" else int(found["index"])))
        position = found.end()
    if not parts:
        raise UsageError(f"{text!r} names no field: write names and indexes, such as `tools[0].name`")
    return tuple(parts)


def remove(value: Json, path: JsonPath) -> Json:
    """The value without what the path names; an element of a list becomes null, so that later ones keep their place."""
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        chosen = set(value) if head == "*" else {head} & set(value)
        if not rest:
            return {name: item for name, item in value.items() if name not in chosen}
        return {name: remove(item, rest) if name in chosen else item for name, item in value.items()}
    if isinstance(value, list):
        return [
            (remove(item, rest) if rest else None) if head in ("*", index) else item for index, item in enumerate(value)
        ]
    return value
