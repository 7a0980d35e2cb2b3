"""What benchmarks/proxy.py sends and what answers it: an upstream, and clients that cost as little as Python can.

The clients and the upstream share the machine with the proxy under test, so what they cost is latency of their own:
they are bare protocols, and the direct way through them is a variant like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

MODEL = "gemini-3.5-flash"
PATH = "/v1beta/interactions"
KEY = "bench-key-0123456789"
REQUEST = json.dumps({"model": MODEL, "input": "word " * 400}).encode()
ANSWER = json.dumps(
    {
        "id": "v1_bench", "status": "completed", "model": MODEL,
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": "word " * 340}]}],
    }
).encode()  # fmt: skip
_STREAM = re.compile(rb"x-events=(\d+)x(\d+)")
_SENT_AT = re.compile(rb'"at": *(\d+)[,}]')
_LENGTH = re.compile(rb"(?i)\ncontent-length: *(\d+)")
_END = b"0\r\n\r\n"


class Stub(asyncio.Protocol):
    """The upstream: answers a POST at once; streams if its body asks for `x-events=EVENTSxGAP_MS`.

    Streams are independent of each other: each begins within a gap, and its gaps vary by half.
    """

    streams = 0

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            asked = _STREAM.search(self._data, end + 4, end + 4 + length)
            self._data = self._data[end + 4 + length :]
            self._answer(asked)

    def _answer(self, asked: re.Match[bytes] | None) -> None:
        if asked is not None:
            events, gap = asked.groups()
            self._task = asyncio.get_running_loop().create_task(self._stream(int(events), int(gap) / 1000))
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
        self._transport.write(head + ANSWER)

    async def _stream(self, events: int, gap: float) -> None:
        Stub.streams += 1
        chance = random.Random(Stub.streams)  # noqa: S311 - the pace of a stream
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._transport.write(head)
        for number in range(events):
            await asyncio.sleep(gap * (chance.uniform(0.5, 1.5) if number else chance.random()))
            if self._transport.is_closing():
                return
            event = b'event: step.delta\ndata: {"event_type":"step.delta","at":%20d,"delta":{"text":"%b"}}\n\n' % (
                time.monotonic_ns(),
                b"word " * 20,
            )
            self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        self._transport.write(_END)


async def serve(port: int) -> None:
    """The upstream, until it is cancelled."""
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port, backlog=4096)
    async with server:
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()


def post(body: bytes = REQUEST) -> bytes:
    """A request, of 2 KB unless another body is given."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + f"\r\nx-goog-api-key: {KEY}\r\n\r\n".encode() + body


def one_by_one(port: int, count: int, *, warm: Callable[[], None]) -> float:
    """The median seconds of a request, one after the other on one connection; `warm` is called before the first."""
    request, took = post(), list[float]()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(-20, count):
            if number == 0:
                warm()
            start = time.perf_counter()
            connection.sendall(request)
            _read_answer(connection)
            if number >= 0:
                took.append(time.perf_counter() - start)
    return statistics.median(took)


def _read_answer(connection: socket.socket) -> None:
    data = b""
    while (size := answer_size(data)) is None:
        data += connection.recv(65536)
    missing = size - len(data)
    while missing > 0:
        missing -= len(connection.recv(65536))


def answer_size(data: bytes) -> int | None:
    """How long an answer is with its head; None while that is not known. Raises SystemExit for a refusal."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(data, 0, end)
    if b" 200 " not in data[:16] or length is None:
        raise SystemExit(f"not the answer that was asked for: {data[:600]!r}")
    return end + 4 + int(length[1])


class _Client(asyncio.Protocol):
    """One connection; `over` is done when it has what it came for."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the connection ended too early"))

    def leave(self) -> None:
        """Done."""
        if not self.over.done():
            self.over.set_result(None)
        self._transport.close()


class _Asking(_Client):
    """Asks again as soon as it has the answer."""

    def __init__(self, count: int) -> None:
        super().__init__(post())
        self._left = count
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._data += data
        size = answer_size(self._data)
        if size is None or len(self._data) < size:
            return
        self._data = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self.leave()


class _Listening(_Client):
    """Reads one stream; `late` gets how many nanoseconds ago each event was sent."""

    def __init__(self, request: bytes, late: list[int]) -> None:
        super().__init__(request)
        self._late = late
        self._rest = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        now = time.monotonic_ns()
        if not self.begun.done():
            self.begun.set_result(None)
        rest = self._rest + data
        while (mark := _SENT_AT.search(rest)) is not None:
            self._late.append(now - int(mark[1]))
            rest = rest[mark.end() :]
        self._rest = rest
        if rest.endswith(_END):
            self.leave()


async def at_once(port: int, connections: int, count: int) -> float:
    """How many seconds `count` requests take on that many connections."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    asking = [
        (await loop.create_connection(lambda: _Asking(count // connections), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(each.over for each in asking))
    return time.perf_counter() - start


async def listen(port: int, number: int, events: int, gap_ms: int) -> tuple[list[int], int]:
    """How late each event of that many streams was, in nanoseconds, and how many streams came to their end."""
    loop = asyncio.get_running_loop()
    late: list[int] = []
    asked = {"model": MODEL, "stream": True, "input": f"x-events={events}x{gap_ms} " + "word " * 400}
    request = post(json.dumps(asked).encode())
    gate = asyncio.Semaphore(50)

    async def one() -> int:
        async with gate:
            _, stream = await loop.create_connection(lambda: _Listening(request, late), "127.0.0.1", port)
            await asyncio.wait([stream.begun, stream.over], return_when=asyncio.FIRST_COMPLETED)
        try:
            await stream.over
        except OSError:
            return 0
        return 1

    return late, sum(await asyncio.gather(*(one() for _ in range(number))))
