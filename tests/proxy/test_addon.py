"""Nothing is delayed, nothing is changed, everything is recorded: the real mitmproxy between raw sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from tracer.testing import answer, sse_chunks, text_stream
from tracer.wire.decoding import STEP_BYTES
from tracer.wire.exchange import Outcome

REQUEST = json.dumps({"model": "gemini-3.5-flash", "input": "Hi", "stream": True}).encode()
EVENTS = sse_chunks(text_stream("v1_a", ["Hel", "lo."]))
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n%b\r\n"
PATIENCE = 20


async def recorded(subject: Any) -> Any:
    return await asyncio.wait_for(subject.recordings.closed.get(), PATIENCE)


async def test_the_second_event_is_only_sent_when_the_client_has_the_first(stage: Any, wire: Any) -> None:
    has_it = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"" + wire.chunked(EVENTS[0]))
        await has_it.wait()
        for event in EVENTS[1:]:
            await peer.send(wire.chunked(event))
        await peer.send(wire.chunked(b""))

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        async with asyncio.timeout(PATIENCE):
            await client.head()
            assert await client.chunk() == EVENTS[0]
            has_it.set()
            rest = b""
            while piece := await client.chunk():
                rest += piece
        assert rest == b"".join(EVENTS[1:])
        exchange = await recorded(subject)
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.request_body == REQUEST
    assert exchange.response_body == b"".join(EVENTS)
    assert 0 < exchange.headers_at_us <= exchange.chunks[0].at_us <= exchange.chunks[-1].at_us <= exchange.ended_at_us
    assert subject.said == []


async def test_a_packed_stream_reaches_the_client_as_it_was_and_the_record_decoded(stage: Any, wire: Any) -> None:
    packed = gzip.compress(b"".join(EVENTS))

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"Content-Encoding: gzip\r\n")
        for at in range(0, len(packed), 50):
            await peer.send(wire.chunked(packed[at : at + 50]))
        await peer.send(wire.chunked(b""))

    async with stage(upstream) as subject:
        _, got = await subject.ask(wire.post(REQUEST))
        exchange = await recorded(subject)
    assert got.body == packed
    assert got.header("content-encoding") == "gzip"
    assert exchange.response_body == b"".join(EVENTS)
    assert exchange.response_size == len(packed)


@pytest.mark.parametrize("events", [len(EVENTS), len(EVENTS) - 1])
async def test_a_client_that_leaves_after_the_end_had_a_complete_answer(stage: Any, wire: Any, events: int) -> None:
    gone = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"" + b"".join(map(wire.chunked, EVENTS[:events])))
        await gone.wait()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        await client.head()
        got = b""
        while len(got) < sum(map(len, EVENTS[:events])):
            got += await client.chunk()
        await client.close()
        exchange = await recorded(subject)
        gone.set()
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.error is None
    assert exchange.response_body == b"".join(EVENTS[:events])


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_in_the_middle_is_gone_and_what_arrived_is_kept(
    stage: Any, wire: Any, how: str
) -> None:
    gone = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"" + wire.chunked(EVENTS[0]))
        await gone.wait()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        await client.head()
        assert await client.chunk() == EVENTS[0]
        if how == "close":
            await client.close()
        else:
            client.reset()
        exchange = await recorded(subject)
        gone.set()
    assert exchange.outcome is Outcome.CLIENT_GONE
    assert exchange.response_body == EVENTS[0]
    assert exchange.error


async def test_a_client_that_leaves_before_the_answer_is_gone(stage: Any, wire: Any) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        asked.set()
        await gone.wait()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        await asked.wait()
        await client.close()
        exchange = await recorded(subject)
        gone.set()
    assert (exchange.outcome, exchange.status) == (Outcome.CLIENT_GONE, None)
    assert exchange.request_body == REQUEST
    assert subject.said == []


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_upstream_that_breaks_off_cuts(stage: Any, wire: Any, how: str) -> None:
    has_it = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"" + wire.chunked(EVENTS[0]))
        await has_it.wait()
        if how == "reset":
            peer.reset()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        await client.head()
        assert await client.chunk() == EVENTS[0]
        has_it.set()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
            await client.chunk()
        exchange = await recorded(subject)
    assert exchange.outcome is Outcome.CUT
    assert exchange.response_body == EVENTS[0]
    assert exchange.error


async def test_an_upstream_that_does_not_answer_gives_502_and_one_sentence(stage: Any, wire: Any) -> None:
    async def upstream(peer: Any) -> None:
        await peer.message()

    async with stage(upstream) as subject:
        for _ in range(2):
            _, got = await subject.ask(wire.post(REQUEST))
            assert got.first_line == "HTTP/1.1 502 Bad Gateway"
            exchange = await recorded(subject)
            assert (exchange.outcome, exchange.status) == (Outcome.FAILED, None)
            assert exchange.error
    assert len(subject.said) == 1
    assert "did not answer" in subject.said[0]


@pytest.mark.parametrize(
    ("request_head", "path"),
    [
        (b"GET /v1beta/models?pageSize=5 HTTP/1.1", "/v1beta/models"),
        (b"POST /upload/v1beta/files HTTP/1.1", "/upload/v1beta/files"),
        (b"PUT /anything//odd/%7Epath%2F?x=%20+&&y HTTP/1.1", "/anything//odd/%7Epath%2F"),
        (b"DELETE /v1/credentials/c1 HTTP/1.1", "/v1/credentials/c1"),
    ],
)
async def test_other_calls_pass_byte_for_byte_and_leave_no_body(stage: Any, request_head: bytes, path: str) -> None:
    sent_body, answered = bytes(range(256)) * 9, b"\x00\xff" * 3000
    seen: list[Any] = []

    async def upstream(peer: Any) -> None:
        seen.append(await peer.message())
        await peer.send(b"HTTP/1.1 203 Odd Reason\r\nX-Weird:  a, b\r\nX-Weird: c\r\nContent-Length: 6000\r\n\r\n")
        await peer.send(answered)

    head = request_head + b"\r\nHost: x\r\nX-oDD: 1\r\nUser-Agent: a\r\nUser-Agent: b\r\nContent-Length: 2304\r\n\r\n"
    async with stage(upstream) as subject:
        _, got = await subject.ask(head + sent_body)
        exchange = await recorded(subject)
    assert got.head == b"HTTP/1.1 203 Odd Reason\r\nX-Weird: a, b\r\nX-Weird: c\r\nContent-Length: 6000\r\n\r\n"
    assert got.body == answered
    host = exchange.origin.removeprefix("http://").encode()
    assert seen[0].head == head.replace(b"Host: x", b"Host: " + host)
    assert seen[0].body == sent_body
    assert (exchange.path, exchange.status) == (path, 203)
    assert (exchange.request_body, exchange.response_body) == (b"", b"")
    assert (exchange.request_size, exchange.response_size) == (2304, 6000)
    assert exchange.notes == ("other call: bodies are not kept",)
    assert dict(subject.addon.others) == {exchange.origin: 1}


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_large_request_streams_and_is_recorded_whole(stage: Any, wire: Any, framing: str) -> None:
    body = json.dumps({"model": "m", "input": "x" * 3_000_000}).encode()
    first_part = asyncio.Event()
    seen: list[bytes] = []

    async def upstream(peer: Any) -> None:
        message = await peer.head()
        first_part.set()
        if framing == "length":
            seen.append(await peer.reader.readexactly(int(message.header("content-length"))))
        else:
            whole = b""
            while piece := await peer.chunk():
                whole += piece
            seen.append(whole)
        reply = json.dumps(answer("v1_a", text="ok")).encode()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(reply))
        await peer.send(reply)

    async with stage(upstream) as subject:
        client = await subject.client()
        line = b"Content-Length: %d" % len(body) if framing == "length" else b"Transfer-Encoding: chunked"
        await client.send(b"POST /v1/interactions HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n")
        half = len(body) // 2
        await client.send(body[:half] if framing == "length" else wire.chunked(body[:half]))
        await asyncio.wait_for(first_part.wait(), PATIENCE)
        await client.send(body[half:] if framing == "length" else wire.chunked(body[half:]) + wire.chunked(b""))
        assert (await client.message()).first_line == "HTTP/1.1 200 OK"
        exchange = await recorded(subject)
    assert seen == [body]
    assert exchange.request_body == body
    assert exchange.request_size == len(body)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_without_a_body(stage: Any, wire: Any, reply: bytes) -> None:
    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(reply)

    async with stage(upstream) as subject:
        _, got = await subject.ask(wire.post(b"", "/v1/interactions/v1_a/cancel"))
        exchange = await recorded(subject)
    assert got.head == reply
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.chunks == ()


async def test_a_base_path_goes_in_front(stage: Any, wire: Any) -> None:
    lines: list[str] = []

    async def upstream(peer: Any) -> None:
        lines.append((await peer.message()).first_line)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with stage(upstream, path="/some/gateway") as subject:
        await subject.ask(wire.post(b"{}", "/v1beta/interactions?alt=json&key=AIzaSyABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"))
        exchange = await recorded(subject)
    assert lines[0].startswith("POST /some/gateway/v1beta/interactions?alt=json&key=AIza")
    assert exchange.path == "/some/gateway/v1beta/interactions"
    assert exchange.query == (("alt", "json"), ("key", "[redacted]"))


async def test_a_recorder_that_breaks_costs_the_recording_and_not_the_traffic(stage: Any, wire: Any) -> None:
    reply = json.dumps(answer("v1_a", text="ok")).encode()

    async def upstream(peer: Any) -> None:
        for _ in range(2):
            await peer.message()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(reply), reply))

    def broken(**_: Any) -> Any:
        raise RuntimeError("canary-in-the-exception")

    async with stage(upstream, recorder=broken) as subject:
        for _ in range(2):
            _, got = await subject.ask(wire.post(REQUEST))
            assert got.body == reply
    assert len(subject.said) == 1
    assert "recording failed" in subject.said[0]
    assert "canary" not in subject.said[0]


async def test_what_runs_when_the_proxy_stops_is_interrupted(stage: Any, wire: Any) -> None:
    gone = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(SSE_HEAD % b"" + wire.chunked(EVENTS[0]))
        await gone.wait()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(REQUEST))
        await client.head()
        assert await client.chunk() == EVENTS[0]
    exchange = await recorded(subject)
    gone.set()
    assert exchange.outcome is Outcome.INTERRUPTED
    assert exchange.response_body == EVENTS[0]


@pytest.mark.parametrize("stopped", [False, True])
async def test_what_unpacks_to_much_is_unpacked_after_it_went_on(stage: Any, wire: Any, stopped: bool) -> None:
    size = 10_000_000
    packed = gzip.compress(bytes(size))

    async def upstream(peer: Any) -> None:
        await peer.message()
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        )
        await peer.send(head % len(packed) + packed)

    async with stage(upstream) as subject, asyncio.timeout(PATIENCE):
        _, answer = await subject.ask(wire.post(b"{}"))
        assert answer.body == packed
        if stopped:
            await subject.proxy.stop()
        exchange = await subject.recordings.closed.get()
    assert exchange.response_body == bytes(size)
    assert exchange.outcome is Outcome.COMPLETE
    # Each step has a frame of its own: between them is whatever else the event loop has to do.
    sizes = [chunk.size for chunk in exchange.chunks]
    assert max(sizes) <= 2 * STEP_BYTES
    assert sum(1 for chunk in exchange.chunks if chunk.wire_size) < len(sizes)
