"""Does structured output satisfy the JSON schema that was asked for?

Knows the keywords that the service accepts and their common companions. With any other the answer is null unless the
output already fails without it: a schema that is not understood proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tracer.events import Json, JsonObject


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: _is_number(value) and value == value // 1,
    "number": _is_number,
}
_LIMITS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Any], bool]]] = {
    "minimum": (_is_number, lambda value, limit: value >= limit),
    "maximum": (_is_number, lambda value, limit: value <= limit),
    "exclusiveMinimum": (_is_number, lambda value, limit: value > limit),
    "exclusiveMaximum": (_is_number, lambda value, limit: value < limit),
    "minLength": (lambda value: isinstance(value, str), lambda value, limit: len(value) >= limit),
    "maxLength": (lambda value: isinstance(value, str), lambda value, limit: len(value) <= limit),
    "minItems": (lambda value: isinstance(value, list), lambda value, limit: len(value) >= limit),
    "maxItems": (lambda value: isinstance(value, list), lambda value, limit: len(value) <= limit),
    "minProperties": (lambda value: isinstance(value, dict), lambda value, limit: len(value) >= limit),
    "maxProperties": (lambda value: isinstance(value, dict), lambda value, limit: len(value) <= limit),
}
"""Keyword -> the values it speaks of, and the comparison with its number."""
_STRUCTURE = frozenset(
    {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "prefixItems", "nullable"}
    | {"anyOf", "oneOf", "allOf", "$ref"}
)
_REMARKS = frozenset(
    {"title", "description", "default", "examples", "example", "$schema", "$id", "$defs", "definitions", "$comment"}
    | {"propertyOrdering", "property_ordering", "deprecated", "readOnly", "writeOnly", "discriminator"}
)
_MAX_STEPS = 20_000
_MAX_DEPTH = 100


def schema_of(request: JsonObject) -> JsonObject | None:
    """The JSON schema a request asks its answer to satisfy, in either dialect's form; None if it asks for none."""
    asked = request.get("response_format")
    for form in asked if isinstance(asked, list) else [asked]:
        if not isinstance(form, dict):
            continue
        if form.get("type") in ("text", "image", "audio", "video"):
            if isinstance(form.get("schema"), dict):
                found: JsonObject = form["schema"]
                return found
        elif form:
            return form
    return None


def satisfies(text: str, schema: JsonObject) -> bool | None:
    """Whether a text is JSON that satisfies the schema; null if the schema is not understood."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    check = _Check(schema)
    try:
        fits = check.fits(value, schema, 0)
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
        # Not a schema, or one that refers to itself without end or elsewhere.
        return None
    return None if fits and check.unsure else fits


class _Check:
    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._steps = 0
        self.unsure = False

    def fits(self, value: Json, schema: Json, depth: int) -> bool:
        self._steps += 1
        if self._steps > _MAX_STEPS or depth > _MAX_DEPTH:
            raise RecursionError
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise TypeError
        if value is None and schema.get("nullable") is True:
            return True
        self.unsure |= not schema.keys() <= _STRUCTURE | _REMARKS | _LIMITS.keys()
        return (
            self._fits_itself(value, schema)
            and self._fits_alternatives(value, schema, depth + 1)
            and (not isinstance(value, dict) or self._fits_members(value, schema, depth + 1))
            and (not isinstance(value, list) or self._fits_items(value, schema, depth + 1))
        )

    def _fits_itself(self, value: Json, schema: JsonObject) -> bool:
        wanted = schema.get("type")
        if wanted is not None:
            names = [str(name).lower() for name in (wanted if isinstance(wanted, list) else [wanted])]
            self.unsure |= any(name not in _TYPES for name in names)
            if not any(name not in _TYPES or _TYPES[name](value) for name in names):
                return False
        if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
            return False
        if "const" in schema and not _same(value, schema["const"]):
            return False
        return all(
            holds(value, schema[keyword])
            for keyword, (concerns, holds) in _LIMITS.items()
            if keyword in schema and concerns(value)
        )

    def _fits_alternatives(self, value: Json, schema: JsonObject, depth: int) -> bool:
        if "$ref" in schema and not self.fits(value, self._target(schema["$ref"]), depth):
            return False
        if any(not self.fits(value, one, depth) for one in schema.get("allOf", [])):
            return False
        if "anyOf" in schema and not any(self.fits(value, one, depth) for one in schema["anyOf"]):
            return False
        return "oneOf" not in schema or sum(self.fits(value, one, depth) for one in schema["oneOf"]) == 1

    def _fits_members(self, value: JsonObject, schema: JsonObject, depth: int) -> bool:
        known = schema.get("properties", {})
        if any(name not in value for name in schema.get("required", [])):
            return False
        others = schema.get("additionalProperties", True)
        return all(self.fits(member, known.get(name, others), depth) for name, member in value.items())

    def _fits_items(self, value: list[Json], schema: JsonObject, depth: int) -> bool:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        return all(self.fits(item, first[n] if n < len(first) else rest, depth) for n, item in enumerate(value))

    def _target(self, reference: Json) -> Json:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise LookupError
        place: Json = self._root
        for name in reference[1:].strip("/").split("/") if len(reference) > 1 else []:
            if not isinstance(place, dict) or name not in place:
                raise LookupError
            place = place[name]
        return place


def _same(one: Json, other: Json) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
