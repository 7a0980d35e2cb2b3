"""Too much of anything: a clear note, what was read until then, and memory in proportion. Limits are small here;
`benchmarks/limits.py` does the same at real size."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from tracer.fold import fold, parse, stream
from tracer.records.interaction import Interaction
from tracer.testing import answer, exchange, sse_chunks, text_stream
from tracer.wire import sse

ASK = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
STREAM = (("content-type", "text/event-stream"),)
PICTURE = {"type": "image", "mime_type": "image/png", "data": "iVBORw0KGgo" + "A" * 20_000_000}


def folded(body: bytes) -> Interaction:
    return fold([exchange(ASK, body, response_headers=STREAM)])


def beginning() -> bytes:
    return b"".join(sse_chunks(text_stream("v1_a", ["Hel", "lo."], ended=False), done=False))


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        (b"data: " + b"x" * 5_000, "event 5: a server-sent event exceeds 2000 bytes"),
        (b'{"error": "' + b"x" * 5_000, "event 5: a server-sent event exceeds 2000 bytes"),
        (b"data: %s\n" % (b"1" * 60) * 50, "event 5: a server-sent event exceeds 2000 bytes"),
        (b"data:\n" * 101, "event 5: a server-sent event exceeds 100 lines"),
        (b'data: {"event_type":"a"}\n\n' * 20, "the stream was read up to event 12: "),
        (
            b'data: {"event_type":"a","b":[' + b"1," * 400 + b"1]}\n\n" + b"data: {}\n\n",
            "event 5: 10 bytes more are kept",
        ),
    ],
)
def test_a_stream_is_read_as_far_as_the_limit(monkeypatch: pytest.MonkeyPatch, rest: bytes, note: str) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 2_000)
    monkeypatch.setattr(sse, "MAX_EVENT_LINES", 100)
    monkeypatch.setattr(stream, "MAX_EVENTS", 12)
    monkeypatch.setattr(stream, "MAX_VALUES", 300)
    monkeypatch.setattr(parse, "_CLOSE_LOOK", 0)
    record = folded(beginning() + rest)
    assert (record.output_text, record.state) == ("Hello.", "truncated")
    assert any(note in told for told in record.notes), record.notes


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (
            b'{"steps":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "JSON nested deeper than 100 levels: 200010 bytes kept",
        ),
        (b'{"steps":' + b"[" * 200 + b"]" * 200 + b"}", "JSON nested deeper than 100 levels: 410 bytes kept"),
        (b'{"steps":[' + b"{}," * 500 + b"{}]}", "JSON of more than 400 values: 1514 bytes kept"),
        (b'{"note":"' + b"x" * 6_000 + b'"}', "JSON of more than 5000 characters: 6011 bytes kept"),
    ],
)
def test_a_body_beyond_a_limit_is_noted(monkeypatch: pytest.MonkeyPatch, body: bytes, note: str) -> None:
    monkeypatch.setattr(parse, "MAX_VALUES", parse.MAX_VALUES if b"[[" in body else 400)
    monkeypatch.setattr(parse, "MAX_BYTES", 5_000 if b"note" in body else parse.MAX_BYTES)
    record = fold([exchange(ASK, body)])
    assert record.notes == [f"the response body of the create is {note}"]
    assert (record.output, record.status, record.state) == ([], None, "complete")


def test_commas_in_a_text_are_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_VALUES", 1_000)
    text = "one, two, [three] {four} \\ " * 2_000
    assert fold([exchange(ASK, answer("v1_a", text=text))]).output_text == text


def test_of_very_many_unknown_events_and_notes_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_KEPT", 3)
    monkeypatch.setattr(stream, "MAX_NOTES", 4)
    record = folded(b'data: {"event_type":"a"}\n\n' * 5 + b"data: {\n\n" * 9)
    assert [kept.event for kept in record.unknown.kept] == [1, 2, 3]
    assert record.notes[-1] == "the stream of the create: 6 more notes of the same stream were left out"
    assert len(record.notes) == 5
    assert record.timing.events == 14


def streamed(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    events = text_stream("v1_a", [])
    return [*events[:2], *({"event_type": "step.delta", "index": 0, "delta": delta} for delta in deltas), *events[2:]]


def pieces() -> list[dict[str, Any]]:
    data = PICTURE["data"]
    return [{"type": "image", "data": data[place : place + 65_536]} for place in range(0, len(data), 65_536)]


@pytest.mark.parametrize(
    ("request_body", "response"),
    [
        (ASK, answer("v1_a", steps=[{"type": "model_output", "content": [PICTURE]}])),
        ({**ASK, "input": [PICTURE]}, answer("v1_a")),
        (ASK, streamed(PICTURE)),
        (ASK, streamed(*pieces())),
    ],
    ids=["body", "request", "one delta", "many deltas"],
)
def test_a_large_picture_is_copied_at_most_twice(request_body: Any, response: Any) -> None:
    built = exchange(request_body, response)
    tracemalloc.start()
    record = fold([built])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.1 * len(PICTURE["data"])
    contents = [content for step in (*record.input, *record.output) for content in getattr(step, "content", None) or []]
    assert PICTURE["data"] in [content.data for content in contents]


def peak_of(body: bytes) -> int:
    tracemalloc.start()
    record = folded(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (record.state, record.output_text) == ("truncated", "x" * 6_000)
    return peak


def test_a_stream_that_never_ends_takes_no_more_memory_than_one_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_EVENTS", 6_000)
    piece = b'data: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"x"}}\n\n'
    at_the_limit, far_beyond = peak_of(piece * 6_000), peak_of(piece * 60_000)
    assert far_beyond < 1.2 * at_the_limit
    assert far_beyond < 3 * len(piece) * 60_000
