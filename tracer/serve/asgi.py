"""Between ASGI and a player: a request becomes a call, a reply is sent with its delays."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qsl

from tracer.player.reply import Call, Reply

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_SECRET_HEADERS = frozenset({"x-goog-api-key", "authorization", "proxy-authorization", "cookie"})


async def body_of(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; past the limit only so much that it shows. None if the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        if size <= limit:
            parts.append(message.get("body", b""))
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def call_of(scope: Message, body: bytes, limit: int) -> Call:
    """The call as a player sees it; a compressed body is decoded to one byte past the limit at most."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    path = cast("bytes", scope["raw_path"]).decode("latin-1")
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    call = Call(scope["method"], path, tuple(query), headers, body)
    if (call.header("content-encoding") or "").strip().lower() in ("gzip", "x-gzip", "deflate"):
        try:
            # 32 more than the largest window: gzip and zlib are told apart by their heads.
            decoded = zlib.decompressobj(wbits=47).decompress(body, limit + 1)
        except zlib.error:
            return call
        return Call(call.method, path, call.query, headers, decoded)
    return call


def masked(call: Call) -> Call:
    """The call without what is secret in its headers and its query."""
    headers = tuple((name, "***" if name.lower() in _SECRET_HEADERS else value) for name, value in call.headers)
    query = tuple((name, "***" if name == "key" else value) for name, value in call.query)
    return Call(call.method, call.path, query, headers, call.body)


async def deliver(reply: Reply, receive: Receive, send: Send, *, compress: bool) -> None:
    """Sends a reply: a single chunk with its length, a stream chunked; a client that leaves ends it."""
    if reply.reset and not reply.chunks:
        return
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    encoder = zlib.compressobj(wbits=31) if compress else None
    pieces = [(chunk.delay_us, _encoded(chunk.data, encoder)) for chunk in reply.chunks]
    if encoder is not None:
        headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        pieces.append((0, encoder.flush()))
    is_stream = len(reply.chunks) > 1 or reply.cut
    if not is_stream:
        pieces = [(sum(delay for delay, _ in pieces), b"".join(data for _, data in pieces))]
        headers.append((b"content-length", str(len(pieces[0][1])).encode()))
    left = asyncio.ensure_future(receive())
    try:
        await _wait(pieces[0][0] if pieces else 0, left)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        for n, (delay_us, data) in enumerate(pieces):
            if n and await _wait(delay_us, left):
                return
            await send({"type": "http.response.body", "body": data, "more_body": True})
        if not reply.cut:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        left.cancel()


async def _wait(delay_us: int, left: asyncio.Future[Message]) -> bool:
    # Whether the client left meanwhile.
    if delay_us:
        await asyncio.wait({left}, timeout=delay_us / 1_000_000)
    return left.done()


def _encoded(data: bytes, encoder: Any) -> bytes:
    return data if encoder is None else encoder.compress(data) + encoder.flush(zlib.Z_SYNC_FLUSH)
