"""One connection to the relay: HTTP/1.1 in, and out the reply of an interceptor or what the service sends, as it comes.

Upstream requests bypass the wrapped transports: the relay itself tells the live exchange what crosses.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tracer.player.failures import json_reply
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.serve import transport
from tracer.serve.children import STAND_IN, TOKEN_PATH
from tracer.serve.hosts import ADDRESSES, Detour
from tracer.serve.live import LiveExchange
from tracer.serve.responses import Schedule
from tracer.serve.transport import Interceptor
from tracer.wire.exchange import Headers

_HOP = {"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "content-length"}


def serve_connection(connection: socket.socket, address: Any, current: Callable[[], Interceptor | None]) -> None:
    """Answer requests on a connection until either side closes it."""
    with contextlib.suppress(OSError), connection:
        handler: Any = type("Handler", (_Handler,), {"current": staticmethod(current)})
        handler(connection, address, None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    current: Callable[[], Interceptor | None]

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self._answer(self._body())

    def log_message(self, *_: object) -> None:
        """What crosses stands in the cassette."""

    def _answer(self, body: bytes) -> None:
        if self.path == TOKEN_PATH:
            token = {"access_token": STAND_IN, "token_type": "Bearer", "expires_in": 3600}
            self._send(json_reply(200, token))
            return
        interceptor = self.current()
        detour = interceptor.hosts.detour if interceptor else None
        if interceptor is None or detour is None:
            self._send(_refusal("no test that is marked 'interactions' is running, and no tracer.record or replay"))
            return
        address = urlsplit(self.path)
        place = detour.place(address.path)
        query = tuple(parse_qsl(address.query, keep_blank_values=True))
        answer = interceptor.arrive(Call(self.command, place.path, query, tuple(self.headers.items()), body), place)
        if isinstance(answer, Reply):
            self._send(answer, detour)
        else:
            self._forward(answer, f"{place.upstream}{f'?{address.query}' if address.query else ''}", body, detour)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _forward(self, live: LiveExchange, url: str, body: bytes, detour: Detour) -> None:
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP]
        request = httpx.Request(self.command, url, headers=headers, content=body or None)
        try:
            with transport.direct():
                response = _client().send(request, stream=True)
        except httpx.HTTPError as error:
            live.refused(error)
            self._send(_refusal(f"the service can't be reached: {error}", status=502))
            return
        try:
            pairs = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
            live.started(response.status_code, pairs)
            self._begin(response.status_code, pairs, detour)
            for part in response.iter_raw():
                live.data(part)
                self._write(part)
            live.ended()
            self._finish()
        except httpx.HTTPError as error:
            live.broke(error)
            self._break()
        except OSError:
            # The child left.
            live.left()
            self.close_connection = True
        finally:
            response.close()

    def _send(self, reply: Reply, detour: Detour | None = None) -> None:
        if reply.reset:
            # Closing then sends a reset instead of an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if not reply.chunks:
                self.close_connection = True
                return
        self._begin(reply.status, reply.headers, detour)
        schedule = Schedule()
        for chunk in reply.chunks:
            if wait := schedule.wait(chunk.delay_us):
                time.sleep(wait)
            self._write(chunk.data)
        if reply.reset:
            self.close_connection = True
        elif reply.cut:
            self._break()
        else:
            self._finish()

    def _begin(self, status: int, headers: Headers, detour: Detour | None) -> None:
        self._bare = self.command == "HEAD" or status in (204, 304) or 100 <= status < 200
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, _led(value, detour) if name.lower() in ADDRESSES and detour else value)
        if not self._bare:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _write(self, data: bytes) -> None:
        if data and not self._bare:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _finish(self) -> None:
        if not self._bare:
            self.wfile.write(b"0\r\n\r\n")

    def _break(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


_shared: list[httpx.Client] = []


def _client() -> httpx.Client:
    if not _shared:
        _shared.append(httpx.Client(timeout=None))  # noqa: S113
    return _shared[0]


def close_clients() -> None:
    """Close the connections to the service."""
    while _shared:
        _shared.pop().close()


def _led(value: str, detour: Detour) -> str:
    """An absolute address at the service, as an address at the relay."""
    bases = (detour.place("").upstream, detour.place("").origin)
    base = next((base for base in bases if base and value.startswith(f"{base}/")), None)
    return value if base is None else detour.url + value.removeprefix(base)


def _refusal(text: str, status: int = 400) -> Reply:
    body = json.dumps({"error": {"code": "replay_miss", "message": text}}, ensure_ascii=False).encode()
    return Reply(status, (("content-type", "application/json"),), (ReplyChunk(0, body),))
