"""Interactions calls caught inside the process, where httpx and httpx2 hand a request to the network.

google-genai 1.x and 2.x use httpx, 3.x httpx2. While an interceptor is installed, the send methods of both libraries'
transport classes are wrapped, so clients that were made before are covered too; without one the wrappers pass
everything on untouched. What goes to other hosts is never looked at.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import parse_qsl

from tracer.player.reply import Call, Reply
from tracer.serve.hosts import Hosts, Place
from tracer.serve.live import LiveExchange
from tracer.wire.exchange import Headers

LIBRARIES = ("httpx", "httpx2")
_SYNC, _ASYNC = ("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request")
_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"


class Interceptor(Protocol):
    """Decides what answers a call to one of its hosts."""

    hosts: Hosts

    def arrive(self, call: Call, place: Place) -> Reply | LiveExchange:
        """A reply, or the live exchange that is to be performed and reported to."""
        ...


type _Send = Callable[[Any, Any], Any]

_installed: list[Interceptor] = []
_direct = threading.local()
_wrapped: list[tuple[type, str, Callable[..., Any], Callable[..., Any]]] = []


@contextmanager
def installed(interceptor: Interceptor) -> Iterator[None]:
    """Hand this process's calls to an interceptor; the last one installed has them."""
    install(interceptor)
    try:
        yield
    finally:
        remove(interceptor)


def install(interceptor: Interceptor) -> None:
    """Begin to intercept. Called again, it comes back on top of what others have wrapped since."""
    if interceptor in _installed:
        _installed.remove(interceptor)
    _installed.append(interceptor)
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is not None:
            library = importlib.import_module(name)
            _wrap(library, *_SYNC, _sync_method)
            _wrap(library, *_ASYNC, _async_method)


def remove(interceptor: Interceptor) -> None:
    """Stop intercepting. With the last interceptor the methods become what they were before."""
    _installed.remove(interceptor)
    if _installed:
        return
    while _wrapped:
        owner, name, original, wrapper = _wrapped.pop()
        # Somebody who wrapped ours and is not done yet will put it back; it then passes everything on.
        if owner.__dict__.get(name) is wrapper:
            setattr(owner, name, original)


@contextmanager
def direct() -> Iterator[None]:
    """Send what this thread sends past every interceptor."""
    _direct.on = True
    try:
        yield
    finally:
        _direct.on = False


def _wrap(library: Any, class_name: str, method: str, make: Callable[[Any, Any, Any], Callable[..., Any]]) -> None:
    owner: type = getattr(library, class_name)
    current = owner.__dict__[method]
    ours = [(original, wrapper) for place, name, original, wrapper in _wrapped if (place, name) == (owner, method)]
    if any(wrapper is current for _, wrapper in ours):
        return
    # Our calls skip what others have put between two wrappers of ours: one recorder is enough.
    wrapper = make(library, current, ours[0][0] if ours else current)
    _wrapped.append((owner, method, current, wrapper))
    setattr(owner, method, wrapper)


def _sync_method(library: Any, below: _Send, network: _Send) -> _Send:
    tee_class: Any = type("Tee", (_Tee, library.SyncByteStream), {})

    def handle_request(transport: Any, request: Any) -> Any:
        interceptor, place = _destination(request)
        if interceptor is None or place is None:
            return below(transport, request)
        body = b"".join(request.stream)
        request.stream = library.ByteStream(body)
        answer = interceptor.arrive(_call(request, place, body), place)
        if isinstance(answer, Reply):
            return _response(library, answer, library.SyncByteStream, _Playback)
        _lead_on(library, request, place)
        try:
            response = network(transport, request)
        except BaseException as error:
            answer.refused(error)
            raise
        answer.started(response.status_code, _headers(response))
        response.stream = tee_class(response.stream, answer)
        return response

    return handle_request


def _async_method(library: Any, below: _Send, network: _Send) -> _Send:
    tee_class: Any = type("AsyncTee", (_AsyncTee, library.AsyncByteStream), {})

    async def handle_async_request(transport: Any, request: Any) -> Any:
        interceptor, place = _destination(request)
        if interceptor is None or place is None:
            return await below(transport, request)
        body = b"".join([part async for part in request.stream])
        request.stream = library.ByteStream(body)
        answer = interceptor.arrive(_call(request, place, body), place)
        if isinstance(answer, Reply):
            return _response(library, answer, library.AsyncByteStream, _AsyncPlayback)
        _lead_on(library, request, place)
        try:
            response = await network(transport, request)
        except BaseException as error:
            answer.refused(error)
            raise
        answer.started(response.status_code, _headers(response))
        response.stream = tee_class(response.stream, answer)
        return response

    return handle_async_request


