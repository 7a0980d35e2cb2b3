"""Values that satisfy a JSON schema, taken from a text where it holds fitting ones."""

from __future__ import annotations

import re
from typing import Any

from tracer.events import JsonObject
from tracer.player import moderation, prompts

_MAX_DEPTH = 8
_MAX_VALUES = 5000
_LARGEST = 1e15
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
    "duration": "PT1H",
}
PLACE_FIELDS = re.compile(r"location|city|place|town|country|destination|origin|address|region|area", re.IGNORECASE)
"""Names of fields that hold a place."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHARE = re.compile(r"(^|_)(confidence|probability|certainty|likelihood)$", re.IGNORECASE)
_SURE = 0.95
_POSITIVE = re.compile(r"\b(amazing|great|good|love|excellent|happy|best|wonderful|fantastic)\b", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(bad|terrible|awful|hate|worst|poor|broken|horrible|disappoint\w*)\b", re.IGNORECASE)


def schema_of(request: JsonObject) -> Any:
    """The JSON schema that a create asks its answer to satisfy; None if it asks for none."""
    wanted = request.get("response_format")
    for one in wanted if isinstance(wanted, list) else [wanted]:
        if not isinstance(one, dict) or not one:
            continue
        if one.get("type") == "text" and not {"properties", "enum"} & one.keys():
            if "schema" in one:
                return one["schema"]
            if one.get("mime_type") == "application/json":
                return {"type": "object"}
        elif one.get("type") not in ("image", "audio", "video"):
            return one
    return {"type": "object"} if request.get("response_mime_type") == "application/json" else None


class Filler:
    """Fills schemas from one text; numbers and places of it are used up in order.

    What is judged, such as a mood, is judged by `about`: the part of the text that is asked about, if it is a part.
    """

    def __init__(self, text: str, *, place: int = 0, about: str | None = None) -> None:
        self._text = text
        self._about = text if about is None else about
        self._numbers = prompts.numbers(text)
        self._places = prompts.places(text)[place:]
        self._facts = prompts.facts(text)
        self._budget = _MAX_VALUES

    def value(self, schema: Any) -> Any:
        """A value that satisfies the schema; null for what is no schema."""
        return self._value(schema, "", schema if isinstance(schema, dict) else {}, 0)

    def _value(self, schema: Any, name: str, root: JsonObject, depth: int) -> Any:
        self._budget -= 1
        if not isinstance(schema, dict):
            return "text" if schema is True else None
        schema = _resolved(schema, root)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._choice(schema["enum"])
        if "default" in schema and name and not self._fits(name):
            return schema["default"]
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, root, depth)
        if kind == "array":
            return self._array(schema, name, root, depth)
        if kind == "string":
            return self._string(schema, name)
        if kind in ("integer", "number"):
            return self._number(schema, name, whole=kind == "integer")
        return self._boolean(name) if kind == "boolean" else None

    def _boolean(self, name: str) -> bool:
        judged = moderation.verdict(name, self._about)
        return True if judged is None else judged

    def _object(self, schema: JsonObject, root: JsonObject, depth: int) -> JsonObject:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        if self._budget <= 0 or depth > 2 * _MAX_DEPTH:
            return {}
        wanted = dict.fromkeys([*properties, *required] if depth < _MAX_DEPTH else required)
        value = {name: self._value(properties.get(name, True), name, root, depth + 1) for name in wanted}
        if any(moderation.verdict(name, "") is not None and isinstance(value[name], bool) for name in value):
            value |= self._harms(value, properties)
        return value

    def _harms(self, value: JsonObject, properties: JsonObject) -> JsonObject:
        # The lists of strings beside a verdict say why; they stay as they are if their schema asks for another length.
        found = moderation.harms(self._about)
        said: JsonObject = {}
        for name, old in value.items():
            schema = properties.get(name)
            if not (isinstance(schema, dict) and isinstance(old, list) and moderation.lists_harms(name)):
                continue
            items = schema.get("items")
            known = items.get("enum") if isinstance(items, dict) else None
            if isinstance(known, list):
                harms = [harm for harm in known if str(harm).lower() in found] or (old[:1] if found else [])
            elif all(isinstance(one, str) for one in old):
                harms = found
            else:
                continue
            most, least = schema.get("maxItems"), schema.get("minItems")
            harms = harms[:most] if isinstance(most, int) and most >= 0 else harms
            if not (isinstance(least, int) and len(harms) < least):
                said[name] = harms
        return said

    def _array(self, schema: JsonObject, name: str, root: JsonObject, depth: int) -> list[Any]:
        least = schema.get("minItems")
        size = least if isinstance(least, int) and 0 <= least <= 100 else 1
        if self._budget <= 0 or depth >= _MAX_DEPTH or schema.get("maxItems") == 0:
            return []
        items = schema.get("prefixItems")
        if isinstance(items, list):
            return [self._value(item, name, root, depth + 1) for item in items]
        size = max(size, 1)
        return [self._value(schema.get("items", True), name, root, depth + 1) for _ in range(size)]

    def _string(self, schema: JsonObject, name: str) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            found = _DATE.search(self._text) if form == "date" else None
            return found[0] if found else _FORMATS[form]
        lower = name.lower()
        if PLACE_FIELDS.search(lower) and self._places:
            text = self._places[0]
        elif "url" in lower or "uri" in lower:
            text = (prompts.urls(self._text) or [_FORMATS["uri"]])[0]
        elif "date" in lower:
            found = _DATE.search(self._text)
            text = found[0] if found else _FORMATS["date"]
        elif lower.endswith("name") and "name" in self._facts:
            text = self._facts["name"]
        elif lower in ("query", "q", "question", "prompt", "text", "input", "expression", "summary", "message"):
            text = prompts.quoted(self._text)
        else:
            text = (
                f"{name or 'text'}-1" if re.search(r"(^|_)(id|number|code|key)$", lower) else f"sample {name or 'text'}"
            )
        return _fitted(text, schema)

    def _number(self, schema: JsonObject, name: str, *, whole: bool) -> float | int:
        low, high = _bounds(schema, whole=whole)
        if not whole and _SHARE.search(name) and low <= _SURE <= high and "multipleOf" not in schema:
            return _SURE
        fitting = [n for n in self._numbers if low <= n <= high and (not whole or n == int(n))]
        if fitting:
            number = fitting[0]
            self._numbers.remove(number)
        else:
            number = min(max(1.0, low), high)
        step = schema.get("multipleOf")
        if isinstance(step, int | float) and step > 0:
            number = -(-number // step) * step
        return int(number) if whole or number == int(number) else number

    def _choice(self, values: list[Any]) -> Any:
        for text in dict.fromkeys((self._about, self._text)):
            for value in values:
                if isinstance(value, str) and re.search(rf"\b{re.escape(value.lower())}\b", text.lower()):
                    return value
            for pattern, meaning in ((_NEGATIVE, "negative"), (_POSITIVE, "positive")):
                if pattern.search(text):
                    return next((v for v in values if isinstance(v, str) and v.lower() == meaning), values[0])
        return values[0]

    def _fits(self, name: str) -> bool:
        return bool(PLACE_FIELDS.search(name) and self._places)


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    # References, alternatives and merged schemas, a bounded number of times: a schema may refer to itself.
    for _ in range(8):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            schema = _pointed(root, reference) | {name: value for name, value in schema.items() if name != "$ref"}
            continue
        options = next((schema[k] for k in ("anyOf", "oneOf") if isinstance(schema.get(k), list) and schema[k]), None)
        if options is not None:
            rest = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}
            chosen = next((o for o in options if isinstance(o, dict) and o.get("type") != "null"), {})
            schema = {**rest, **chosen}
            continue
        if isinstance(schema.get("allOf"), list):
            schema = _merged([{k: v for k, v in schema.items() if k != "allOf"}, *schema["allOf"]])
            continue
        break
    return schema


def _pointed(root: JsonObject, reference: str) -> JsonObject:
    target: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
    return dict(target) if isinstance(target, dict) else {}


def _merged(schemas: list[Any]) -> JsonObject:
    merged: JsonObject = {}
    for schema in schemas:
        for name, value in schema.items() if isinstance(schema, dict) else ():
            if isinstance(value, dict) and isinstance(merged.get(name), dict):
                merged[name] = {**merged[name], **value}
            elif isinstance(value, list) and isinstance(merged.get(name), list):
                merged[name] = [*merged[name], *value]
            else:
                merged[name] = value
    return merged


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _bounds(schema: JsonObject, *, whole: bool) -> tuple[float, float]:
    gap = 1.0 if whole else 0.5
    low, high = -_LARGEST, _LARGEST
    for name, sign in (("minimum", 0.0), ("exclusiveMinimum", gap)):
        if isinstance(schema.get(name), int | float):
            low = max(low, float(schema[name]) + sign)
    for name, sign in (("maximum", 0.0), ("exclusiveMaximum", gap)):
        if isinstance(schema.get(name), int | float):
            high = min(high, float(schema[name]) - sign)
    return min(low, _LARGEST), max(high, -_LARGEST)


def _fitted(text: str, schema: JsonObject) -> str:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(most, int) and 0 <= most < len(text):
        text = text[:most]
    if isinstance(least, int) and len(text) < least <= 10_000:
        text = text.ljust(least, ".")
    return text
