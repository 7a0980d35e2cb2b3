"""The way to the service through the user's own proxy: a small CONNECT proxy on loopback stands for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tracer.proxy.trust import forward_variables
from tracer.proxy.way_out import WayOut

PATIENCE = 20
CREDENTIAL = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss word")


@dataclass
class Corporate:
    """Gives tunnels, and remembers what it was asked for."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    status: bytes = b"200 Connection established"

    @property
    def url(self) -> str:
        return f"http://me:p%40ss%20word@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            writer.write(b"HTTP/1.1 %b\r\n\r\n" % self.status)
            if self.status.startswith(b"200"):
                port = int(head.split(b" ")[1].rpartition(b":")[2])
                there = await asyncio.open_connection("127.0.0.1", port)
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(pump(reader, there[1]))
                    pumps.create_task(pump(there[0], writer))
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture
async def corporate() -> AsyncIterator[Corporate]:
    subject = Corporate()
    server = await asyncio.start_server(subject.serve, "127.0.0.1", 0)
    subject.port = server.sockets[0].getsockname()[1]
    async with server:
        yield subject


@asynccontextmanager
async def patiently(stage: Any) -> AsyncIterator[Any]:
    async with stage as subject, asyncio.timeout(PATIENCE):
        yield subject


async def answers(peer: Any) -> None:
    while True:
        await peer.message()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


async def test_calls_of_one_client_share_a_tunnel(stage: Any, wire: Any, corporate: Corporate) -> None:
    way_out = WayOut({"http_proxy": corporate.url})
    async with patiently(stage(answers, way_out=way_out)) as subject:
        peer, got = await subject.ask(wire.post(b'{"model":"m","input":"one"}'))
        await peer.send(wire.post(b'{"model":"m","input":"two"}'))
        assert (await peer.message()).body == got.body == b"{}"
        first, second = await subject.recordings.closed.get(), await subject.recordings.closed.get()
    assert len(corporate.asked) == 1
    assert corporate.asked[0].startswith(f"CONNECT {subject.upstream} HTTP/1.1".encode())
    assert CREDENTIAL in corporate.asked[0]
    assert (first.status, second.status) == (200, 200)
    assert "p@ss" not in repr(subject.recordings.frames)
    assert CREDENTIAL[-10:].decode() not in repr(subject.recordings.frames)


async def test_a_service_behind_tls_is_reached_through_it(
    stage: Any, wire: Any, corporate: Corporate, certified: Any
) -> None:
    way_out = WayOut({"HTTPS_PROXY": corporate.url, "HTTP_PROXY": "http://127.0.0.1:9"})
    async with patiently(stage(answers, tls=certified, way_out=way_out)) as subject:
        _, got = await subject.ask(wire.post(b'{"model":"m","input":"one"}'))
    assert got.body == b"{}"
    assert len(corporate.asked) == 1


async def test_what_no_proxy_names_is_reached_directly(stage: Any, wire: Any, corporate: Corporate) -> None:
    way_out = WayOut({"ALL_PROXY": corporate.url, "NO_PROXY": "intranet,127.0.0.1"})
    async with patiently(stage(answers, way_out=way_out)) as subject:
        _, got = await subject.ask(wire.post(b'{"model":"m","input":"one"}'))
    assert got.body == b"{}"
    assert corporate.asked == []


async def test_a_refusal_is_told_to_the_client_and_recorded(stage: Any, wire: Any, corporate: Corporate) -> None:
    corporate.status = b"407 Proxy Authentication Required"
    async with patiently(stage(answers, way_out=WayOut({"http_proxy": corporate.url}))) as subject:
        _, got = await subject.ask(wire.post(b'{"model":"m","input":"one"}'))
        exchange = await subject.recordings.closed.get()
    assert " 502 " in got.first_line
    assert "407" in exchange.error
    assert "p@ss" not in repr(subject.said)


async def test_tunnels_that_are_not_looked_into_take_it_too(stage: Any, corporate: Corporate, certified: Any) -> None:
    async def serve(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    other = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified[0])
    way_out = WayOut({"https_proxy": corporate.url})
    async with other, patiently(stage(answers, forward=True, way_out=way_out)) as subject:
        port = other.sockets[0].getsockname()[1]
        host, _, own = subject.proxy.forward_url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(own))
        writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        await writer.start_tls(trusting(certified[1]), server_hostname="127.0.0.1")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert [head.split(b"\r\n")[0] for head in corporate.asked] == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % port]
    assert CREDENTIAL in corporate.asked[0]


def trusting(authority: Any) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(authority))


@pytest.mark.parametrize(
    ("environ", "reached_by"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://a:1"}, None),
        ({"HTTPS_PROXY": "a:1"}, ("http", "a", 1)),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, ("http", "a", 1)),
        ({"ALL_PROXY": "https://a"}, ("https", "a", 443)),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "googleapis.com"}, None),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": ""}, None),
    ],
)
def test_the_environment_is_read_as_others_read_it(environ: dict[str, str], reached_by: Any) -> None:
    found = WayOut(environ).to("https", "generativelanguage.googleapis.com", 443)
    assert (found and (found.scheme, found.host, found.port)) == reached_by


@pytest.mark.parametrize("url", ["socks5://me:secret@a:1", "http://[::1", "http://me:secret@:1"])
def test_what_cannot_be_used_is_one_sentence_without_the_password(url: str) -> None:
    way_out = WayOut({"HTTPS_PROXY": url})
    (problem,) = way_out.problems
    assert problem.startswith("HTTPS_PROXY ")
    assert "secret" not in problem
    assert way_out.to("https", "h", 443) is None


def test_in_forward_mode_the_service_is_no_exception(tmp_path: Any) -> None:
    (tmp_path / "ca.pem").touch()
    environ = {"NO_PROXY": "localhost,.googleapis.com,gateway", "no_proxy": "localhost"}
    variables = forward_variables("http://127.0.0.1:1", tmp_path / "ca.pem", environ, upstream="gateway")
    assert variables["NO_PROXY"] == "localhost"
    assert "no_proxy" not in variables
