from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tracer.fold import fold
from tracer.records.interaction import Interaction
from tracer.records.steps import Call, ModelOutput
from tracer.testing import answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Chunk, Outcome

ASK = {"model": "gemini-3.5-flash", "input": "Hi"}
ASK_STREAM = {**ASK, "stream": True}


def wire(record: Interaction) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(record.to_json())
    return value


def test_a_plain_create() -> None:
    request = {**ASK, "system_instruction": "Be brief", "previous_interaction_id": "v1_0", "store": True}
    record = fold([exchange(request, answer("v1_a", text="Hello.", service_tier="standard"))])
    assert (record.id, record.dialect, record.status, record.state) == ("v1_a", "steps", "completed", "complete")
    assert (record.model, record.agent, record.previous_interaction_id) == ("gemini-3.5-flash", None, "v1_0")
    assert (record.api_version, record.service) == ("v1", "gemini")
    assert record.request == {name: value for name, value in request.items() if name != "input"}
    assert wire(record)["input"] == [{"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}]
    assert wire(record)["output"] == [{"type": "model_output", "content": [{"type": "text", "text": "Hello."}]}]
    assert record.output_text == "Hello."
    assert record.usage is not None
    assert (record.usage.total_tokens, record.usage.thought_tokens, record.usage.sum_ok) == (41, 22, True)
    assert record.unknown.fields == record.unknown.events == record.notes == []


def test_a_function_call_and_its_result() -> None:
    asked = fold([exchange(ASK, answer("v1_a", status="requires_action", steps=[function_call("fc1", "f", x=1)]))])
    assert asked.status == "requires_action"
    call = asked.output[0]
    assert isinstance(call, Call)
    assert (call.id, call.name, call.arguments) == ("fc1", "f", {"x": 1})
    answered = fold([exchange({**ASK, "input": [function_result("fc1", "f", 20)]}, answer("v1_b", text="20."))])
    assert wire(answered)["input"] == [function_result("fc1", "f", 20)]


def test_every_key_is_there_even_without_a_response() -> None:
    record = wire(fold([exchange(ASK, None, status=None, outcome=Outcome.OPEN)]))
    assert list(record) == list(wire(fold([exchange(ASK, answer("v1_a", text="Hello."))])))
    assert record["state"] == "in_flight"
    assert record["status"] is None
    assert record["timing"]["duration_ms"] is None


def test_a_stream_is_put_together_with_the_times_of_its_chunks() -> None:
    record = fold([exchange(ASK_STREAM, text_stream("v1_a", ["Hel", "lo."]), took_us=8_000_000)])
    assert (record.id, record.status, record.state, record.stream) == ("v1_a", "completed", "complete", True)
    assert record.output_text == "Hello."
    # Eight pieces in eight seconds: seven chunks a second apart from 1 s on, the last one the end marker.
    timing = record.timing
    assert timing.events == 6
    assert (timing.first_event_ms, timing.first_output_ms, timing.first_text_ms) == (1000, 3000, 3000)
    assert (timing.duration_ms, timing.longest_gap_ms) == (6000, 1000)
    assert timing.tokens_per_second == 29.0


def test_an_event_has_the_time_of_the_chunk_that_completed_it() -> None:
    built = exchange(ASK_STREAM, text_stream("v1_a", ["Hello."]))
    size = len(built.response_body)
    first_end = built.response_body.index(b"\n\n") + 2
    chunks = (
        Chunk(at_us=1_000, wire_size=9, size=first_end - 1),
        Chunk(at_us=2_000, wire_size=9, size=0),
        Chunk(at_us=3_000, wire_size=9, size=1),
        Chunk(at_us=9_000, wire_size=9, size=size - first_end),
    )
    record = fold([exchange(ASK_STREAM, text_stream("v1_a", ["Hello."]), chunks=chunks)])
    assert (record.timing.first_event_ms, record.timing.longest_gap_ms, record.timing.duration_ms) == (3, 6, 9)


def test_thoughts_calls_and_annotations_of_a_stream() -> None:
    cited = [{"type": "url_citation", "url": "https://example.com"}]
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "thought_signature", "signature": ""}},
        {
            "event_type": "step.delta",
            "index": 0,
            "delta": {"type": "thought_summary", "content": {"type": "text", "text": "Hm."}},
        },
        {"event_type": "step.delta", "index": 0, "delta": {"type": "thought_signature", "signature": "c2ln"}},
        {
            "event_type": "step.start",
            "index": 2,
            "step": {"type": "function_call", "id": "fc1", "name": "f", "arguments": {}, "signature": ""},
        },
        {"event_type": "step.delta", "index": 2, "delta": {"type": "arguments_delta", "arguments": '{"x":'}},
        {"event_type": "step.delta", "index": 2, "delta": {"type": "arguments_delta", "partial_arguments": " 1}"}},
        {
            "event_type": "step.start",
            "index": 1,
            "step": {"type": "model_output", "content": [{"type": "text", "text": "Hel"}]},
        },
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "lo."}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text_annotation_delta", "annotations": cited}},
        {"event_type": "step.start", "index": 3, "step": {"type": "google_search_call", "id": "s1", "signature": ""}},
        {
            "event_type": "step.delta",
            "index": 3,
            "delta": {"type": "google_search_call", "arguments": {"queries": ["a"]}, "signature": "c2ln"},
        },
        {
            "event_type": "interaction.completed",
            "interaction": {"id": "v1_a", "status": "requires_action", "usage": {"total_tokens": 3}},
        },
    ]
    record = fold([exchange(ASK_STREAM, events)])
    assert record.status == "requires_action"
    assert wire(record)["output"] == [
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm."}]},
        {"type": "model_output", "content": [{"type": "text", "text": "Hello.", "annotations": cited}]},
        {"type": "function_call", "id": "fc1", "name": "f", "arguments": {"x": 1}, "signature": ""},
        {"type": "google_search_call", "id": "s1", "signature": "c2ln", "arguments": {"queries": ["a"]}},
    ]
    assert record.unknown.fields == []


