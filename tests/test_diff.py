from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracer.diff import Change, changes, diff, words
from tracer.normalize import normalize
from tracer.testing import answer, exchange, function_call

TOOL = {"type": "function", "name": "lookup", "parameters": {"properties": {"id": {"type": "integer"}}}}


def record(request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    return normalize([exchange({"model": "gemini-3.5-flash", **request}, response)]).model_dump(
        mode="json", by_alias=True
    )


def test_two_runs_of_one_request_are_the_same_but_for_ids_and_times():
    steps = [function_call("call_1", "lookup", id=1)]
    other = [{**function_call("call_2", "lookup", id=1), "signature": "x"}]
    a = record({"input": "Hi"}, answer("v1_a", steps=steps))
    b = record({"input": "Hi", "previous_interaction_id": "v1_x"}, answer("v1_b", steps=other))
    found = diff(a, b)
    assert found.same
    assert [(step.side, step.kind, step.title) for step in found.steps] == [
        ("input", "same", "user_input"),
        ("output", "same", "function_call lookup"),
    ]


def test_parameters_tools_and_words_are_told_apart():
    changed = {**TOOL, "parameters": {"properties": {"id": {"type": "string"}}}}
    a = record(
        {"input": "Hi", "tools": [TOOL], "generation_config": {"temperature": 1}},
        answer("v1_a", text="The order is on its way."),
    )
    b = record(
        {"input": "Hi", "tools": [changed, {"type": "google_search"}], "system_instruction": "Be brief."},
        answer("v1_b", text="The order was on its way."),
    )
    found = diff(a, b)
    assert not found.same_request
    assert [(change.path, change.kind) for change in found.parameters] == [
        ("generation_config", "removed"),
        ("system_instruction", "added"),
    ]
    assert [(tool.name, tool.kind) for tool in found.tools] == [("lookup", "changed"), ("google_search", "added")]
    assert found.tools[0].changes == (Change("parameters.properties.id.type", "changed", "integer", "string"),)
    step = found.steps[-1]
    assert [(piece.kind, piece.text) for piece in step.words] == [
        ("same", "The order "),
        ("removed", "is"),
        ("added", "was"),
        ("same", " on its way."),
    ]


def test_steps_are_aligned_by_type_and_name():
    thought = {"type": "thought", "summary": [{"type": "text", "text": "Hm."}]}
    said = {"type": "model_output", "content": [{"type": "text", "text": "Yes."}]}
    a = record({"input": "Hi"}, answer("v1_a", steps=[thought, function_call("c", "lookup"), said]))
    b = record({"input": "Hi"}, answer("v1_b", steps=[function_call("d", "search"), said]))
    assert [(step.kind, step.title) for step in diff(a, b).steps[1:]] == [
        ("removed", "thought"),
        ("removed", "function_call lookup"),
        ("added", "function_call search"),
        ("same", "model_output"),
    ]


def test_figures_have_a_delta_where_they_are_numbers():
    a = record({"input": "Hi"}, answer("v1_a", text="x"))
    b = record(
        {"input": "Hi", "model": "gemini-3.5-pro"},
        answer("v1_b", text="x", usage={"total_input_tokens": 20, "total_output_tokens": 7, "total_tokens": 27}),
    )
    figures = {figure.name: figure for figure in diff(a, b).figures}
    assert figures["input_tokens"].delta == 8
    assert figures["model"].delta is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_words_give_both_texts_back(before, after):
    found = words(before, after)
    assert "".join(piece.text for piece in found if piece.kind != "added") == before
    assert "".join(piece.text for piece in found if piece.kind != "removed") == after


def test_long_texts_are_compared_by_lines_and_then_whole():
    lines = [f"line {number} of a long text" for number in range(2_000)]
    found = words("\n".join(lines), "\n".join([*lines[:1_000], "new", *lines[1_000:]]))
    assert [piece.text for piece in found if piece.kind != "same"] == ["new\n"]
    assert len(words("a b " * 4_000 + "\n" * 4_000, "c")) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(JSON)
def test_a_value_does_not_differ_from_itself(value):
    assert list(changes(value, value)) == []


def test_types_count():
    assert [change.kind for change in changes({"a": 1}, {"a": True})] == ["changed"]
