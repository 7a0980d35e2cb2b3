"""A response body past mitmproxy's layers, while it streams.

For every piece of a body, stock mitmproxy wakes a task, takes a lock and goes up and down through its layers, only to
write the piece to the client in the end. Here, once the headers have passed, the upstream's socket is read by a
protocol of ours that hands each piece to the tee and writes it to the client, framed as the layers would have framed
it. What is not plainly a piece of the body (its end, an error, a chunk header cut in two) goes to the layers as if we
had never been there: the readers that count the body's bytes are theirs, and are kept up to date.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from typing import Any, Literal

from h11._readers import ChunkedReader, ContentLengthReader, Http10Reader
from mitmproxy import http
from mitmproxy.proxy.layers import modes, tls
from mitmproxy.proxy.layers.http import HttpClient, HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.server import ConnectionHandler
from OpenSSL import SSL

from tracer.proxy.tee import Tee

_CHUNK_HEADER = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_KNOWN_LAYERS = frozenset({modes.ReverseProxy, tls.ServerTLSLayer, HttpLayer, HttpClient, Http1Client})
# What a tunnel that a client asked for adds, in front of a second HttpLayer.
_TUNNEL_LAYERS = frozenset({modes.HttpProxy, HttpStream, tls.ClientTLSLayer})
_MOST_UNSENT = 64 * 1024
_RECORD = 16 * 1024


type LeftLane = Callable[[bool], None]


def take(handler: ConnectionHandler, flow: http.HTTPFlow, left: LeftLane) -> Literal["taken", "not yet", "never"]:
    """Let the body of a response that streams go past the layers of its connection, if that is possible now.

    If not yet, it may be after the next event. Once taken, `left` is called when it is the layers' turn again, with
    whether they have to be woken: what is encrypted then waits in the OpenSSL connection.
    """
    road = Road.find(flow, handler.layer)
    upstream, client = handler.transports.get(flow.server_conn), handler.transports.get(handler.client)
    if road is None or upstream is None or client is None:
        return "never"
    if not road.is_clear(upstream):
        return "not yet"
    BodyLane(road, upstream, client, alive=handler.timeout_watchdog.register_activity, left=left)
    return "taken"


class BodyLane(asyncio.Protocol):
    """Reads the upstream's socket in place of the protocol that was there, until something else than body comes."""

    def __init__(self, road: Road, upstream: Any, client: Any, *, alive: Callable[[], None], left: LeftLane) -> None:
        """`upstream` and `client` are mitmproxy's ConnectionIO; `alive` is told of every piece, `left` once."""
        self._road = road
        self._transport = upstream.writer.transport
        self._client = client.writer.transport
        self._client_writer = client.writer
        self._stock = self._transport.get_protocol()
        self._alive = alive
        self._left = left
        self._waiting: asyncio.Task[None] | None = None
        self._transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._alive()
        if self._road.secure is not None:
            if not self._decrypted(data):
                self._leave(wake=True)
        elif not self._pass_on(data):
            self._leave(wake=False)
            self._stock.data_received(data)

    def eof_received(self) -> bool | None:
        """Called by the event loop: the layers know what it means."""
        self._leave(wake=False)
        kept_open: bool | None = self._stock.eof_received()
        return kept_open

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._leave(wake=False)
        self._stock.connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._stock.pause_writing()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._stock.resume_writing()

    def _leave(self, *, wake: bool) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._transport.set_protocol(self._stock)
        self._left(wake)

    def _decrypted(self, data: bytes) -> bool:
        # Looked at before it is taken: what is not for us stays where the layers will read it.
        secure = self._road.secure
        secure.bio_write(data)
        try:
            while self._pass_on(piece := secure.recv(_RECORD, socket.MSG_PEEK)):
                secure.recv(len(piece))
        except SSL.WantReadError:
            with contextlib.suppress(SSL.WantReadError):
                self._transport.write(secure.bio_read(_RECORD))
            return True
        except SSL.Error:
            return False
        return False

    def _pass_on(self, data: bytes) -> bool:
        road = self._road
        body = road.body(data)
        if body is None:
            return False
        if body:
            road.tee.take(body)
            client = self._client
            if not client.is_closing():
                client.write(road.framed(body))
                if client.get_write_buffer_size() > _MOST_UNSENT and self._waiting is None:
                    self._transport.pause_reading()
                    self._waiting = asyncio.get_running_loop().create_task(self._go_on_later())
        return True

    async def _go_on_later(self) -> None:
        # Without the client's pace the body would pile up here.
        with contextlib.suppress(OSError):
            await self._client_writer.drain()
        self._waiting = None
        self._transport.resume_reading()


