"""From raw bytes to frames to an exchange."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.testing import START_US, answer, sse_chunks, text_stream
from tracer.wire import recorder as recorder_module
from tracer.wire.decoding import STEP_BYTES
from tracer.wire.exchange import Chunk, Exchange, Headers, Outcome
from tracer.wire.frames import Closed, ExchangeAssembler, Frame, Opened, RequestData, ResponseData
from tracer.wire.recorder import ExchangeRecorder

KEY = "unit-test-key-5d2c"
SSE: Headers = (("content-type", "text/event-stream"),)
STREAM = b"".join(sse_chunks(text_stream("v1_a", ["Hel", "lo."])))


def recorder(frames: list[Frame], **fields: Any) -> ExchangeRecorder:
    defaults: dict[str, Any] = {
        "key": "0" * 32,
        "at_us": START_US,
        "run": "r",
        "project": "p",
        "origin": "https://generativelanguage.googleapis.com",
        "method": "POST",
        "path": "/v1/interactions",
        "query": (("key", KEY),),
        "headers": (("content-type", "application/json"),),
        "account_key": b"k" * 32,
        "max_body": 1 << 20,
    }
    return ExchangeRecorder(sink=frames.append, **{**defaults, **fields})


def assembled(frames: list[Frame]) -> Exchange:
    opened = frames[0]
    assert isinstance(opened, Opened)
    assembler = ExchangeAssembler(opened)
    for frame in frames[1:]:
        assert not assembler.done
        assembler.feed(frame)
    return assembler.exchange()


def streamed(pieces: list[bytes], headers: Headers = SSE, **fields: Any) -> tuple[ExchangeRecorder, list[Frame]]:
    frames: list[Frame] = []
    subject = recorder(frames, **fields)
    subject.request_end()
    subject.response_started(10, 200, headers)
    for number, piece in enumerate(pieces):
        subject.response_data(20 + number, piece)
    return subject, frames


def test_a_plain_exchange() -> None:
    frames: list[Frame] = []
    subject = recorder(frames)
    request, response = json.dumps({"input": "Hi"}).encode(), json.dumps(answer("v1_a", text="Hello.")).encode()
    subject.request_data(request[:5])
    subject.request_data(request[5:])
    subject.request_end()
    subject.response_started(100, 200, (("content-type", "application/json"),))
    subject.response_data(150, response)
    subject.response_end(160)
    exchange = assembled(frames)
    assert (exchange.request_body, exchange.request_size) == (request, len(request))
    assert (exchange.response_body, exchange.response_size) == (response, len(response))
    assert exchange.chunks == (Chunk(150, len(response), len(response)),)
    assert (exchange.status, exchange.headers_at_us, exchange.ended_at_us) == (200, 100, 160)
    assert (exchange.outcome, exchange.error, exchange.notes) == (Outcome.COMPLETE, None, ())
    assert exchange.query == (("key", "[redacted]"),)
    assert exchange.account is not None


@pytest.mark.parametrize("step", [1, 3, 17, 100_000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_stream_closes_itself_when_done_is_whole(step: int, packed: bool) -> None:
    wire = gzip.compress(STREAM) if packed else STREAM
    headers = (*SSE, ("content-encoding", "gzip")) if packed else SSE
    subject, frames = streamed([wire[at : at + step] for at in range(0, len(wire), step)], headers)
    exchange = assembled(frames)
    assert subject.closed
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.response_body == STREAM
    assert exchange.response_size == len(wire)
    assert sum(chunk.size for chunk in exchange.chunks) == len(STREAM)
    before = len(frames)
    subject.failed(99, Outcome.CLIENT_GONE, "late")
    assert len(frames) == before


def test_the_terminal_event_makes_a_later_disconnect_complete() -> None:
    subject, frames = streamed([STREAM[: STREAM.index(b"event: done")]])
    assert subject.saw_end
    assert not subject.closed
    subject.failed(50, Outcome.CLIENT_GONE, "Client disconnected.")
    assert assembled(frames).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", ["interaction.completed", "interaction.complete", "error"])
@pytest.mark.parametrize("event_line", [True, False])
def test_every_terminal_event_is_seen_only_when_whole(name: str, event_line: bool, newline: bytes) -> None:
    payload = json.dumps({"interaction": {"status": "completed"}, "event_type": name}).encode()
    line = b"event: " + name.encode() + newline if event_line else b""
    wire = b": ping" + newline * 2 + line + b"data: " + payload + newline * 2
    for cut in range(1, len(wire)):
        subject, _ = streamed([wire[:cut]])
        assert not subject.saw_end
        subject.response_data(30, wire[cut:])
        assert subject.saw_end


@pytest.mark.parametrize("text", ["data: [DONE]\n\n", '"event_type":"interaction.completed"\n\n', "event: error\n\n"])
def test_text_that_looks_like_an_end_is_none(text: str) -> None:
    subject, frames = streamed(sse_chunks(text_stream("v1_a", [text], ended=False), done=False))
    assert not subject.saw_end
    subject.failed(50, Outcome.CUT, "reset")
    assert assembled(frames).outcome is Outcome.CUT


def test_a_json_answer_is_whole_at_its_announced_length() -> None:
    subject, _ = streamed([b'{"a":'], (("content-type", "application/json"), ("content-length", "7")))
    assert not subject.saw_end
    subject.response_data(30, b"1}")
    assert subject.saw_end


def test_a_request_that_failed_keeps_its_body_and_masks_the_error() -> None:
    frames: list[Frame] = []
    subject = recorder(frames)
    subject.request_data(b'{"input":"Hi"}')
    subject.failed(5, Outcome.FAILED, f"connect to host?key={KEY} refused")
    exchange = assembled(frames)
    assert exchange.request_body == b'{"input":"Hi"}'
    assert (exchange.status, exchange.outcome) == (None, Outcome.FAILED)
    assert exchange.error == "connect to host?key=[redacted] refused"


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_past_the_limit_leaves_length_and_hash(packed: bool) -> None:
    body = b"abcdefghij" * 100
    wire = gzip.compress(body) if packed else body
    headers: Headers = (("content-encoding", "gzip"),) if packed else ()
    _, frames = (made := streamed([wire[:600], wire[600:]], headers, max_body=700))
    made[0].response_end(90)
    exchange = assembled(frames)
    rest = wire if packed else body[700:]
    assert exchange.response_body == body[:700]
    assert exchange.response_size == len(wire)
    assert f"{len(rest)} bytes on the wire and sha256 {hashlib.sha256(rest).hexdigest()}" in exchange.notes[0]


def test_damaged_and_unknown_codings_are_notes() -> None:
    subject, frames = streamed([b"\x1f\x8bnonsense", b"more"], (("content-encoding", "gzip"),))
    subject.response_end(90)
    exchange = assembled(frames)
    assert exchange.response_body == b""
    assert exchange.response_size == 14
    assert "not valid gzip" in exchange.notes[0]
    subject, frames = streamed([b"abc"], (("content-encoding", "snappy"),))
    subject.response_end(90)
    exchange = assembled(frames)
    # Nobody can say which secrets are in it.
    assert (exchange.response_body, exchange.response_size) == (b"", 3)
    assert "'snappy'" in exchange.notes[0]
    assert "not kept" in exchange.notes[0]


def test_a_packed_body_is_not_kept_without_the_package_that_unpacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)
    subject, frames = streamed([b"x-goog-api-key"], (("content-encoding", "br"),))
    subject.response_end(90)
    exchange = assembled(frames)
    assert exchange.response_body == b""
    assert "'brotli' package is not installed" in exchange.notes[0]


TOOL = {"type": "mcp_server", "name": "w", "headers": {"Authorization": "Bearer never-sent-here-1", "X-Env": "blue"}}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("stream", [True, False])
def test_a_get_that_gives_back_what_the_create_hid(stream: bool, size: int) -> None:
    told = json.dumps({"event_type": "interaction.created", "interaction": {"id": "v1_a", "tools": [TOOL]}})
    body = f"event: interaction.created\r\ndata: {told}\r\n\r\ndata: [DONE]\n\n" if stream else told
    pieces = [body.encode()[at : at + size] for at in range(0, len(body), size)]
    headers = SSE if stream else (("content-type", "application/json"),)
    subject, frames = streamed(pieces, headers, method="GET", path="/v1/interactions/v1_a")
    subject.response_end(90_000)
    exchange = assembled(frames)
    kept = exchange.response_body.decode()
    assert "never-sent-here-1" not in kept
    assert "blue" not in kept
    assert '"name": "w"' in kept
    assert kept.count("[redacted]") == 2
    if stream:
        assert kept.endswith("\r\n\r\ndata: [DONE]\n\n")


def test_a_line_of_a_get_that_can_not_be_read_is_not_kept() -> None:
    subject, frames = streamed([b'data: {"mcp_server": "secret-1\n\ndata: {}\n\n'], method="GET")
    subject.response_end(90)
    assert assembled(frames).response_body == b"data: [redacted]\n\ndata: {}\n\n"


def test_calls_that_are_not_ours_keep_sizes_only() -> None:
    frames: list[Frame] = []
    subject = recorder(frames, path="/v1beta/models", keep_bodies=False)
    subject.request_data(b"secret-looking")
    subject.request_end()
    subject.response_started(1, 200, ())
    subject.response_data(2, b"abc")
    subject.response_data(3, b"defg")
    subject.response_end(4)
    exchange = assembled(frames)
    assert (exchange.request_body, exchange.response_body) == (b"", b"")
    assert (exchange.request_size, exchange.response_size) == (14, 7)
    assert exchange.notes == ("other call: bodies are not kept",)


def test_a_body_that_may_hide_secrets_and_does_not_parse_is_dropped_with_a_note() -> None:
    frames: list[Frame] = []
    subject = recorder(frames)
    subject.request_data(b'{"tools":[{"type":"mcp_server","headers":{"A":"b')
    subject.failed(9, Outcome.CLIENT_GONE, None)
    exchange = assembled(frames)
    assert exchange.request_body == b""
    assert exchange.request_size == 48
    assert "not valid JSON" in exchange.notes[0]


@given(st.lists(st.integers(1, 400), max_size=12), st.booleans())
def test_the_key_is_in_no_frame_however_the_echo_is_cut(cuts: list[int], packed: bool) -> None:
    body = json.dumps({"error": {"code": 400, "message": f"API key {KEY} not valid, said {KEY}"}}).encode()
    wire = gzip.compress(body) if packed else body
    edges = [0, *sorted({cut for cut in cuts if cut < len(wire)}), len(wire)]
    pieces = [wire[start:stop] for start, stop in itertools.pairwise(edges)]
    subject, frames = streamed(pieces, (("content-encoding", "gzip"),) if packed else ())
    subject.response_end(90)
    assert KEY.encode() not in repr(frames).encode()
    assert assembled(frames).response_body == body.replace(KEY.encode(), b"[redacted]")
    assert isinstance(frames[-1], Closed)


def test_a_large_request_leaves_as_it_comes() -> None:
    frames: list[Frame] = []
    subject = recorder(frames, max_body=1 << 26)
    body = json.dumps({"tools": [TOOL], "input": [{"type": "image", "data": "QUJD" * 1_500_000}], "z": KEY}).encode()
    held = most = 0
    for at in range(0, len(body), 65536):
        piece = body[at : at + 65536]
        before = len(frames)
        subject.request_data(piece)
        held += len(piece) - sum(len(frame.data) for frame in frames[before:] if isinstance(frame, RequestData))
        most = max(most, held)
    subject.request_end()
    subject.response_started(1, 200, ())
    subject.response_data(2, b'{"error":"never-sent-here-1"}')
    subject.response_end(3)
    assert most <= 1 << 20
    exchange = assembled(frames)
    expected = body.replace(b"Bearer never-sent-here-1", b"[redacted]").replace(b"blue", b"[redacted]")
    assert exchange.request_body == expected.replace(KEY.encode(), b"[redacted]")
    assert exchange.request_size == len(body)
    assert exchange.response_body == b'{"error":"[redacted]"}'
    assert exchange.notes == ()


@pytest.mark.parametrize("size", [1000, 2_000_000])
def test_an_answer_before_the_request_is_whole_echoes_nothing_of_it(size: int) -> None:
    frames: list[Frame] = []
    subject = recorder(frames, max_body=1 << 26)
    begun = json.dumps({"tools": [TOOL], "input": "x" * size}).encode()[:-9]
    late = b'x","tools":[{"type":"mcp_server","headers":{"A":"Bearer late-secret-22"}}]}'
    subject.request_data(begun)
    subject.response_started(1, 400, ())
    subject.response_data(2, b"no: never-sent-here-1, ")
    subject.request_data(late)
    subject.request_end()
    subject.response_data(3, b"late-secret-22")
    subject.response_end(4)
    exchange = assembled(frames)
    assert exchange.response_body == b"no: [redacted], [redacted]"
    assert b"late-secret" not in exchange.request_body


def test_a_large_body_that_is_no_json_is_kept_up_to_there() -> None:
    frames: list[Frame] = []
    subject = recorder(frames, max_body=1 << 26)
    good = b'{"input":"' + b"x" * 2_000_000 + b'"'
    subject.request_data(good + b' oops "mcp_server')
    subject.failed(1, Outcome.CLIENT_GONE, None)
    exchange = assembled(frames)
    assert exchange.request_body == good + b" "
    assert exchange.notes == (
        f"request: the body is not valid JSON after {len(good) + 1} bytes, so the rest was not kept",
    )


@pytest.mark.parametrize("events", [True, False])
def test_a_large_get_is_redacted_as_it_comes(events: bool) -> None:
    told = json.dumps({"steps": [{"type": "image", "data": "QUJD" * 500_000}], "tools": [TOOL]}).encode()
    body = b"event: interaction.created\ndata: " + told + b'\r\n\ndata: {"mcp_server": "x\n\n' if events else told
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    headers = SSE if events else (("content-type", "application/json"),)
    subject, frames = streamed(pieces, headers, method="GET", path="/v1/interactions/v1_a", max_body=1 << 26)
    kept = sum(len(frame.data) for frame in frames if isinstance(frame, ResponseData))
    assert kept > len(told) - 1000
    subject.response_end(90_000)
    expected = body.replace(b"Bearer never-sent-here-1", b"[redacted]").replace(b"blue", b"[redacted]")
    assert assembled(frames).response_body == expected.replace(b'{"mcp_server": "x', b"[redacted]")


def behind(pieces: list[bytes], **fields: Any) -> tuple[ExchangeRecorder, list[Frame]]:
    return streamed(pieces, (*SSE, ("content-encoding", "gzip")), in_steps=True, max_body=1 << 26, **fields)


def test_what_unpacks_to_much_comes_in_steps_and_nothing_overtakes_it() -> None:
    filler = b": " + b"x" * 12_000_000 + b"\n\n"
    wire = gzip.compress(filler + STREAM)
    subject, frames = behind([wire[:2000], wire[2000:]])
    subject.failed(99, Outcome.CLIENT_GONE, "Client disconnected.")
    steps = 0
    while subject.behind:
        before = len(frames)
        subject.catch_up()
        steps += 1
        sizes = [len(frame.data) for frame in frames[before:] if isinstance(frame, ResponseData)]
        assert sum(sizes) <= 2 * STEP_BYTES
    assert steps > 10
    exchange = assembled(frames)
    assert exchange.response_body == filler + STREAM
    assert exchange.response_size == len(wire)
    # The end was in what had crossed before the client left.
    assert exchange.outcome is Outcome.COMPLETE


def test_a_request_that_unpacks_to_much_is_read_before_its_answer() -> None:
    frames: list[Frame] = []
    headers = (("content-encoding", "gzip"),)
    subject = recorder(frames, headers=headers, in_steps=True, max_body=1 << 26)
    subject.request_data(gzip.compress(json.dumps({"input": "x" * 9_000_000, "tools": [TOOL]}).encode()))
    subject.request_end()
    subject.response_started(1, 400, ())
    subject.response_data(2, b"never-sent-here-1")
    subject.response_end(3)
    steps = 0
    while subject.behind:
        subject.catch_up()
        steps += 1
    assert steps > 8
    assert assembled(frames).response_body == b"[redacted]"


def test_no_more_waits_to_be_decoded_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 100)
    wire = gzip.compress(bytes(30_000_000))
    subject, frames = behind([wire[:9000], wire[9000:9060], wire[9060:9120], wire[9120:9180]])
    subject.failed(99_000, Outcome.CUT, "reset")
    while subject.behind:
        subject.catch_up()
    exchange = assembled(frames)
    assert exchange.response_size == 9180
    assert len(exchange.response_body) <= 2 * STEP_BYTES
    assert exchange.notes[0] == "response: 100 bytes waited to be decoded, so the rest was not"
    assert "9180 bytes on the wire" in exchange.notes[1]
