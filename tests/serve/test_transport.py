from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, ClassVar

import anyio
import httpx
import httpx2
import pytest

from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.serve import transport
from tracer.serve.hosts import Hosts, Place
from tracer.serve.live import LiveExchange
from tracer.testing import sse_chunks, text_stream
from tracer.wire.exchange import Exchange, Outcome

URL = "https://generativelanguage.googleapis.com/v1/interactions"
EVENTS = sse_chunks(text_stream("v1_s", ["Hel", "lo."]))
BOTH = pytest.mark.parametrize("library", [httpx, httpx2])


class Replaying:
    """Answers every call with one reply."""

    def __init__(self, reply: Reply) -> None:
        self.hosts = Hosts()
        self.reply = reply
        self.calls: list[tuple[Call, Place]] = []

    def arrive(self, call: Call, place: Place) -> Reply:
        self.calls.append((call, place))
        return self.reply


class Recording:
    """Lets every call through."""

    def __init__(self) -> None:
        self.hosts = Hosts()
        self.exchanges: list[Exchange] = []

    def arrive(self, call: Call, place: Place) -> LiveExchange:
        return LiveExchange(call, place, self.exchanges.append)


def streamed(*, cut: bool = False, delay_us: int = 0) -> Reply:
    chunks = tuple(ReplyChunk(delay_us, data) for data in EVENTS)
    return Reply(200, (("content-type", "text/event-stream"),), chunks, cut=cut)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BaseHTTPRequestHandler]]:
    """A service on loopback; the handler's `behaviour` says what a POST gets."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        behaviour: Any = None
        received: ClassVar[list[bytes]] = []

        def do_POST(self) -> None:
            length = self.headers["content-length"]
            self.received.append(self.rfile.read(int(length)) if length else self.read_chunks())
            type(self).behaviour(self)

        def read_chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def begin(self, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()

        def piece(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"http://127.0.0.1:{server.server_port}/gate")
    Handler.url = f"http://127.0.0.1:{server.server_port}/gate/v1/interactions"
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


@BOTH
def test_replayed_stream_keeps_its_chunks(library: ModuleType) -> None:
    client = library.Client()
    replaying = Replaying(streamed())
    with transport.installed(replaying), client.stream("POST", f"{URL}?alt=sse", json={"input": "Hi"}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert list(response.iter_raw()) == EVENTS
    ((call, place),) = replaying.calls
    assert (call.method, call.path, call.query) == ("POST", "/v1/interactions", (("alt", "sse"),))
    assert json.loads(call.body) == {"input": "Hi"}
    assert place.origin == "https://generativelanguage.googleapis.com"
    client.close()


@BOTH
async def test_replayed_stream_keeps_its_chunks_for_async_clients(library: ModuleType) -> None:
    with transport.installed(Replaying(streamed(delay_us=1))):
        async with library.AsyncClient() as client, client.stream("POST", URL, json={}) as response:
            assert [part async for part in response.aiter_raw()] == EVENTS


def test_async_replay_needs_no_asyncio() -> None:
    async def read() -> bytes:
        async with httpx.AsyncClient() as client:
            return (await client.post(URL, json={})).content

    with transport.installed(Replaying(streamed(delay_us=1))):
        assert anyio.run(read) == b"".join(EVENTS)


@BOTH
async def test_cut_breaks_as_the_library_says_it(library: ModuleType) -> None:
    got: list[bytes] = []
    with transport.installed(Replaying(streamed(cut=True))):
        with library.stream("POST", URL, json={}) as response:  # noqa: SIM117
            with pytest.raises(library.RemoteProtocolError, match="without sending complete message body"):
                got.extend(response.iter_raw())
        async with library.AsyncClient() as client:
            with pytest.raises(library.RemoteProtocolError):
                await client.post(URL, json={})
    assert got == EVENTS


@BOTH
async def test_reset_and_impatience_are_what_the_real_transport_raises(library: ModuleType) -> None:
    before_the_status = Reply(502, (), (), cut=True, reset=True)
    half_way = replace(streamed(cut=True), reset=True)
    late = Reply(200, (), (ReplyChunk(0, b"a"), ReplyChunk(10**12, b"b")))
    async with library.AsyncClient(timeout=0.01) as client:
        for reply, error in ((before_the_status, "ReadError"), (half_way, "ReadError"), (late, "ReadTimeout")):
            with transport.installed(Replaying(reply)):
                with pytest.raises(getattr(library, error)):
                    library.post(URL, json={}, timeout=0.01)
                with pytest.raises(getattr(library, error)):
                    await client.post(URL, json={})


def test_threads_keep_to_what_they_installed_or_began_under() -> None:
    answered: dict[str, list[str]] = {}
    both = threading.Barrier(2)

    def ask(name: str) -> None:
        answered.setdefault(name, []).append(httpx.get(URL).text)

    def run(name: str) -> None:
        with transport.installed(Replaying(Reply(200, (), (ReplyChunk(0, name.encode()),)))):
            both.wait(60)
            ask(name)
            inner = threading.Thread(target=ask, args=(name,))
            inner.start()
            inner.join()
            both.wait(60)
        both.wait(60)

    start = threading.Thread.start
    with transport.installed(Replaying(Reply(200, (), (ReplyChunk(0, b"main"),)))):
        threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        ask("main")
        for thread in threads:
            thread.join()
        ask("main")
    assert answered == {"one": ["one"] * 2, "two": ["two"] * 2, "main": ["main"] * 2}
    assert threading.Thread.start is start


@BOTH
def test_other_hosts_are_not_looked_at(library: ModuleType, upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_GEMINI_BASE_URL")
    upstream.behaviour = lambda handler: (handler.begin(), handler.piece(b"real"), handler.piece(b""))
    with transport.installed(Replaying(streamed())):
        assert library.post(upstream.url, content=b"x").content == b"real"


@BOTH
def test_recorded_stream_is_passed_on_while_it_arrives(library: ModuleType, upstream: Any) -> None:
    told = threading.Event()

    def behaviour(handler: Any) -> None:
        handler.begin()
        handler.piece(EVENTS[0])
        assert told.wait(60)
        handler.piece(b"".join(EVENTS[1:]))
        handler.piece(b"")

    upstream.behaviour = behaviour
    recording = Recording()
    headers = {"x-goog-api-key": "AIzaSyCanary-0123456789"}
    with transport.installed(recording), library.stream("POST", upstream.url, json={}, headers=headers) as response:
        parts = response.iter_raw()
        assert next(parts) == EVENTS[0]
        assert recording.exchanges == []
        told.set()
        assert b"".join(parts) == b"".join(EVENTS[1:])
    (exchange,) = recording.exchanges
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.response_body == b"".join(EVENTS)
    assert exchange.chunks[0].size == len(EVENTS[0])
    assert (exchange.origin, exchange.path) == ("https://generativelanguage.googleapis.com", "/v1/interactions")
    assert exchange.request_header("x-goog-api-key") == "[redacted]"


@BOTH
async def test_recorded_stream_of_an_async_client(library: ModuleType, upstream: Any) -> None:
    upstream.behaviour = lambda handler: (handler.begin(), *map(handler.piece, [*EVENTS, b""]))
    recording = Recording()
    with transport.installed(recording):
        async with library.AsyncClient() as client:
            assert (await client.post(upstream.url, json={})).content == b"".join(EVENTS)
    assert [one.outcome for one in recording.exchanges] == [Outcome.COMPLETE]


def cut_after_two(handler: Any) -> None:
    handler.begin()
    handler.piece(EVENTS[0])
    handler.piece(EVENTS[1])
    handler.close_connection = True
    handler.connection.shutdown(2)


@BOTH
async def test_cut_is_recorded_with_what_came_before_it(library: ModuleType, upstream: Any) -> None:
    upstream.behaviour = cut_after_two
    recording = Recording()
    with transport.installed(recording):
        with pytest.raises(library.RemoteProtocolError):
            library.post(upstream.url, json={})
        async with library.AsyncClient() as client:
            with pytest.raises(library.RemoteProtocolError):
                await client.post(upstream.url, json={})
    for exchange in recording.exchanges:
        assert exchange.outcome is Outcome.CUT
        assert exchange.response_body == b"".join(EVENTS[:2])
        assert "RemoteProtocolError" in (exchange.error or "")
    assert len(recording.exchanges) == 2


@BOTH
async def test_app_that_leaves_early_is_recorded_as_gone(library: ModuleType, upstream: Any) -> None:
    upstream.behaviour = lambda handler: (handler.begin(), handler.piece(EVENTS[0]))
    recording = Recording()
    with transport.installed(recording):
        with library.stream("POST", upstream.url, json={}) as response:
            assert next(response.iter_raw()) == EVENTS[0]
        async with library.AsyncClient() as client, client.stream("POST", upstream.url, json={}) as response:
            async for part in response.aiter_raw():
                assert part == EVENTS[0]
                break
    assert [one.outcome for one in recording.exchanges] == [Outcome.CLIENT_GONE] * 2


@BOTH
async def test_cancelled_task_is_recorded_as_gone(library: ModuleType, upstream: Any) -> None:
    hold = threading.Event()
    upstream.behaviour = lambda handler: (handler.begin(), handler.piece(EVENTS[0]), hold.wait(60))
    recording = Recording()
    reading = asyncio.Event()

    async def read() -> None:
        async with library.AsyncClient() as client, client.stream("POST", upstream.url, json={}) as response:
            async for _ in response.aiter_raw():
                reading.set()

    with transport.installed(recording):
        task = asyncio.create_task(read())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    hold.set()
    assert [one.outcome for one in recording.exchanges] == [Outcome.CLIENT_GONE]


@BOTH
async def test_connection_that_fails_is_recorded_without_a_response(
    library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    recording = Recording()
    with transport.installed(recording):
        with pytest.raises(library.ConnectError):
            library.post("http://127.0.0.1:9/v1/interactions", json={})
        async with library.AsyncClient() as client:
            with pytest.raises(library.ConnectError):
                await client.post("http://127.0.0.1:9/v1/interactions", json={})
    assert [(one.status, one.outcome) for one in recording.exchanges] == [(None, Outcome.FAILED)] * 2


@BOTH
def test_request_body_of_a_generator_reaches_service_and_recording(library: ModuleType, upstream: Any) -> None:
    upstream.behaviour = lambda handler: (handler.begin(), handler.piece(b""))
    recording = Recording()
    with transport.installed(recording):
        library.post(upstream.url, content=(part for part in [b'{"input":', b'"Hi"}']))
    assert recording.exchanges[0].request_body == upstream.received[-1] == b'{"input":"Hi"}'


@BOTH
def test_methods_come_back(library: ModuleType) -> None:
    owners = [(library.HTTPTransport, "handle_request"), (library.AsyncHTTPTransport, "handle_async_request")]
    before = [owner.__dict__[name] for owner, name in owners]
    outer, inner = Replaying(streamed()), Replaying(Reply(404, (), ()))
    with transport.installed(outer):
        with pytest.raises(library.HTTPStatusError), transport.installed(inner):
            library.get(URL).raise_for_status()
        assert library.get(URL).status_code == 200
    assert [owner.__dict__[name] for owner, name in owners] == before


@BOTH
def test_installed_again_it_is_on_top(library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(_transport: Any, _request: Any) -> Any:
        return library.Response(418)

    owner = library.HTTPTransport
    before = owner.__dict__["handle_request"]
    replaying = Replaying(streamed())
    with transport.installed(replaying):
        with monkeypatch.context() as patch:
            patch.setattr(owner, "handle_request", other)
            assert library.get(URL).status_code == 418
            transport.install(replaying)
            assert library.get(URL).status_code == 200
            assert library.get("https://example.com").status_code == 418
        assert library.get(URL).status_code == 200
    assert owner.__dict__["handle_request"] is before
