"""What the emulator and the player write, a reader of the same dialect must understand as it was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.dialects import DIALECTS, DialectName, detect
from tracer.dialects.history import merge_messages
from tracer.events import (
    InteractionCreated,
    InteractionEnded,
    JsonObject,
    Snapshot,
    StatusUpdated,
    StepDelta,
    StepStarted,
    StepStopped,
    StreamEvent,
    StreamFailed,
)
from tracer.fold.assembly import Assembly

NAMES: list[DialectName] = ["steps", "outputs", "guide"]

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
arguments = st.dictionaries(words, st.none() | st.booleans() | st.integers() | words | st.lists(words), max_size=3)
texts = st.builds(lambda text: {"type": "text", "text": text}, words)
images = st.builds(lambda data: {"type": "image", "data": f"iVBORw0KGgo{data}", "mime_type": "image/png"}, words)
messages = st.builds(
    lambda contents: {"type": "model_output", "content": contents}, st.lists(texts | images, min_size=1, max_size=3)
)
thoughts = st.builds(
    lambda signature, texts: {"type": "thought", "signature": signature, "summary": texts},
    words,
    st.lists(texts, max_size=2),
)
calls = st.builds(
    lambda call, name, arguments: {"type": "function_call", "id": call, "name": name, "arguments": arguments},
    words,
    words,
    arguments,
)
searches = st.builds(
    lambda call, queries: {"type": "google_search_call", "id": call, "arguments": {"queries": queries}},
    words,
    st.lists(words, max_size=2),
)
results = st.builds(
    lambda call, result: {"type": "function_result", "call_id": call, "result": result}, words, words | arguments
)
step_lists = st.lists(messages | thoughts | calls | searches | results, max_size=5).map(merge_messages)


def streamed(steps: list[JsonObject]) -> list[StreamEvent]:
    """The events by which a service in the current dialect says these steps, texts and arguments in two pieces."""
    events: list[StreamEvent] = [InteractionCreated({"id": "v1_a", "status": "in_progress"})]
    for index, step in enumerate(steps):
        deltas: list[JsonObject] = []
        head = step
        if step["type"] == "model_output":
            head = {"type": "model_output"}
            for content in step["content"]:
                key = "text" if content["type"] == "text" else "data"
                half = len(content[key]) // 2
                deltas += [{**content, key: content[key][:half]}, {"type": content["type"], key: content[key][half:]}]
        elif step["type"] == "thought":
            head = {"type": "thought"}
            deltas = [{"type": "thought_summary", "content": content} for content in step["summary"]]
            deltas.append({"type": "thought_signature", "signature": step["signature"]})
        elif step["type"] == "function_call":
            head = {**step, "arguments": {}}
            text = json.dumps(step["arguments"])
            half = len(text) // 2
            deltas = [{"type": "arguments_delta", "arguments": piece} for piece in (text[:half], text[half:])]
        events += [StepStarted(index, head), *(StepDelta(index, delta) for delta in deltas), StepStopped(index)]
    return [*events, InteractionEnded({"id": "v1_a", "status": "completed"})]


def assembled(payloads: list[JsonObject], name: DialectName) -> list[JsonObject]:
    assembly = Assembly()
    for payload in payloads:
        match DIALECTS[name].read_event(payload):
            case StepStarted(index, step):
                assembly.start(index, step)
            case StepDelta(index, delta):
                assembly.delta(index, delta)
            case _:
                pass
    return merge_messages(assembly.steps())


def readable(steps: list[JsonObject]) -> list[JsonObject]:
    """Without empty fields, and neighbouring texts as one: a stream doesn't tell where a text content ends."""
    plain: list[JsonObject] = []
    for step in steps:
        kept = {name: value for name, value in step.items() if value != []}
        if step["type"] == "model_output":
            contents: list[JsonObject] = []
            for content in step["content"]:
                if contents and content["type"] == "text" == contents[-1]["type"]:
                    contents[-1] = {**contents[-1], "text": contents[-1]["text"] + content["text"]}
                else:
                    contents.append(content)
            kept["content"] = contents
        plain.append(kept)
    return plain


@pytest.mark.parametrize("name", NAMES)
@given(steps=step_lists)
def test_a_body_reads_back_as_it_was_meant(name: DialectName, steps: list[JsonObject]) -> None:
    usage = {"total_input_tokens": 12, "total_output_tokens": 7, "total_tokens": 19}
    fields = {"id": "v1_a", "status": "completed", "usage": usage}
    body = json.loads(json.dumps(DIALECTS[name].write_body(Snapshot(fields, steps))))
    snapshot = DIALECTS[name].read_body(body)
    assert snapshot.steps == steps
    assert fields.items() <= snapshot.fields.items()
    assert detect(body) == name


