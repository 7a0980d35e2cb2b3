"""A large body is never held whole: neither mitmproxy nor the recorder keeps what has gone on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tracer.proxy import tuning
from tracer.testing import START_US
from tracer.wire.frames import Closed, Frame, RequestData, ResponseData
from tracer.wire.recorder import ExchangeRecorder

PIECE = b"x" * 65536
PIECES = 800  # 50 MB
PATIENCE = 60
ALLOWED = 25 * 1024 * 1024


class Sizes:
    """A journal that only counts."""

    def __init__(self) -> None:
        self.request = self.response = 0
        self.closed = asyncio.Event()

    def __call__(self, frame: Frame) -> None:
        if isinstance(frame, RequestData):
            self.request += frame.wire_size
        elif isinstance(frame, ResponseData):
            self.response += frame.wire_size
        elif isinstance(frame, Closed):
            self.closed.set()

    def recorder(self, **fields: Any) -> ExchangeRecorder:
        return ExchangeRecorder(
            key="0" * 32,
            at_us=START_US,
            run="r",
            project="p",
            account_key=b"k" * 32,
            sink=self,
            max_body=1 << 26,
            in_steps=True,
            **fields,
        )


def resident() -> int:
    """Bytes of memory that this process holds: client, proxy and upstream are all in it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")


@pytest.mark.parametrize(("part", "framing"), [("lane", "chunked"), ("lane", "counted"), ("layers", "chunked")])
async def test_a_response_of_50_mb(
    stage: Any, wire: Any, monkeypatch: pytest.MonkeyPatch, part: str, framing: str
) -> None:
    if part == "layers":
        monkeypatch.setitem(tuning._KNOWN, "lane", frozenset())
    sizes = Sizes()

    async def upstream(peer: Any) -> None:
        await peer.message()
        counted = b"Content-Length: %d\r\n" % (len(PIECE) * PIECES)
        head = counted if framing == "counted" else b"Transfer-Encoding: chunked\r\n"
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%b\r\n" % head)
        for _ in range(PIECES):
            await peer.send(PIECE if framing == "counted" else wire.chunked(PIECE))
        if framing == "chunked":
            await peer.send(wire.chunked(b""))

    async with stage(upstream, recorder=sizes.recorder) as subject, asyncio.timeout(PATIENCE):
        client = await subject.client()
        await client.send(wire.post(b"{}"))
        await client.head()
        got, before, most = 0, resident(), 0
        while got < len(PIECE) * PIECES:
            got += len(await client.reader.read(65536))
            most = max(most, resident() - before)
        await sizes.closed.wait()
    assert sizes.response == len(PIECE) * PIECES
    assert most < ALLOWED


async def test_an_upload_of_50_mb(stage: Any, wire: Any) -> None:
    sizes = Sizes()
    taken = 0

    async def upstream(peer: Any) -> None:
        nonlocal taken
        await peer.head()
        while taken < len(PIECE) * PIECES:
            taken += len(await peer.reader.read(65536))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with stage(upstream, recorder=sizes.recorder) as subject, asyncio.timeout(PATIENCE):
        client = await subject.client()
        head = b"POST /upload/v1beta/files HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        await client.send(head % (len(PIECE) * PIECES))
        before, most = resident(), 0
        for _ in range(PIECES):
            await client.send(PIECE)
            most = max(most, resident() - before)
        assert (await client.message()).body == b"{}"
        await sizes.closed.wait()
    assert taken == sizes.request == len(PIECE) * PIECES
    assert most < ALLOWED


@pytest.mark.parametrize("streams", [False, True], ids=["unary", "streams"])
async def test_a_create_of_50_mb(stage: Any, wire: Any, streams: bool) -> None:
    sizes = Sizes()
    begin, end = b'{"input":[{"type":"image","data":"', b'"}],"model":"m"}'
    length = len(begin) + len(PIECE) * PIECES + len(end)
    taken, tail = 0, b""

    async def upstream(peer: Any) -> None:
        nonlocal taken, tail
        await peer.head()
        while taken < length:
            data = await peer.reader.read(65536)
            taken, tail = taken + len(data), (tail + data)[-len(end) :]
        if not streams:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            return
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send(wire.chunked(b"data: {}\n\n") + wire.chunked(b""))

    async with stage(upstream, recorder=sizes.recorder) as subject, asyncio.timeout(PATIENCE):
        client = await subject.client()
        before, most, held = resident(), 0, 0
        sent = len(begin)
        await client.send(b"POST /v1/interactions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length + begin)
        for _ in range(PIECES):
            await client.send(PIECE)
            sent += len(PIECE)
            most, held = max(most, resident() - before), max(held, sent - sizes.request)
        await client.send(end)
        assert (await client.message()).head.startswith(b"HTTP/1.1 200")
        await sizes.closed.wait()
    assert taken == sizes.request == length
    assert tail == end
    # What was sent and is not in the journal: in sockets on the way, and what the recorder redacts as one.
    assert held < ALLOWED
    assert most < ALLOWED


async def test_streams_that_run_do_not_hold_what_was_asked(stage: Any, wire: Any) -> None:
    count, body = 60, b'{"input":"' + b"x" * 1_000_000 + b'"}'
    sizes, over = Sizes(), asyncio.Event()

    async def upstream(peer: Any) -> None:
        assert (await peer.message()).body == body
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send(wire.chunked(b"data: {}\n\n"))
        await over.wait()

    async with stage(upstream, recorder=sizes.recorder) as subject, asyncio.timeout(PATIENCE):
        before = resident()
        for _ in range(count):
            client = await subject.client()
            await client.send(wire.post(body))
            await client.head()
            assert await client.chunk() == b"data: {}\n\n"
        most = resident() - before
        over.set()
    assert sizes.request == count * len(body)
    assert most < ALLOWED