def test_pieces_of_a_picture_are_joined_and_pictures_stay_apart() -> None:
    picture = {"type": "image", "mime_type": "image/png"}
    events = [
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 0, "delta": {**picture, "data": "iVBORw0KGgo"}},
        {"event_type": "step.delta", "index": 0, "delta": {**picture, "data": "REVG"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "image", "data": "JD"}},
        {"event_type": "step.delta", "index": 0, "delta": {**picture, "data": "QUJD"}},
        {"event_type": "step.delta", "index": 0, "delta": {**picture, "data": "iVBORw0KGgoA"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "image", "uri": "https://example.com/a.png"}},
        {"event_type": "interaction.completed", "interaction": {"id": "v1_a", "status": "completed"}},
    ]
    [step] = wire(fold([exchange(ASK_STREAM, events)]))["output"]
    assert step["content"] == [
        {**picture, "data": "iVBORw0KGgoREVGJD"},
        {**picture, "data": "QUJD"},
        {**picture, "data": "iVBORw0KGgoA"},
        {"type": "image", "uri": "https://example.com/a.png"},
    ]


def test_a_legacy_stream_and_its_body_give_the_same_steps() -> None:
    contents = [{"type": "thought", "signature": "c2ln"}, {"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    call = {"type": "function_call", "id": "fc1", "name": "f", "arguments": {"x": 1}}
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.start", "interaction": {"id": "v1_a", "status": "in_progress"}},
        {"event_type": "content.start", "index": 0, "content": {"type": "thought"}},
        {"event_type": "content.delta", "index": 0, "delta": {"type": "thought_signature", "signature": "c2ln"}},
        {"event_type": "content.start", "index": 1, "content": {"type": "text"}},
        {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "A"}},
        {"event_type": "content.start", "index": 2, "content": {"type": "text", "text": ""}},
        {"event_type": "content.delta", "index": 2, "delta": {"type": "text", "text": "B"}},
        {"event_type": "content.start", "index": 3, "content": {"type": "function_call", "id": "fc1"}},
        {"event_type": "content.delta", "index": 3, "delta": call},
        {"event_type": "interaction.complete", "interaction": {"id": "v1_a", "status": "requires_action"}},
    ]
    streamed = fold([exchange(ASK_STREAM, events)])
    body = {"id": "v1_a", "status": "requires_action", "outputs": [*contents, call]}
    whole = fold([exchange(ASK, body)])
    assert streamed.dialect == whole.dialect == "outputs"
    assert wire(streamed)["output"] == wire(whole)["output"]
    assert [step.type for step in whole.output] == ["thought", "model_output", "function_call"]


