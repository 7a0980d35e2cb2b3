"""Bodies past mitmproxy's layers: the same bytes, the same record and the same ends as through them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from tests.proxy.test_forward import secure as secured
from tests.proxy.test_forward import tunnel
from tests.proxy.test_tls import self_signed
from tracer.proxy import lane, tuning
from tracer.testing import sse_chunks, text_stream
from tracer.wire.exchange import Outcome

EVENTS = sse_chunks(text_stream("v1_a", ["Hel", "lo", ", ", "you", "."]))
BODY = b"".join(EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%b\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PATIENCE = 20


class Passed(list[bytes]):
    """What went past the layers."""

    def __init__(self) -> None:
        self.paused = asyncio.Event()
        self.most_unsent = 0


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Passed:
    found = Passed()
    stock = lane.BodyLane._pass_on

    def noted(self: lane.BodyLane, data: bytes) -> bool:
        gone = stock(self, data)
        if gone:
            found.append(data)
        if self._waiting is not None:
            found.paused.set()
        found.most_unsent = max(found.most_unsent, self._client.get_write_buffer_size())
        return gone

    monkeypatch.setattr(lane.BodyLane, "_pass_on", noted)
    return found


async def recorded(subject: Any) -> Any:
    return await asyncio.wait_for(subject.recordings.closed.get(), PATIENCE)


def asks(subject: Any, wire: Any) -> Any:
    return subject.ask(wire.post(b'{"model":"m","input":"Hi","stream":true}'))


def speaks(pieces: list[bytes], *, head: bytes = CHUNKED) -> Any:
    """An upstream that sends each piece when the proxy, in the same event loop, has read the one before."""

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(HEAD % head)
        for piece in pieces:
            await peer.send(piece)
            await _turns()

    return upstream


async def _turns() -> None:
    # Of the event loop: one to read the socket, two until the task behind a StreamReader has done its part.
    for _ in range(4):
        await asyncio.sleep(0)


def framed(wire: Any) -> list[bytes]:
    return [wire.chunked(event) for event in EVENTS]


@pytest.mark.parametrize("secure", [False, True])
async def test_a_stream_goes_past_the_layers_and_its_end_through_them(
    stage: Any, wire: Any, passed: Passed, tmp_path: Any, secure: bool
) -> None:
    pieces = [*framed(wire), wire.chunked(b"")]
    async with stage(speaks(pieces), tls=self_signed(tmp_path, "one") if secure else None) as subject:
        for _ in range(2):
            client, got = await asks(subject, wire)
            exchange = await recorded(subject)
            assert got.body == exchange.response_body == BODY
            assert exchange.outcome is Outcome.COMPLETE
            assert len(exchange.chunks) > len(EVENTS) // 2
            await client.close()
    assert len(passed) > len(EVENTS) // 2
    assert subject.said == []


@pytest.mark.parametrize("cut", [1, 3, 40, 10_000])
async def test_in_a_tunnel_both_sides_are_encrypted_and_the_body_goes_past_the_layers_too(
    stage: Any, wire: Any, certified: Any, passed: Passed, cut: int
) -> None:
    raw = b"".join(framed(wire)) + wire.chunked(b"")
    raw = raw if cut > 3 else b"".join(framed(wire)[:2]) + wire.chunked(b"")
    pieces = [raw[at : at + cut] for at in range(0, len(raw), cut)]
    answers = speaks(pieces if cut < 1000 else [*framed(wire), wire.chunked(b"")])

    async def twice(peer: Any) -> None:
        await answers(peer)
        await answers(peer)

    async with stage(twice, tls=certified, forward=True) as subject, asyncio.timeout(PATIENCE):
        client = await in_a_tunnel(subject, wire)
        for _ in range(2):
            # The second one finds the connections as the first one left them.
            await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
            got, exchange = await client.message(), await recorded(subject)
            assert got.body == exchange.response_body == (BODY if cut > 3 else b"".join(EVENTS[:2]))
            assert exchange.outcome is Outcome.COMPLETE
        await client.close()
    assert len(passed) > len(EVENTS) // 2
    assert subject.said == []


@pytest.mark.parametrize("how", ["upstream breaks off", "client leaves"])
async def test_in_a_tunnel_either_side_may_end_it(
    stage: Any, wire: Any, certified: Any, passed: Passed, how: str
) -> None:
    left = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(HEAD % CHUNKED)
        for piece in framed(wire)[:3]:
            await peer.send(piece)
            await _turns()
        if how == "upstream breaks off":
            peer.reset()
        else:
            assert await peer.reader.read() == b""
            left.set()

    async with stage(upstream, tls=certified, forward=True) as subject, asyncio.timeout(PATIENCE):
        client = await in_a_tunnel(subject, wire)
        await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
        await client.head()
        for event in EVENTS[:3]:
            assert await client.chunk() == event
        if how == "client leaves":
            client.reset()
            await left.wait()
        else:
            assert await client.reader.read() == b""
        exchange = await recorded(subject)
    assert exchange.response_body == b"".join(EVENTS[:3])
    assert exchange.outcome is (Outcome.CUT if how == "upstream breaks off" else Outcome.CLIENT_GONE)
    assert passed


async def in_a_tunnel(subject: Any, wire: Any) -> Any:
    """A client that speaks TLS with the proxy, in a tunnel to the upstream."""
    said, reader, writer = await tunnel(subject.proxy.forward_url, subject.upstream)
    assert b" 200 " in said
    assert await secured(reader, writer, subject.proxy.authority) == "mitmproxy"
    return wire.peer(reader, writer)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("cut", [1, 2, 3, 7, 40, 150])
async def test_pieces_cut_anywhere(
    stage: Any, wire: Any, passed: Passed, tmp_path: Any, secure: bool, cut: int
) -> None:
    raw = b"".join(framed(wire)) + wire.chunked(b"")
    raw = raw if cut > 3 else b"".join(framed(wire)[:2]) + wire.chunked(b"")
    pieces = [raw[at : at + cut] for at in range(0, len(raw), cut)]
    async with stage(speaks(pieces), tls=self_signed(tmp_path, "one") if secure else None) as subject:
        _, got = await asks(subject, wire)
        exchange = await recorded(subject)
    assert got.body == exchange.response_body == (BODY if cut > 3 else b"".join(EVENTS[:2]))
    assert exchange.response_size == len(got.body)
    assert exchange.outcome is Outcome.COMPLETE
    assert passed


async def test_a_body_of_known_length_and_one_until_the_connection_ends(stage: Any, wire: Any, passed: Passed) -> None:
    for head in (b"Content-Length: %d\r\n" % len(BODY), b"Connection: close\r\n"):
        passed.clear()
        async with stage(speaks(EVENTS, head=head)) as subject:
            client = await subject.client()
            await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
            async with asyncio.timeout(PATIENCE):
                await client.head()
                assert await client.reader.readexactly(len(BODY)) == BODY
            exchange = await recorded(subject)
        assert exchange.response_body == BODY
        assert exchange.outcome is Outcome.COMPLETE
        assert len(passed) > len(EVENTS) // 2


@pytest.mark.parametrize("last", [b"", b"nonsense\r\n"])
@pytest.mark.parametrize("secure", [False, True])
async def test_an_upstream_that_breaks_off_or_talks_nonsense(
    stage: Any, wire: Any, passed: Passed, tmp_path: Any, secure: bool, last: bytes
) -> None:
    pieces = [*framed(wire)[:3], last]
    async with stage(speaks(pieces), tls=self_signed(tmp_path, "one") if secure else None) as subject:
        client = await subject.client()
        await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
        async with asyncio.timeout(PATIENCE):
            await client.head()
            got = b"".join([await client.chunk() for _ in range(3)])
            assert await client.reader.read() == b""
        exchange = await recorded(subject)
    assert got == exchange.response_body == b"".join(EVENTS[:3])
    assert exchange.outcome is Outcome.CUT
    assert passed


async def test_a_client_that_leaves_ends_the_call_upstream(stage: Any, wire: Any, passed: Passed) -> None:
    upstream_ended = asyncio.Event()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(HEAD % CHUNKED)
        for event in EVENTS[:3]:
            await peer.send(wire.chunked(event))
            await _turns()
        assert await peer.reader.read(1) == b""
        upstream_ended.set()

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
        async with asyncio.timeout(PATIENCE):
            await client.head()
            for event in EVENTS[:3]:
                assert await client.chunk() == event
            await client.close()
            await upstream_ended.wait()
        exchange = await recorded(subject)
    assert exchange.outcome is Outcome.CLIENT_GONE
    assert exchange.response_body == b"".join(EVENTS[:3])
    assert passed


async def test_a_slow_client_slows_the_upstream_down(stage: Any, wire: Any, passed: Passed) -> None:
    size, count = 64 * 1024, 800

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(HEAD % CHUNKED)
        for _ in range(count):
            await peer.send(wire.chunked(b"x" * size))
        await peer.send(wire.chunked(b""))

    async with stage(upstream) as subject:
        client = await subject.client()
        await client.send(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
        async with asyncio.timeout(PATIENCE * 3):
            await passed.paused.wait()
            await client.head()
            got = 0
            while piece := await client.chunk():
                got += len(piece)
        exchange = await recorded(subject)
    assert got == exchange.response_size == size * count
    assert exchange.outcome is Outcome.COMPLETE
    assert passed.most_unsent < 1024 * 1024


async def test_where_the_layers_are_others_the_body_goes_through_them(
    stage: Any, wire: Any, passed: Passed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tuning._KNOWN, "lane", frozenset())
    async with stage(speaks([*framed(wire), wire.chunked(b"")])) as subject:
        _, got = await asks(subject, wire)
        exchange = await recorded(subject)
    assert got.body == exchange.response_body == BODY
    assert passed == []


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 30), min_size=1))
def test_the_reader_counts_on_whoever_took_the_bytes(pieces: list[bytes], cuts: list[int]) -> None:
    """Whatever the cuts, body taken here and body left to h11's reader make the whole, in order."""
    raw = b"".join(b"%X\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    reader, buffer, got = ChunkedReader(), ReceiveBuffer(), bytearray()
    body = lane._chunks(reader)
    ended = False
    for piece in _cut(raw, cuts):
        taken = None if buffer else body(piece)
        if taken is not None:
            got += taken
            continue
        buffer += piece
        while (event := reader(buffer)) is not None:
            if hasattr(event, "data"):
                got += event.data
            else:
                ended = True
                break
    assert ended
    assert bytes(got) == b"".join(pieces)


def _cut(raw: bytes, cuts: list[int]) -> Iterator[bytes]:
    position, number = 0, 0
    while position < len(raw):
        size = cuts[number % len(cuts)]
        yield raw[position : position + size]
        position += size
        number += 1