@pytest.mark.parametrize("name", NAMES)
@given(steps=step_lists)
def test_a_stream_reads_back_as_it_was_meant(name: DialectName, steps: list[JsonObject]) -> None:
    writer = DIALECTS[name].stream_writer()
    payloads = [payload for event in streamed(steps) for payload in writer.write(event)]
    assert readable(assembled(payloads, name)) == readable(steps)
    starts = [
        payload["index"] for payload in payloads if payload["event_type"].endswith(".start") and "index" in payload
    ]
    stops = [payload["index"] for payload in payloads if payload["event_type"].endswith(".stop")]
    assert starts == stops == list(range(len(starts)))


@pytest.mark.parametrize("name", NAMES)
def test_events_written_one_by_one(name: DialectName) -> None:
    dialect = DIALECTS[name]
    call = {"type": "function_call", "id": "fc1", "name": "f", "arguments": {}}
    for event in (
        StatusUpdated("v1_a", "in_progress", {"usage": {"total_tokens": 1}}),
        StepStarted(0, {"type": "thought"}),
        StepStarted(1, call),
        StepDelta(0, {"type": "thought_summary", "content": {"type": "text", "text": "Hm."}}, {"metadata": {}}),
        StepDelta(1, {"type": "text_annotation_delta", "annotations": [{"type": "url_citation"}]}),
        StepStopped(1, {"step_usage": {"total_tokens": 1}}),
        StreamFailed({"code": "internal_error", "message": "x"}),
    ):
        [payload] = dialect.write_event(event)
        assert dialect.read_event(payload) == event


def test_arguments_are_a_string_now_and_were_an_object() -> None:
    whole = StepDelta(0, {"type": "arguments_delta", "arguments": '{"location":"Paris"}'})
    [payload] = DIALECTS["outputs"].write_event(whole)
    assert payload["delta"] == {"type": "function_call", "arguments": {"location": "Paris"}}
    call = StepDelta(0, {"type": "function_call", "id": "fc1", "name": "f", "arguments": {"location": "Paris"}})
    [payload] = DIALECTS["steps"].write_event(call)
    assert payload["delta"] == {"type": "arguments_delta", "arguments": '{"location":"Paris"}'}


def test_a_legacy_stream_sends_a_call_whole_with_its_name() -> None:
    writer = DIALECTS["outputs"].stream_writer()
    call = {"type": "function_call", "id": "fc1", "name": "get_weather", "arguments": {}}
    events = [
        StepStarted(0, call),
        StepDelta(0, {"type": "arguments_delta", "arguments": '{"location":'}),
        StepDelta(0, {"type": "arguments_delta", "arguments": '"Paris"}'}),
        StepStopped(0),
    ]
    payloads = [payload for event in events for payload in writer.write(event)]
    assert [payload["event_type"] for payload in payloads] == ["content.start", "content.delta", "content.stop"]
    assert payloads[1]["delta"] == {**call, "arguments": {"location": "Paris"}}


def test_the_guide_echoes_the_request_and_counts_three_numbers() -> None:
    fields: dict[str, Any] = {
        "id": "interaction_abc123",
        "model": "gemini-2.5-flash",
        "status": "completed",
        "input": [{"type": "user_input", "content": [{"type": "text", "text": "Hello"}]}],
        "usage": {"total_input_tokens": 10, "total_output_tokens": 6, "total_thought_tokens": 2, "total_tokens": 18},
    }
    steps = [{"type": "model_output", "content": [{"type": "text", "text": "Hi!"}]}]
    assert DIALECTS["guide"].write_body(Snapshot(fields, steps)) == {
        "id": "interaction_abc123",
        "model": "gemini-2.5-flash",
        "input": [{"type": "text", "text": "Hello"}],
        "outputs": [{"type": "text", "text": "Hi!"}],
        "tools": [],
        "previous_interaction_id": None,
        "status": "completed",
        "stream": False,
        "background": False,
        "store": True,
        "usage": {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18},
    }


def test_legacy_keeps_a_role_and_echoes_turns() -> None:
    said = {"type": "user_input", "content": [{"type": "text", "text": "Hello"}]}
    body = DIALECTS["outputs"].write_body(Snapshot({"status": "completed", "role": "model", "input": [said]}, []))
    assert body == {
        "status": "completed",
        "role": "model",
        "input": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "outputs": [],
    }
    assert DIALECTS["outputs"].read_body(body).fields["input"] == [said]
