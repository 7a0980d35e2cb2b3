from __future__ import annotations

from typing import Any

import pytest

from tracer.dialects import DIALECTS, detect
from tracer.events import (
    InteractionCreated,
    InteractionEnded,
    StatusUpdated,
    StepDelta,
    StepStarted,
    StepStopped,
    StreamFailed,
    Unrecognised,
)

STEPS, OUTPUTS, GUIDE = DIALECTS["steps"], DIALECTS["outputs"], DIALECTS["guide"]


@pytest.mark.parametrize(
    ("payload", "dialect"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [], "outputs": None}, "steps"),
        ({"outputs": [{"type": "text", "text": "x"}]}, "outputs"),
        ({"id": "v1_a", "status": "in_progress"}, "unknown"),
        ({"id": "v1_a", "status": "in_progress", "role": "agent"}, "outputs"),
        ({"outputs": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}, "guide"),
        ({"event_type": "interaction.created"}, "steps"),
        ({"event_type": "step.delta"}, "steps"),
        ({"event_type": "interaction.start"}, "outputs"),
        ({"event_type": "content.stop"}, "outputs"),
        ({"event_type": "interaction.complete", "interaction": {"usage": {"total_tokens": 3}}}, "outputs"),
        ({"event_type": "interaction.complete", "interaction": {"usage": {"prompt_tokens": 3}}}, "guide"),
        ({"event_type": "interaction.status_update"}, "unknown"),
        ({"event_type": "error"}, "unknown"),
        ({"event_type": "interaction.renamed"}, "unknown"),
    ],
)
def test_detect(payload: dict[str, Any], dialect: str) -> None:
    assert detect(payload) == dialect


def test_neighbouring_contents_of_legacy_outputs_become_one_step() -> None:
    text, image = {"type": "text", "text": "Look:"}, {"type": "image", "data": "aW1n", "mime_type": "image/png"}
    call = {"type": "function_call", "id": "fc1", "name": "f", "arguments": {}, "later_field": 1}
    thought = {"type": "thought", "signature": "c2ln"}
    snapshot = OUTPUTS.read_body({"id": "v1_a", "outputs": [thought, text, image, call, text]})
    assert snapshot.fields == {"id": "v1_a"}
    assert snapshot.steps == [
        thought,
        {"type": "model_output", "content": [text, image]},
        call,
        {"type": "model_output", "content": [text]},
    ]


def test_an_absent_list_is_not_an_empty_one() -> None:
    assert STEPS.read_body({"id": "v1_a"}).steps is None
    assert STEPS.read_body({"id": "v1_a", "steps": []}).steps == []


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18},
        {"total_input_tokens": 10, "total_output_tokens": 8, "total_tokens": 18},
    ],
)
def test_usage_gets_its_current_names(usage: dict[str, int]) -> None:
    read = GUIDE.read_body({"outputs": [], "usage": usage}).fields["usage"]
    assert read == {"total_input_tokens": 10, "total_output_tokens": 8, "total_tokens": 18}


def test_thinking_of_the_first_sdks_gets_its_current_name() -> None:
    read = OUTPUTS.read_body({"outputs": [], "usage": {"total_reasoning_tokens": 5}}).fields["usage"]
    assert read == {"total_thought_tokens": 5}