def test_the_guide_is_legacy_with_its_own_counts() -> None:
    body = {
        "id": "interaction_abc123",
        "status": "completed",
        "stream": False,
        "previous_interaction_id": None,
        "outputs": [{"type": "text", "text": "Hi!"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18},
    }
    record = fold([exchange(ASK, body)])
    assert record.dialect == "guide"
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.output_tokens, record.usage.sum_ok) == (10, 8, True)


def test_an_unstored_interaction_has_no_id() -> None:
    streamed = fold([exchange({**ASK_STREAM, "store": False}, text_stream("", ["Hello."]))])
    whole = fold([exchange({**ASK, "store": False}, answer(None, text="Hello."))])
    assert streamed.id is whole.id is None
    assert streamed.store is whole.store is False


def test_an_answer_without_an_id_was_not_stored_if_no_request_says_otherwise() -> None:
    fields = {"method": "POST"}
    assert fold([exchange(None, answer(None, text="Hello."), **fields)]).store is False
    assert fold([exchange(None, text_stream("", ["Hello."]), **fields)]).store is False
    assert fold([exchange(None, answer("v1_a", text="Hello."), **fields)]).store is True
    assert fold([exchange(ASK, {"error": {"code": 500, "message": "x"}}, status=500)]).store is True
    assert fold([exchange(None, b"", **fields)]).store is True


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (404, b'{"error":{"code":"not_found","message":"gone"}}', "not_found", "gone"),
        (400, b'{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}', 400, "bad"),
        (400, b'[{"error":{"code":400,"message":"bad"}}]', 400, "bad"),
        (502, b"<html><head><title>502 Bad&#32;Gateway</title></head><body>x</body></html>", None, "502 Bad Gateway"),
        (500, b"<h1>Oh</h1> no", None, "Oh no"),
        (500, b'{"error":"flat"}', None, "flat"),
        (500, b"", None, None),
        (500, b"[]", None, None),
    ],
)
def test_http_errors(status: int, body: bytes, code: object, message: str | None) -> None:
    record = fold([exchange(ASK, body, status=status)])
    assert record.state == "error"
    assert record.error is not None
    assert (record.error.http_status, record.error.code, record.error.message) == (status, code, message)
    assert record.timing.duration_ms == 1000
    assert record.status is None


def test_an_error_event_ends_a_stream() -> None:
    events = text_stream("v1_a", ["Hel"], ended=False)
    events.append({"event_type": "error", "error": {"code": "internal_error", "message": "boom"}})
    record = fold([exchange(ASK_STREAM, events)])
    assert (record.state, record.status, record.output_text) == ("error", "in_progress", "Hel")
    assert record.error is not None
    assert (record.error.http_status, record.error.code) == (None, "internal_error")


def test_a_bare_refusal_line_is_found() -> None:
    built = exchange(ASK_STREAM, text_stream("v1_a", [], ended=False), done=False)
    body = built.response_body + b'{"error":{"code":"prohibited_content","message":"no"}}\n\n'
    record = fold([exchange(ASK_STREAM, body, response_headers=built.response_headers)])
    assert record.state == "error"
    assert record.error is not None
    assert record.error.code == "prohibited_content"
    assert any("bare line" in note for note in record.notes)


def test_a_json_error_in_place_of_a_stream() -> None:
    body = b'{\n  "error": {\n    "code": "internal_error",\n    "message": "x"\n  }\n}'
    record = fold([exchange(ASK_STREAM, body, response_headers=(("content-type", "text/event-stream"),))])
    assert record.error is not None
    assert record.error.code == "internal_error"


@pytest.mark.parametrize("field", [{"errors": [{"code": 13, "message": "x"}]}, {"error": {"code": 13, "message": "x"}}])
def test_a_failed_interaction_says_why(field: dict[str, Any]) -> None:
    record = fold([exchange(ASK, {"id": "v1_a", "status": "failed", **field})])
    assert (record.state, record.status) == ("complete", "failed")
    assert record.error is not None
    assert (record.error.http_status, record.error.code, record.error.message) == (None, 13, "x")


