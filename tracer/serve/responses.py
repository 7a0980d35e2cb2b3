"""A player's reply as a response of httpx or httpx2, chunks at their times, trouble as these libraries raise it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tracer.player.reply import Reply

_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"
_RESET = "[Errno 104] Connection reset by peer"
_SLOW = "The read operation timed out"


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
    """A reply's chunks as a response stream."""

    def __init__(self, library: Any, reply: Reply, patience: float | None) -> None:
        self._library = library
        self._reply = reply
        self._patience = patience

    def __iter__(self) -> Iterator[bytes]:
        schedule = Schedule()
        for chunk in self._reply.chunks:
            if wait := schedule.wait(chunk.delay_us):
                time.sleep(self._bounded(wait))
                self._check(wait)
            yield chunk.data
        self._end()

    def _bounded(self, wait: float) -> float:
        return wait if self._patience is None else min(wait, self._patience)

    def _check(self, wait: float) -> None:
        if self._patience is not None and wait > self._patience:
            raise self._library.ReadTimeout(_SLOW)

    def _end(self) -> None:
        if self._reply.reset:
            raise self._library.ReadError(_RESET)
        if self._reply.cut:
            raise self._library.RemoteProtocolError(_CUT)


class _AsyncPlayback(_Playback):
    """The same for async clients, of any event loop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        schedule = Schedule()
        for chunk in self._reply.chunks:
            if wait := schedule.wait(chunk.delay_us):
                import anyio

                await anyio.sleep(self._bounded(wait))
                self._check(wait)
            yield chunk.data
        self._end()


def response(library: Any, reply: Reply, request: Any, *, is_async: bool) -> Any:
    """The library's response for a reply to one of its requests.

    A connection that is reset before the status line raises the library's ReadError; reading the stream raises its
    RemoteProtocolError at a cut, its ReadTimeout where the client would not have waited so long.
    """
    if reply.reset and not reply.chunks:
        raise library.ReadError(_RESET)
    if len(reply.chunks) == 1 and not (reply.chunks[0].delay_us or reply.cut or reply.reset):
        stream = library.ByteStream(reply.chunks[0].data)
    else:
        patience = request.extensions.get("timeout", {}).get("read")
        stream = _playback_class(library, is_async)(library, reply, patience)
    return library.Response(
        status_code=reply.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in reply.headers],
        stream=stream,
        extensions={"http_version": b"HTTP/1.1"},
    )


_playbacks: dict[tuple[str, bool], Any] = {}


def _playback_class(library: Any, is_async: bool) -> Any:
    # Making a class costs more than answering.
    name = (library.__name__, is_async)
    if name not in _playbacks:
        bases = (_AsyncPlayback, library.AsyncByteStream) if is_async else (_Playback, library.SyncByteStream)
        _playbacks[name] = type("Playback", bases, {})
    return _playbacks[name]