class _Tee:
    """A response stream that is told to a live exchange while the app reads it."""

    def __init__(self, stream: Any, live: LiveExchange) -> None:
        self._stream = stream
        self._live = live

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._stream:
                self._live.data(part)
                yield part
        except GeneratorExit:
            # The app stopped reading: `close` says when it let go.
            raise
        except BaseException as error:
            self._live.broke(error)
            raise
        self._live.ended()

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._live.left()


class _AsyncTee:
    """The same for async clients."""

    def __init__(self, stream: Any, live: LiveExchange) -> None:
        self._stream = stream
        self._live = live

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                self._live.data(part)
                yield part
        except GeneratorExit:
            raise
        except BaseException as error:
            self._live.broke(error)
            raise
        self._live.ended()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._live.left()


class Schedule:
    """When a reply's chunks are due: lateness of one does not delay the next, nor does a slow reader."""

    def __init__(self) -> None:
        self._due = time.perf_counter()

    def wait(self, delay_us: int) -> float:
        """Seconds to wait for the next chunk, which comes so long after the one before; 0 if it is due."""
        if not delay_us:
            return 0.0
        self._due += delay_us / 1_000_000
        return max(0.0, self._due - time.perf_counter())


class _Playback:
    """A reply's chunks as a response stream; one that was cut breaks as the library says it."""

    def __init__(self, reply: Reply, broken: Exception | None) -> None:
        self._reply = reply
        self._broken = broken

    def __iter__(self) -> Iterator[bytes]:
        schedule = Schedule()
        for chunk in self._reply.chunks:
            if wait := schedule.wait(chunk.delay_us):
                time.sleep(wait)
            yield chunk.data
        if self._broken is not None:
            raise self._broken


class _AsyncPlayback:
    """The same for async clients, of any event loop."""

    def __init__(self, reply: Reply, broken: Exception | None) -> None:
        self._reply = reply
        self._broken = broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        schedule = Schedule()
        for chunk in self._reply.chunks:
            if wait := schedule.wait(chunk.delay_us):
                import anyio

                await anyio.sleep(wait)
            yield chunk.data
        if self._broken is not None:
            raise self._broken


def _response(library: Any, reply: Reply, base: type, playback: type[_Playback | _AsyncPlayback]) -> Any:
    if len(reply.chunks) == 1 and not reply.chunks[0].delay_us and not reply.cut:
        stream = library.ByteStream(reply.chunks[0].data)
    else:
        broken = library.RemoteProtocolError(_CUT) if reply.cut else None
        stream = _playback_class(base, playback)(reply, broken)
    return library.Response(
        status_code=reply.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in reply.headers],
        stream=stream,
        extensions={"http_version": b"HTTP/1.1"},
    )


_playbacks: dict[tuple[type, type], Any] = {}


def _playback_class(base: type, playback: type[_Playback | _AsyncPlayback]) -> Any:
    # Making a class costs more than answering.
    if (base, playback) not in _playbacks:
        _playbacks[base, playback] = type("Playback", (playback, base), {})
    return _playbacks[base, playback]


def _destination(request: Any) -> tuple[Interceptor | None, Place | None]:
    if not _installed or getattr(_direct, "on", False):
        return None, None
    interceptor, url = _installed[-1], request.url
    path = url.raw_path.decode("ascii").partition("?")[0]
    return interceptor, interceptor.hosts.locate(url.scheme, url.host, url.port, path)


def _lead_on(library: Any, request: Any, place: Place) -> None:
    """A request to our own relay goes straight to where the relay would send it."""
    if place.upstream is not None:
        query = request.url.query
        request.url = library.URL(place.upstream + (f"?{query.decode('ascii')}" if query else ""))
        request.headers["host"] = request.url.netloc.decode("ascii")


def _call(request: Any, place: Place, body: bytes) -> Call:
    query = tuple(parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True))
    return Call(request.method, place.path, query, _headers(request), body)


def _headers(message: Any) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.raw)