@pytest.mark.parametrize(
    ("outcome", "ended", "state"),
    [
        (Outcome.OPEN, False, "in_flight"),
        (Outcome.COMPLETE, False, "truncated"),
        (Outcome.CUT, False, "truncated"),
        (Outcome.CLIENT_GONE, False, "truncated"),
        (Outcome.INTERRUPTED, False, "interrupted"),
        (Outcome.COMPLETE, True, "complete"),
        (Outcome.CUT, True, "complete"),
        (Outcome.CLIENT_GONE, True, "complete"),
        (Outcome.INTERRUPTED, True, "complete"),
    ],
)
def test_a_stream_is_whole_with_its_terminal_event(outcome: Outcome, ended: bool, state: str) -> None:
    record = fold([exchange(ASK_STREAM, text_stream("v1_a", ["Hello."], ended=ended), outcome=outcome)])
    assert (record.state, record.output_text) == (state, "Hello.")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.CUT, "truncated"), (Outcome.INTERRUPTED, "interrupted"), (Outcome.FAILED, "error")],
)
def test_a_body_that_never_became_whole(outcome: Outcome, state: str) -> None:
    record = fold([exchange(ASK, b'{"id":"v1_a","sta', outcome=outcome, error="connection reset")])
    assert record.state == state
    assert "connection reset" in record.notes
    told = "not JSON (Unterminated string starting at character 13): 17 bytes kept"
    assert f"the response body of the create is {told}" in record.notes


def test_no_response_at_all_is_an_error() -> None:
    failed = exchange(ASK, None, status=None, outcome=Outcome.FAILED, error="connection refused")
    record = fold([failed])
    assert record.state == "error"
    assert record.error is not None
    assert (record.error.http_status, record.error.message) == (None, "connection refused")


def test_unknown_fields_and_events_are_kept_and_counted() -> None:
    steps = [{"type": "model_output", "foo": 1, "content": [{"type": "text", "text": "x", "mood": "ok"}]}]
    odd = [{"type": "hologram_call", "id": "h"}, {"type": "model_output", "content": [{"type": "smell"}]}]
    body = answer("v1_a", steps=[*steps, *odd], usage={"total_tokens": 3, "raw_prompt_token": 2}, planet="Mars")
    record = fold([exchange(ASK, body)])
    assert record.unknown.fields == [
        "planet",
        "steps[].content[].mood",
        "steps[].content[type=smell]",
        "steps[].foo",
        "steps[type=hologram_call]",
        "usage.raw_prompt_token",
    ]
    assert wire(record)["output"] == [*steps, *odd]
    events = [*text_stream("v1_a", ["x"]), {"event_type": "interaction.renamed", "x": 1}]
    events[2]["delta"]["tone"] = "warm"
    events[3]["shoe"] = 1
    streamed = fold([exchange(ASK_STREAM, events)])
    assert streamed.unknown.events == ["interaction.renamed"]
    assert streamed.unknown.fields == ["delta.tone", "step.stop.shoe"]
    [shoe, renamed] = streamed.unknown.kept
    assert (shoe.event, shoe.payload) == (4, {"event_type": "step.stop", "index": 0, "shoe": 1})
    assert (renamed.event, renamed.payload) == (6, {"event_type": "interaction.renamed", "x": 1})
    assert wire(streamed)["output"][0]["content"] == [{"type": "text", "text": "x", "tone": "warm"}]
    assert isinstance(streamed.output[0], ModelOutput)


def test_running_totals_count_when_there_is_no_final_usage() -> None:
    events = text_stream("v1_a", ["a", "b"], ended=False)
    for event, total in zip(events[1:], (5, 9, 7), strict=False):
        event["metadata"] = {"total_usage": {"total_output_tokens": total, "total_tokens": total}}
    record = fold([exchange(ASK_STREAM, events, outcome=Outcome.CUT)])
    assert record.usage is not None
    assert record.usage.total_tokens == 9


def test_a_usage_that_does_not_add_up_is_flagged_and_left_alone() -> None:
    usage = {"total_input_tokens": 0, "total_output_tokens": 160, "total_thought_tokens": 255, "total_tokens": 0}
    record = fold([exchange(ASK, answer("v1_a", usage=usage))])
    assert record.usage is not None
    assert (record.usage.total_tokens, record.usage.output_tokens, record.usage.sum_ok) == (0, 160, False)


def test_modalities_and_grounding() -> None:
    usage = {
        "total_tokens": 7,
        "total_input_tokens": 7,
        "input_tokens_by_modality": [{"modality": "text", "tokens": 3}, {"modality": "IMAGE", "tokens": 4}],
        "grounding_tool_count": [{"type": "google_search", "count": 2}],
    }
    record = fold([exchange(ASK, answer("v1_a", usage=usage))])
    assert record.usage is not None
    assert record.usage.by_modality == {"input": {"text": 3, "image": 4}}
    assert record.usage.grounding == {"google_search": 2}


