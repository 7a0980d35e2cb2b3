"""The real mitmproxy with our addon on this loop, a scripted upstream, raw sockets on both sides."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from loopback_tls import certified

from tracer.proxy.access import Access
from tracer.proxy.addon import RecordingAddon
from tracer.proxy.run import EmbeddedProxy
from tracer.proxy.upstream import Routing, Upstream
from tracer.proxy.way_out import WayOut
from tracer.testing import START_US
from tracer.wire.exchange import Exchange
from tracer.wire.frames import Closed, ExchangeAssembler, Frame, Opened
from tracer.wire.keys import uuid7
from tracer.wire.recorder import ExchangeRecorder


@dataclass
class Message:
    """A request or response as it crossed: its head and its body with the framing undone, or raw to the end."""

    head: bytes
    body: bytes = b""

    @property
    def first_line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    def header(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode().lower() == name:
                return value.decode().strip()
        return None


@dataclass
class Peer:
    """One side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Message:
        return Message(await self.reader.readuntil(b"\r\n\r\n"))

    async def message(self) -> Message:
        message = await self.head()
        if message.header("transfer-encoding") == "chunked":
            while piece := await self.chunk():
                message.body += piece
        elif length := message.header("content-length"):
            message.body = await self.reader.readexactly(int(length))
        return message

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        await self.reader.readexactly(2)
        return data

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    def reset(self) -> None:
        self.writer.transport.abort()


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass
class Recordings:
    """What the recorder emitted, put together."""

    assemblers: dict[str, ExchangeAssembler] = field(default_factory=dict)
    closed: asyncio.Queue[Exchange] = field(default_factory=asyncio.Queue)
    frames: list[Frame] = field(default_factory=list)

    def __call__(self, frame: Frame) -> None:
        self.frames.append(frame)
        if isinstance(frame, Opened):
            self.assemblers[frame.key] = ExchangeAssembler(frame)
            return
        self.assemblers[frame.key].feed(frame)
        if isinstance(frame, Closed):
            self.closed.put_nowait(self.assemblers[frame.key].exchange())

    def recorder(self, **fields: Any) -> ExchangeRecorder:
        return ExchangeRecorder(
            key=uuid7(START_US, secrets.token_bytes(8)), at_us=START_US, run="r", project="p", account_key=b"k" * 32,
            sink=self, max_body=1 << 24, in_steps=True, **fields,
        )  # fmt: skip


@dataclass
class Stage:
    """A proxy between a scripted upstream and whoever connects."""

    url: str
    address: tuple[str, int]
    recordings: Recordings
    addon: RecordingAddon
    said: list[str]
    peers: list[Peer]
    proxy: EmbeddedProxy
    upstream: str

    async def client(self) -> Peer:
        self.peers.append(Peer(*await asyncio.open_connection(*self.address)))
        return self.peers[-1]

    async def ask(self, request: bytes) -> tuple[Peer, Message]:
        peer = await self.client()
        await peer.send(request)
        return peer, await peer.message()


type Script = Callable[[Peer], Awaitable[None]]
type OpenStage = Callable[..., Any]


def post(body: bytes, path: str = "/v1/interactions", headers: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (
        path.encode(),
        headers,
        len(body),
        body,
    )


@pytest.fixture
def stage(tmp_path: Path) -> OpenStage:
    @asynccontextmanager
    async def opened(
        script: Script,
        *,
        path: str = "",
        recorder: Any = None,
        tls: tuple[Any, Path] | None = None,
        forward: bool = False,
        token: str | None = None,
        way_out: WayOut | None = None,
    ) -> AsyncIterator[Stage]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = Peer(reader, writer)
            peers.append(peer)
            try:
                await script(peer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                await peer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls[0] if tls else None)
        port = server.sockets[0].getsockname()[1]
        recordings, said, peers = Recordings(), list[str](), list[Peer]()
        upstream = Upstream("https" if tls else "http", "127.0.0.1", port, path)
        addon = RecordingAddon(Routing(upstream), recorder or recordings.recorder, said.append, access=Access(token))
        proxy = EmbeddedProxy(
            addon, host="127.0.0.1", port=0, upstream=upstream, ca_folder=tmp_path / "ca", trusted=tls and tls[1],
            forward=("127.0.0.1", 0) if forward else None, way_out=way_out,
        )  # fmt: skip
        try:
            url = await proxy.start()
            host, _, own_port = url.removeprefix("http://").partition(":")
            yield Stage(url, (host, int(own_port)), recordings, addon, said, peers, proxy, upstream.authority)
        finally:
            await proxy.stop()
            server.close()
            for peer in peers:
                await peer.close()

    return opened


@pytest.fixture
def wire() -> Any:
    """Helpers of this file for the tests beside it."""

    class Wire:
        post = staticmethod(post)
        chunked = staticmethod(chunked)
        peer = Peer

    return Wire


@pytest.fixture(name="certified")
def _certified(tmp_path: Path) -> Any:
    """A TLS server for 127.0.0.1 with an authority of its own."""
    return certified(tmp_path)