class Road:
    """Where a response streams: from which reader of the layers to which client."""

    def __init__(
        self, layer: Http1Client, stream: Any, tee: Tee, *, chunked: bool, secure: Any, secure_client: Any
    ) -> None:
        """`chunked` is how the client gets it; `secure` is the OpenSSL connection to the upstream, or None.

        `secure_client` is that to the client.
        """
        self._layer = layer
        self._stream = stream
        self._reader: Any = layer.body_reader
        self.body: Callable[[bytes], bytes | None] = _FRAMINGS[type(self._reader)](self._reader)
        """What of the body some bytes are; None if they hold anything else, and then nothing has changed."""
        self.tee = tee
        self.secure = secure
        self._chunked = chunked
        self._secure_client = secure_client

    @classmethod
    def find(cls, flow: http.HTTPFlow, top: Any) -> Road | None:
        """The road of a flow whose headers have passed; None if other layers than the plain ones take part.

        `top` is the connection handler's outermost layer.
        """
        response, client, server = flow.response, flow.client_conn, flow.server_conn
        http_layer = _innermost(top)
        if http_layer is None or response is None or not isinstance(response.stream, Tee):
            return None
        connections = http_layer.connections
        if type(connections.get(client)) is not Http1Server or server not in connections:
            return None
        stack = connections[server].context.layers
        known = _KNOWN_LAYERS | _TUNNEL_LAYERS if client.tls else _KNOWN_LAYERS
        secures = [each.tls for each in stack if type(each) is tls.ServerTLSLayer and each.conn is server]
        clients = [each.tls for each in stack if type(each) is tls.ClientTLSLayer and each.conn is client]
        if not known.issuperset(map(type, stack)) or server.via:
            return None
        if len(secures) != int(server.tls) or len(clients) != int(client.tls):
            return None
        layer = stack[-1]
        if type(layer) is not Http1Client or layer.response is not response or layer.state != layer.read_body:
            return None
        stream = http_layer.streams.get(layer.stream_id or 0)
        if stream is None or type(layer.body_reader) not in _FRAMINGS:
            return None
        # As in Http1Server.send.
        chunked = "chunked" in response.headers.get("transfer-encoding", "").lower()
        ends = {"secure": secures[0] if secures else None, "secure_client": clients[0] if clients else None}
        return cls(layer, stream, response.stream, chunked=chunked, **ends)

    def framed(self, body: bytes) -> bytes:
        """A piece of the body as the client's socket gets it."""
        data = b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body
        return data if self._secure_client is None else _encrypted(self._secure_client, data)

    def is_clear(self, upstream: Any) -> bool:
        """Whether the client has all of the body that came so far: nothing waits in a layer or in the StreamReader."""
        layer, stream = self._layer, self._stream
        unread = getattr(upstream.reader, "_buffer", True)
        streams = stream.server_state == stream.state_stream_response_body and stream._paused is None
        return streams and not unread and not layer.buf and layer.body_reader is self._reader


def _innermost(top: Any) -> HttpLayer | None:
    # A tunnel's HttpLayer is below the stream by which it was asked for.
    found: HttpLayer | None = None
    layer: Any = next((each for each in top.context.layers if type(each) is HttpLayer), None)
    while layer is not None:
        if type(layer) is HttpLayer:
            found = layer
            inner = [stream.child_layer for stream in layer.streams.values() if stream.child_layer is not None]
            layer = inner[0] if len(inner) == 1 else None
        else:
            layer = getattr(layer, "layer", None) or getattr(layer, "child_layer", None)
    return found


def _encrypted(secure: Any, data: bytes) -> bytes:
    # As in TLSLayer.send_data: to a client that said goodbye nothing more is said.
    with contextlib.suppress(SSL.ZeroReturnError, SSL.SysCallError):
        secure.sendall(data)
    records: list[bytes] = []
    with contextlib.suppress(SSL.WantReadError):
        while True:
            records.append(secure.bio_read(_RECORD))
    return b"".join(records)


def _chunks(reader: Any) -> Callable[[bytes], bytes | None]:
    def body(data: bytes) -> bytes | None:
        left, footer = reader._bytes_in_chunk, reader._bytes_to_discard
        if reader._reading_trailer:
            return None
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while position < size:
            if footer:
                if not data.startswith(footer, position):
                    return None
                position += len(footer)
                footer = b""
            elif not left:
                header = _CHUNK_HEADER.match(data, position)
                if header is None or not (left := int(header[1], 16)):
                    return None
                position = header.end()
            else:
                piece = data[position : position + left]
                pieces.append(piece)
                position += len(piece)
                left -= len(piece)
                footer = b"" if left else b"\r\n"
        reader._bytes_in_chunk, reader._bytes_to_discard = left, footer
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    return body


def _counted(reader: Any) -> Callable[[bytes], bytes | None]:
    def body(data: bytes) -> bytes | None:
        if len(data) >= reader._remaining:
            return None
        reader._remaining -= len(data)
        return data

    return body


def _until_closed(_reader: Any) -> Callable[[bytes], bytes | None]:
    return lambda data: data


_FRAMINGS: dict[type, Callable[[Any], Callable[[bytes], bytes | None]]] = {
    ChunkedReader: _chunks,
    ContentLengthReader: _counted,
    Http10Reader: _until_closed,
}