@pytest.mark.parametrize(
    ("headers", "name", "version", "language"),
    [
        (
            [("x-goog-api-client", "google-genai-sdk/2.28.0 gl-python/3.14.7"), ("user-agent", "speakeasy-sdk/python")],
            "google-genai-sdk",
            "2.28.0",
            "gl-python/3.14.7",
        ),
        (
            [
                ("User-Agent", "GeminiNextGenAPIClient/Python 1.75.0"),
                ("user-agent", "google-genai-sdk/1.75.0 gl-python/3.13.0"),
            ],
            "google-genai-sdk",
            "1.75.0",
            "gl-python/3.13.0",
        ),
        ([("user-agent", "litellm/1.106.2")], "litellm", "1.106.2", None),
        ([("user-agent", "curl")], None, None, None),
        ([], None, None, None),
    ],
)
def test_who_called(headers: list[tuple[str, str]], name: str, version: str, language: str) -> None:
    record = fold([exchange(ASK, answer("v1_a"), request_headers=tuple(headers))])
    assert (record.client.name, record.client.version, record.client.language) == (name, version, language)


@pytest.mark.parametrize(
    ("path", "origin", "version", "service"),
    [
        ("/v1beta/interactions", "https://generativelanguage.googleapis.com", "v1beta", "gemini"),
        ("/some/gateway/v1/interactions", "http://127.0.0.1:9", "v1", "gemini"),
        ("/v1beta1/projects/p/locations/l/interactions", "https://proxy.example", "v1beta1", "vertex"),
        ("/v1beta1/interactions", "https://us-aiplatform.googleapis.com", "v1beta1", "vertex"),
    ],
)
def test_where_it_went(path: str, origin: str, version: str, service: str) -> None:
    record = fold([exchange(ASK, answer("v1_a"), path=path, origin=origin)])
    assert (record.api_version, record.service, record.upstream) == (version, service, origin)


def test_the_servers_own_time() -> None:
    headers = (("content-type", "application/json"), ("server-timing", "cdn;dur=x, gfet4t7; dur=1148"))
    assert fold([exchange(ASK, answer("v1_a"), response_headers=headers)]).timing.server_ms == 1148


def test_what_the_transport_says_after_the_end_is_no_news() -> None:
    gone = {"outcome": Outcome.CLIENT_GONE, "error": "Client disconnected."}
    whole = fold([exchange(ASK_STREAM, text_stream("v1_a", ["Hello."]), **gone)])
    assert (whole.state, whole.notes) == ("complete", [])
    broken = fold([exchange(ASK_STREAM, text_stream("v1_a", ["Hello."], ended=False), **gone)])
    assert (broken.state, broken.notes) == ("truncated", ["Client disconnected."])


def test_a_note_says_what_where_and_how_much() -> None:
    built = exchange(ASK_STREAM, [], done=False)
    body = b'data: {"event_type":\n\ndata: 7\n\n'
    record = fold([exchange(ASK_STREAM, body, response_headers=built.response_headers)])
    where = "the stream of the create: event"
    assert record.notes == [
        f"{where} 1, which ends at byte 22, is not JSON (no value at character 14): 14 bytes kept",
        f"{where} 2, which ends at byte 31, is JSON, but no object: 1 bytes kept",
    ]
    misfit = fold([exchange(ASK, answer("v1_a", steps=[{"type": "function_call", "id": "a", "arguments": "x"}]))])
    assert misfit.notes == ["output[0].arguments does not fit a function_call: 54 bytes kept as they came"]
    assert wire(misfit)["output"] == [{"type": "function_call", "id": "a", "arguments": "x"}]
    assert record.unknown.events == ["(no name)"]


@pytest.mark.parametrize(("outcome", "noted"), [(Outcome.OPEN, False), (Outcome.CLIENT_GONE, True)])
def test_a_request_that_is_still_coming_is_not_called_broken(outcome: Outcome, noted: bool) -> None:
    coming = replace(exchange(ASK, None, status=None, outcome=outcome), request_body=b'{"model":"m","input":"Hel')
    assert any("request body" in note for note in fold([coming]).notes) == noted
