"""Interactions calls caught inside the process, where httpx and httpx2 hand a request to the network.

google-genai 1.x and 2.x use httpx, 3.x httpx2. While an interceptor is installed, the send methods of both libraries'
transport classes are wrapped, so clients that were made before are covered too; without one the wrappers pass
everything on untouched. What goes to other hosts is never looked at.

Who installs an interceptor has it for its own thread or task, and for the threads and tasks that begin there, so two
of them in two threads do not mix. Calls of threads that were there before go to the last one installed.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from tracer.player.reply import Call, Reply
from tracer.serve.hosts import Hosts, Place
from tracer.serve.live import LiveExchange
from tracer.serve.responses import response as response_of
from tracer.wire.exchange import Headers

LIBRARIES = ("httpx", "httpx2")
_SYNC, _ASYNC = ("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request")


class Interceptor(Protocol):
    """Decides what answers a call to one of its hosts."""

    hosts: Hosts

    def arrive(self, call: Call, place: Place) -> Reply | LiveExchange:
        """A reply, or the live exchange that is to be performed and reported to."""
        ...


type _Send = Callable[..., Any]

_installed: list[Interceptor] = []
_mine: ContextVar[Interceptor | None] = ContextVar("interceptor", default=None)
_outer: dict[int, Interceptor | None] = {}
"""By the id of an interceptor, what its thread or task had before."""
_instead: dict[int, Interceptor] = {}
"""By the id of an interceptor, the one that is installed over it."""
_begun: WeakKeyDictionary[threading.Thread, Interceptor] = WeakKeyDictionary()
"""Threads, which do not inherit context variables, with what theirs began under."""
_direct = threading.local()
_lock = threading.RLock()
_wrapped: list[tuple[type, str, Callable[..., Any], Callable[..., Any]]] = []


@contextmanager
def installed(interceptor: Interceptor) -> Iterator[None]:
    """Hand calls to an interceptor; see the module for whose."""
    install(interceptor)
    try:
        yield
    finally:
        remove(interceptor)


def install(interceptor: Interceptor, *, over: Interceptor | None = None) -> None:
    """Begin to intercept. Called again, it comes back on top of what others have wrapped since.

    While it is installed `over` another one, it has the other one's calls, in whatever thread or task they are made.
    """
    with _lock:
        if interceptor in _installed:
            _installed.remove(interceptor)
        else:
            _outer[id(interceptor)] = _mine.get()
        _installed.append(interceptor)
        _mine.set(interceptor)
        if over is not None:
            _instead[id(over)] = interceptor
        _wrap(threading.Thread, "start", _start_method)
        for name in LIBRARIES:
            if name in sys.modules or importlib.util.find_spec(name) is not None:
                library = importlib.import_module(name)
                _wrap(getattr(library, _SYNC[0]), _SYNC[1], functools.partial(_sync_method, library))
                _wrap(getattr(library, _ASYNC[0]), _ASYNC[1], functools.partial(_async_method, library))


def remove(interceptor: Interceptor) -> None:
    """Stop intercepting. With the last interceptor the methods become what they were before."""
    with _lock:
        _installed.remove(interceptor)
        outer = _outer.pop(id(interceptor))
        for covered in [key for key, above in _instead.items() if above is interceptor]:
            del _instead[covered]
        if _mine.get() is interceptor:
            _mine.set(outer)
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


def _wrap(owner: type, method: str, make: Callable[[_Send, _Send], Callable[..., Any]]) -> None:
    current = owner.__dict__[method]
    ours = [(original, wrapper) for place, name, original, wrapper in _wrapped if (place, name) == (owner, method)]
    if any(wrapper is current for _, wrapper in ours):
        return
    # Our calls skip what others have put between two wrappers of ours: one recorder is enough.
    wrapper = make(current, ours[0][0] if ours else current)
    _wrapped.append((owner, method, current, wrapper))
    setattr(owner, method, wrapper)


def _start_method(below: Callable[..., Any], _network: object) -> Callable[..., Any]:
    def start(thread: threading.Thread) -> Any:
        mine = _chosen()
        if mine is not None:
            _begun[thread] = mine
        return below(thread)

    return start


def _sync_method(library: Any, below: _Send, network: _Send) -> _Send:
    tee_class = _tee_class(_Tee, library.SyncByteStream)

    def handle_request(transport: Any, request: Any) -> Any:
        interceptor, place = _destination(request)
        if interceptor is None or place is None:
            return below(transport, request)
        body = b"".join(request.stream)
        request.stream = library.ByteStream(body)
        answer = interceptor.arrive(_call(request, place, body), place)
        if isinstance(answer, Reply):
            return response_of(library, answer, request, is_async=False)
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
    tee_class = _tee_class(_AsyncTee, library.AsyncByteStream)

    async def handle_async_request(transport: Any, request: Any) -> Any:
        interceptor, place = _destination(request)
        if interceptor is None or place is None:
            return await below(transport, request)
        body = b"".join([part async for part in request.stream])
        request.stream = library.ByteStream(body)
        answer = interceptor.arrive(_call(request, place, body), place)
        if isinstance(answer, Reply):
            return response_of(library, answer, request, is_async=True)
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


@functools.cache
def _tee_class(tee: type, stream: type) -> Any:
    # Making a class takes as long as all else that wrapping does.
    return type(tee.__name__.lstrip("_"), (tee, stream), {})


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


def _chosen() -> Interceptor | None:
    for mine in (_mine.get(), _begun.get(threading.current_thread())):
        if mine is not None and mine in _installed:
            return _top(mine)
    return _installed[-1] if _installed else None


def _top(mine: Interceptor) -> Interceptor:
    while (above := _instead.get(id(mine))) is not None:
        mine = above
    return mine


def _destination(request: Any) -> tuple[Interceptor | None, Place | None]:
    if not _installed or getattr(_direct, "on", False):
        return None, None
    interceptor, url = _chosen(), request.url
    if interceptor is None:
        return None, None
    path = url.raw_path.decode("ascii").partition("?")[0]
    return interceptor, interceptor.hosts.locate(url.scheme, url.host, url.port, path)


def _lead_on(library: Any, request: Any, place: Place) -> None:
    """A request to our own relay goes straight to where the relay would send it."""
    if place.upstream is not None:
        query = request.url.query
        request.url = library.URL(place.upstream + (f"?{query.decode('ascii')}" if query else ""))
        request.headers["host"] = request.url.netloc.decode("ascii")


def _call(request: Any, place: Place, body: bytes) -> Call:
    asked = request.url.query
    query = tuple(parse_qsl(asked.decode("ascii"), keep_blank_values=True)) if asked else ()
    return Call(request.method, place.path, query, _headers(request), body)


def _headers(message: Any) -> Headers:
    # A list is made faster than a generator is asked, and this is done for every call.
    return tuple([(str(name, "latin-1"), str(value, "latin-1")) for name, value in message.headers.raw])
