"""The screen in a browser: textual-serve's terminal and processes, a page of our own that loads nothing from elsewhere.

Whoever reaches the port would read every conversation, so the page is given only to who has the token (first in the
address, then in a cookie), and only under this machine's own names: another page in the same browser can neither
read it nor open its socket.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

PAGE = Path(__file__).with_name("browser.html")
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
GRACE_SECONDS = 2.0
"""How long a screen may take to close when the server is stopped."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(command: str, port: int, token: str) -> web.Application:
    """The page at `/`, a new process of `command` (for a shell) behind each socket."""
    server = Server(command)
    cookie = f"tracer-{port}"
    names = {f"{name}:{port}" for name in LOOPBACK_NAMES}
    connected: set[asyncio.WriteTransport] = set()
    page = PAGE.read_text(encoding="utf-8")

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if request.host not in names or (origin is not None and origin.removeprefix("http://") != request.host):
            raise web.HTTPForbidden(text="This page answers only to 127.0.0.1 and localhost.\n")
        given = request.query.get("token")
        if given is not None and request.path == "/" and hmac.compare_digest(given, token):
            # Out of the address bar, so that it stands in no history and no screenshot.
            response = web.HTTPFound("/")
            response.set_cookie(cookie, token, httponly=True, samesite="Strict")
            raise response
        if not hmac.compare_digest(request.cookies.get(cookie, ""), token):
            raise web.HTTPForbidden(text="Open the address that `tracer tui --web` printed, with its token.\n")
        return await handler(request)

    async def index(request: web.Request) -> web.Response:
        text = page.replace("{socket}", f"ws://{request.host}/ws")
        policy = _POLICY.format(host=request.host)
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def screen(request: web.Request) -> web.WebSocketResponse:
        transport = request.transport
        if not isinstance(transport, asyncio.WriteTransport):
            raise web.HTTPBadRequest  # gone already
        connected.add(transport)
        try:
            return await server.handle_websocket(request)
        finally:
            connected.discard(transport)

    async def abort(_: web.Application) -> None:
        # A browser that reads no more would hold the server back for good: its screen is waiting to be written.
        for transport in connected:
            transport.abort()

    app = web.Application(middlewares=[guard])
    app.on_shutdown.append(abort)
    app.add_routes(
        [
            web.get("/", index),
            web.get("/ws", screen),
            web.get("/download/{key}", server.handle_download),
            web.static("/static", server.statics_path),
        ]
    )
    return app


def serve(command: str, listening: socket.socket, token: str) -> None:
    """Serve on a bound socket until a signal ends it."""
    app = application(command, listening.getsockname()[1], token)
    web.run_app(app, sock=listening, print=None, access_log=None, shutdown_timeout=GRACE_SECONDS)
    # textual-serve leaves its processes' pipes to the collector, which finds their loop closed and says so.
    sys.unraisablehook = lambda _: None
