"""What the model had when it answered, from the records on the way to it."""

from __future__ import annotations

from typing import Any

import pytest

from tracer.context import effective, tool_times
from tracer.normalize import normalize
from tracer.testing import START_US, answer, exchange, function_call, function_result

SECOND = 1_000_000
RULES = {"system_instruction": "Be brief.", "generation_config": {"temperature": 0}}


def record(second: int, said: Any, told: dict[str, Any], linked_by: str | None = None, **asked: Any) -> dict[str, Any]:
    one = exchange({"model": "m", "input": said, **asked}, told, at_us=START_US + second * SECOND, key=f"{second:032x}")
    return {**normalize([one]).model_dump(by_alias=True, mode="json"), "linked_by": linked_by}


def usage(tokens: int, cached: int | None = None) -> dict[str, Any]:
    told = {"total_input_tokens": tokens, "total_output_tokens": 1, "total_tokens": tokens + 1}
    return told if cached is None else {**told, "total_cached_tokens": cached}


def texts(steps: list[dict[str, Any]]) -> list[str]:
    return [content["text"] for step in steps for content in step["content"]]


def step(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "content": [{"type": "text", "text": text}]}


FIRST = record(0, "Hi", answer("v1_a", text="Hello.", usage=usage(100)), **RULES)
SECOND_TURN = record(
    10, "Who?", answer("v1_b", text="Me.", usage=usage(140, 70)), "id", previous_interaction_id="v1_a", tools=[{"a": 1}]
)
THIRD = record(
    20,
    "Why?",
    answer("v1_c", text="So.", usage=None),
    "id",
    previous_interaction_id="v1_b",
    system_instruction="Be long.",
    stream=False,
)


def test_everything_said_on_the_way_but_its_own_answer() -> None:
    context = effective([FIRST, SECOND_TURN, THIRD])
    assert texts(context.steps()) == ["Hi", "Hello.", "Who?", "Me.", "Why?"]
    assert context.complete
    assert texts(effective([FIRST]).steps()) == ["Hi"]


def test_what_was_sent_and_what_was_not_repeated() -> None:
    context = effective([FIRST, SECOND_TURN, THIRD])
    assert context.sent == {"system_instruction": "Be long."}
    missing = {name: (told.key, told.value) for name, told in context.not_repeated.items()}
    assert missing == {
        "generation_config": (FIRST["key"], {"temperature": 0}),
        "tools": (SECOND_TURN["key"], [{"a": 1}]),
    }


def test_growth_and_cached_share() -> None:
    turns = effective([FIRST, SECOND_TURN, THIRD]).turns
    assert [turn.growth for turn in turns] == [None, 40, None]
    assert [turn.cached_share for turn in turns] == [None, 0.5, None]


def test_a_way_that_begins_in_the_middle_says_so() -> None:
    assert not effective([SECOND_TURN, THIRD]).complete


def test_a_history_that_is_sent_along_is_not_counted_twice() -> None:
    said = [step("user_input", "Hi"), step("model_output", "Hello."), step("user_input", "Who?")]
    carrying = record(10, said, answer(None, text="Me."), "history", store=False)
    onwards = record(20, "Why?", answer("v1_c", text="So."), "id", previous_interaction_id="v1_b")
    context = effective([FIRST, carrying])
    assert texts(context.steps()) == ["Hi", "Hello.", "Who?"]
    assert [(len(turn.repeated), texts(turn.input)) for turn in context.turns] == [(0, ["Hi"]), (2, ["Who?"])]
    assert texts(effective([FIRST, carrying, onwards]).steps()) == ["Hi", "Hello.", "Who?", "Me.", "Why?"]


def test_what_a_carried_history_left_out_the_model_did_not_have() -> None:
    thought = {"type": "thought", "signature": "c2ln"}
    first = record(0, "Hi", answer(None, steps=[thought, step("model_output", "Hello.")]))
    said = [step("user_input", "Hi"), step("model_output", "Hello."), step("user_input", "Who?")]
    context = effective([first, record(10, said, answer(None, text="Me."), "history")])
    assert [one["type"] for one in context.steps()] == ["user_input", "model_output", "user_input"]


def test_the_time_of_a_tool_is_the_time_between_the_turns() -> None:
    calls = [function_call("c1", "f", x=1), function_call("c2", "g", x=2), function_call("c3", "h")]
    made = record(0, "Do", answer("v1_a", status="requires_action", steps=calls))
    results = [function_result("c2", "g", 2), function_result("c1", "f", 1), function_result("other", "o", 0)]
    answered = record(5, results, answer("v1_b", text="Done."), "id", previous_interaction_id="v1_a")
    found = tool_times(made, answered)
    assert [(one.call_id, one.name, one.ms) for one in found] == [("c2", "g", 4000.0), ("c1", "f", 4000.0)]
    assert {(one.made_by, one.answered_by) for one in found} == {(made["key"], answered["key"])}
    assert tool_times(answered, made) == []
    assert effective([made, answered]).turns[1].tools == found


@pytest.mark.parametrize(("second", "ended"), [(0, 0.0), (5, None)])
def test_a_time_that_can_not_be_known_or_negative_is_not_made_up(second: int, ended: float | None) -> None:
    made = record(0, "Do", answer("v1_a", status="requires_action", steps=[function_call("c1", "f")]))
    made = made if ended is not None else {**made, "timing": {**made["timing"], "duration_ms": None}}
    answered = record(second, [function_result("c1", "f", 1)], answer("v1_b", text="Done."))
    assert [one.ms for one in tool_times(made, answered)] == [ended]


def test_as_json_everything_is_there() -> None:
    told = effective([FIRST, SECOND_TURN]).as_json()
    assert list(told) == ["key", "complete", "turns", "steps", "sent", "not_repeated"]
    assert told["turns"][1]["cached_share"] == 0.5
    assert told["not_repeated"]["system_instruction"] == {"key": FIRST["key"], "value": "Be brief."}
