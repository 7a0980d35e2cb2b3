"""A loopback HTTP server that asks a player and sends its reply, delays and broken connections included.

It runs on a thread of its own, so tests, the pytest plugin and the command line use it alike. Calls are not logged:
they stand in `Server.calls`, with the secrets out.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tracer.errors import ReplayMiss, TracerError
from tracer.player.failures import error_reply, google_error_reply, json_reply
from tracer.player.reply import Call, Player, Reply
from tracer.serve.asgi import Message, Receive, Send, body_of, call_of, deliver, masked
from tracer.serve.clock import VirtualClock

_KEPT_CALLS = 1000
MAX_BODY = 100 << 20
"""The largest request in bytes, as sent and as decoded; an upload may have `MAX_UPLOAD`."""
MAX_UPLOAD = 2 << 30
_CLOCK_PATH = "/_clock"
_RESET = struct.pack("ii", 1, 0)
_LOG = logging.getLogger("tracer.serve.server")


class Server:
    """Serves a player at `url` between `start()` and `stop()`, or as a context manager; port 0 means any free one.

    With a `token`, only paths that begin with `/t/TOKEN/` are answered. With `compress`, responses are gzip-encoded
    for clients that accept it. A virtual clock is moved by `POST /_clock?advance=SECONDS`.
    """

    def __init__(
        self,
        player: Player,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | None = None,
        compress: bool = False,
        clock: Callable[[], float] = time.time,
        max_body: int = MAX_BODY,
    ) -> None:
        self.player = player
        self.calls: deque[Call] = deque(maxlen=_KEPT_CALLS)
        """The latest calls, oldest first, with secret headers masked."""
        self.misses: deque[ReplayMiss] = deque(maxlen=_KEPT_CALLS)
        """What a tape could not answer."""
        self._address = (host, port)
        self._prefix = f"/t/{token}" if token else ""
        self._compress = compress
        self._max_body = max_body
        self._clock = clock
        self._running: _Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """What a client uses as its base URL; empty before the start."""
        return self._url

    def start(self) -> str:
        """Listen, and return the URL. Raises TracerError if the address can't be listened on."""
        listener = _listen(*self._address)
        host, port = listener.getsockname()[:2]
        self._url = f"http://{f'[{host}]' if ':' in host else host}:{port}{self._prefix}"
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=_QuietProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._running = _Uvicorn(config)
        self._thread = threading.Thread(
            target=self._running.run_on, args=(listener,), name=f"serve {self._url}", daemon=True
        )
        self._thread.start()
        self._running.settled.wait()
        if not self._running.started:
            raise TracerError(f"the server at {self._url} did not start: see the log above")
        return self._url

    def stop(self) -> None:
        """Stop listening, break what is still being sent, and wait until the thread has ended."""
        if self._running is not None and self._thread is not None:
            self._running.should_exit = True
            self._thread.join()
        self._running = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _app(self, scope: Message, receive: Receive, send: Send) -> None:
        limit = MAX_UPLOAD if "/upload/" in scope["path"] else self._max_body
        body = await body_of(receive, limit)
        if body is None:
            return
        call = call_of(scope, body, limit)
        if self._prefix:
            if not call.path.startswith(f"{self._prefix}/"):
                refusal = error_reply(403, "permission_denied", "The path must begin with the token of this server.")
                await deliver(refusal, receive, send, compress=False)
                return
            call = Call(call.method, call.path.removeprefix(self._prefix), call.query, call.headers, call.body)
        if len(body) > limit or len(call.body) > limit:
            reply = google_error_reply(413, f"Request payload size exceeds the limit: {limit} bytes.")
        else:
            reply = self._reply(call)
        accepts_gzip = "gzip" in (call.header("accept-encoding") or "")
        await deliver(reply, receive, send, compress=self._compress and accepts_gzip)
        if reply.reset:
            await self._break(scope, receive)

    def _reply(self, call: Call) -> Reply:
        self.calls.append(masked(call))
        if call.path == _CLOCK_PATH and isinstance(self._clock, VirtualClock):
            return _moved(self._clock, call)
        try:
            return self.player.answer(call, int(self._clock() * 1_000_000))
        except ReplayMiss as miss:
            self.misses.append(miss)
            # A code that no SDK retries (WIRE.md section 14).
            return error_reply(400, "replay_miss", str(miss))
        except Exception as error:
            # A mistake of ours is told to the client too; the server goes on.
            _LOG.exception("%s %s could not be answered", call.method, call.path)
            return error_reply(500, "emulator_error", f"The emulator failed: {type(error).__name__}.")

    async def _break(self, scope: Message, receive: Receive) -> None:
        connections = self._running.server_state.connections if self._running is not None else ()
        transports = [one.transport for one in connections if getattr(one, "scope", None) is scope]
        for transport in transports:
            if transport is not None:
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                transport.abort()
                await receive()


class _Uvicorn(uvicorn.Server):
    """Says when it is ready or has failed; on a thread of its own it installs no signal handlers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    def run_on(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        finally:
            self.settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.settled.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A reply that takes its time would be waited for, and then told as an error.
        for connection in list(self.server_state.connections):
            cycle, transport = getattr(connection, "cycle", None), connection.transport
            if cycle is not None and not cycle.response_complete and transport is not None:
                transport.abort()
        await super().shutdown(sockets=sockets)


class _QuietProtocol(H11Protocol):
    """Breaks connections on purpose, so what uvicorn says of that is dropped; other errors are told as usual."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _LOG


_EXPECTED = ("without completing response", "Invalid HTTP request received", "Unsupported upgrade", "WebSocket")


def _is_news(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in _EXPECTED)


_LOG.addFilter(_is_news)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise TracerError(
            f"can't listen on {host!r}: {error.strerror or error}; give an address of this machine"
        ) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise TracerError(f"can't listen on {host}:{port}: {reason}; choose another port, or 0 for any") from error
    return listener


def _moved(clock: VirtualClock, call: Call) -> Reply:
    try:
        clock.advance(float(dict(call.query).get("advance", "0")))
    except (ValueError, OverflowError):
        return error_reply(400, "invalid_request", "'advance' must be a number of seconds, 0 or more.")
    return json_reply(200, {"now": clock.now})
