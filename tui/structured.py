"""Structured output beside the schema it was asked for: each value with what was wanted there, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_DEPTH = 60


class Field(NamedTuple):
    """A line: JSON at the left, what the schema says of it at the right."""

    text: str
    wanted: str = ""
    missing: bool = False


def read(text: str) -> Any:
    """The value of a text that is JSON and no bare word or number; None otherwise."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def fields(value: Any, schema: dict[str, Any]) -> list[Field]:
    """A value line by line."""
    return list(_lines(value, schema, schema, "", "", 0))


def _lines(value: Any, schema: Any, root: dict[str, Any], lead: str, tail: str, depth: int) -> Iterator[Field]:
    schema = _resolved(schema, root)
    pad, wanted = "  " * depth, _wanted(schema)
    if not isinstance(value, dict | list) or depth > MAX_DEPTH:
        yield Field(f"{pad}{lead}{json.dumps(value, ensure_ascii=False)}{tail}", wanted)
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    absent = _absent(value, schema)
    if not value and not absent:
        yield Field(f"{pad}{lead}{opening}{closing}{tail}", wanted)
        return
    yield Field(f"{pad}{lead}{opening}", wanted)
    inner: list[tuple[str, Any, Any]]
    if isinstance(value, dict):
        known = schema.get("properties")
        known = known if isinstance(known, dict) else {}
        inner = [
            (f"{json.dumps(str(name), ensure_ascii=False)}: ", held, known.get(name)) for name, held in value.items()
        ]
    else:
        inner = [("", held, schema.get("items")) for held in value]
    for place, (name, held, own) in enumerate(inner, 1):
        yield from _lines(held, own, root, name, "," if place < len(inner) else "", depth + 1)
    for name in absent:
        own = _wanted(_resolved(schema["properties"].get(name), root)) if "properties" in schema else ""
        yield Field(f"{pad}  {json.dumps(name, ensure_ascii=False)}", f"required, missing{own and f' ({own})'}", True)
    yield Field(f"{pad}{closing}{tail}")


def _absent(value: Any, schema: dict[str, Any]) -> list[str]:
    required = schema.get("required")
    if not isinstance(value, dict) or not isinstance(required, list):
        return []
    return [name for name in required if isinstance(name, str) and name not in value]


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or the definition that it points to."""
    for _ in range(8):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        schema = root
        for name in reference[2:].split("/"):
            schema = schema.get(name) if isinstance(schema, dict) else None
    return schema if isinstance(schema, dict) else {}


def _wanted(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    kinds = [str(one) for one in kind] if isinstance(kind, list) else [str(kind)] if kind else []
    if isinstance(schema.get("enum"), list):
        kinds = ["one of " + ", ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"])]
    limits = [f"{name} {schema[name]}" for name in ("minimum", "maximum", "minLength", "maxItems") if name in schema]
    told = schema.get("description")
    return " · ".join([*kinds, *limits, *([str(told)] if told else [])])