EVENTS = [
    (STEPS, {"event_type": "interaction.created", "interaction": {"id": "a"}}, InteractionCreated({"id": "a"})),
    (OUTPUTS, {"event_type": "interaction.start", "interaction": {"id": "a"}}, InteractionCreated({"id": "a"})),
    (
        STEPS,
        {"event_type": "interaction.status_update", "event_id": "e1", "interaction_id": "a", "status": "queued"},
        StatusUpdated("a", "queued"),
    ),
    (
        STEPS,
        {"event_type": "interaction.in_progress", "interaction_id": "a"},
        StatusUpdated("a", "in_progress"),
    ),
    (
        STEPS,
        {"event_type": "interaction.failed", "interaction": {"id": "a", "errors": [{"code": 1}]}},
        InteractionEnded({"status": "failed", "id": "a", "errors": [{"code": 1}]}),
    ),
    (
        STEPS,
        {"event_type": "step.start", "index": 2, "step": {"type": "thought"}},
        StepStarted(2, {"type": "thought"}),
    ),
    (
        OUTPUTS,
        {"event_type": "content.start", "index": 2, "content": {"type": "text", "text": ""}},
        StepStarted(2, {"type": "model_output", "content": [{"type": "text", "text": ""}]}),
    ),
    (
        OUTPUTS,
        {"event_type": "content.start", "index": 0, "content": {"type": "function_call", "id": "fc1"}},
        StepStarted(0, {"type": "function_call", "id": "fc1"}),
    ),
    (
        STEPS,
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "x"}, "metadata": {"a": 1}},
        StepDelta(1, {"type": "text", "text": "x"}, {"metadata": {"a": 1}}),
    ),
    (
        OUTPUTS,
        {"event_type": "content.delta", "index": 1, "delta": {"type": "text_annotation", "annotations": []}},
        StepDelta(1, {"type": "text_annotation_delta", "annotations": []}),
    ),
    (
        STEPS,
        {"event_type": "step.stop", "index": 1, "event_id": "e", "step_usage": {"total_tokens": 1}},
        StepStopped(1, {"step_usage": {"total_tokens": 1}}),
    ),
    (
        OUTPUTS,
        {"event_type": "interaction.complete", "interaction": {"id": "a", "outputs": [{"type": "text"}]}},
        InteractionEnded({"id": "a"}, [{"type": "model_output", "content": [{"type": "text"}]}]),
    ),
    (STEPS, {"event_type": "error", "error": {"code": "x"}}, StreamFailed({"code": "x"})),
    (STEPS, {"event_type": "error", "error": "boom"}, StreamFailed({"message": "boom"})),
]


@pytest.mark.parametrize(("dialect", "payload", "event"), EVENTS)
def test_every_kind_of_event(dialect: Any, payload: dict[str, Any], event: object) -> None:
    assert dialect.read_event(payload) == event


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"event_type": 7},
        {"event_type": "content.delta"},
        {"event_type": "step.delta", "delta": "text"},
        {"event_type": "interaction.paused"},
        {"event_type": "interaction.status_update", "status": None},
    ],
)
def test_what_no_table_knows_is_kept(payload: dict[str, Any]) -> None:
    event = STEPS.read_event(payload)
    assert isinstance(event, Unrecognised)
    assert event.payload == payload


TEXT = {"type": "text", "text": "Hi"}
IMAGE = {"type": "image", "data": "aW1n", "mime_type": "image/png"}
RESULT = {"type": "function_result", "call_id": "fc1", "name": "f", "result": {"t": 20}}
CALL = {"type": "function_call", "id": "fc1", "name": "f", "arguments": {}}
SAID = {"type": "user_input", "content": [TEXT]}
ANSWERED = {"type": "model_output", "content": [TEXT]}


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        (None, []),
        ("Hi", [SAID]),
        (TEXT, [SAID]),
        (["Hi"], [SAID]),
        ([TEXT, IMAGE], [{"type": "user_input", "content": [TEXT, IMAGE]}]),
        ([{"role": "user", "content": "Hi"}, {"role": "model", "content": [TEXT]}], [SAID, ANSWERED]),
        ([{"role": "user", "content": [TEXT]}, {"role": "user", "content": TEXT}], [SAID, SAID]),
        ([{"role": "model", "content": [TEXT, CALL]}, {"role": "user", "content": [RESULT]}], [ANSWERED, CALL, RESULT]),
        ([SAID, ANSWERED, SAID], [SAID, ANSWERED, SAID]),
        ([{"type": "user_input", "content": "Hi"}], [SAID]),
        ([{"type": "user_input", "content": [RESULT]}], [RESULT]),
        (RESULT, [RESULT]),
        ([RESULT, TEXT], [RESULT, SAID]),
        ([{"type": "thought", "signature": "s"}], [{"type": "thought", "signature": "s"}]),
        ([{"type": "hologram", "x": 1}], [{"type": "user_input", "content": [{"type": "hologram", "x": 1}]}]),
        (7, [{"type": "user_input", "content": [{"type": "unknown", "value": 7}]}]),
    ],
)
def test_every_form_of_input(value: Any, steps: list[Any]) -> None:
    assert STEPS.read_input(value) == steps
    assert OUTPUTS.read_input(value) == steps
