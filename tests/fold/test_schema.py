from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.fold import fold
from tracer.fold.schema import satisfies, schema_of
from tracer.testing import answer, exchange

PERSON: dict[str, Any] = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        ({"name": "Alice", "age": 30}, PERSON, True),
        ({"name": "Alice", "age": 30.0}, PERSON, True),
        ({"name": "Alice", "age": -1}, PERSON, False),
        ({"name": "Alice", "age": True}, PERSON, False),
        ({"name": "Alice"}, PERSON, False),
        ({"name": "Alice", "age": 1, "x": 1}, PERSON, False),
        ([], PERSON, False),
        ("a", {"enum": ["a", "b"]}, True),
        ("c", {"type": "STRING", "enum": ["a", "b"]}, False),
        (1, {"const": True}, False),
        (None, {"type": "string", "nullable": True}, True),
        (None, {"type": ["string", "null"]}, True),
        ([1, "a"], {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, True),
        ([1, 2], {"type": "array", "items": {"type": "integer"}, "maxItems": 1}, False),
        (3, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, True),
        (3, {"oneOf": [{"type": "number"}, {"type": "integer"}]}, False),
        (3, {"allOf": [{"minimum": 1}, {"maximum": 2}]}, False),
        ({"a": {"a": {}}}, {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False}, True),
        ({"a": 1}, {"properties": {"a": {"$ref": "#/$defs/text"}}, "$defs": {"text": {"type": "string"}}}, False),
        ("x", {"type": "string", "pattern": "^x$"}, None),
        (1, {"type": "string", "pattern": "^x$"}, False),
        (1, {"$ref": "#"}, None),
        (1, {"$ref": "https://example.com/s"}, None),
        (1, {"type": "colour"}, None),
        (1, {"minimum": "many"}, None),
    ],
)
def test_values_and_schemas(value: Any, schema: dict[str, Any], fits: bool | None) -> None:
    assert satisfies(json.dumps(value), schema) is fits


def test_what_is_not_json_does_not_fit() -> None:
    assert satisfies("Sure! {", PERSON) is False


def test_where_requests_keep_their_schema() -> None:
    typed = {"type": "text", "mime_type": "application/json", "schema": PERSON}
    assert schema_of({"response_format": PERSON, "response_mime_type": "application/json"}) == PERSON
    assert schema_of({"response_format": typed}) == PERSON
    assert schema_of({"response_format": [{"type": "image"}, typed]}) == PERSON
    assert schema_of({"response_format": {"type": "text"}}) is None
    assert schema_of({}) is None


def test_the_record_says_whether_the_answer_fits() -> None:
    ask = {"model": "gemini-3.5-flash", "input": "Who?", "response_format": PERSON}
    assert fold([exchange(ask, answer("v1_a", text='{"name":"Alice","age":30}'))]).schema_ok is True
    assert fold([exchange(ask, answer("v1_a", text='{"name":"Alice"}'))]).schema_ok is False
    assert fold([exchange(ask, answer("v1_a", text="{", status="in_progress"))]).schema_ok is None
    assert fold([exchange({**ask, "response_format": None}, answer("v1_a", text="x"))]).schema_ok is None


keywords = st.sampled_from(["type", "enum", "items", "properties", "required", "anyOf", "$ref", "minimum", "maxItems"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["#", "object", "array", "#/items"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keywords, inner, max_size=4),
    max_leaves=15,
)


@given(junk, st.dictionaries(keywords, junk, max_size=5))
def test_any_schema_gets_an_answer(value: Any, schema: dict[str, Any]) -> None:
    assert satisfies(json.dumps(value), schema) in (True, False, None)
