"""The relay of a process: one loopback server that answers what does not go through this process's HTTP clients.

Child processes, programs in other languages and libraries that we don't wrap read a base URL from the environment.
While an interceptor is attached, the variables point to the relay, which asks the same interceptor: it forwards to
the service what is being recorded, and answers what is replayed. A client in this process that was built from
the variables is caught before it reaches the relay, so nothing is recorded twice.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
from pathlib import Path

from tracer.serve.hosts import BASE_URLS, VERTEX_PREFIX, Detour
from tracer.serve.transport import Interceptor

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_lock = threading.Lock()
_attached: list[tuple[Interceptor, Detour, dict[str, str], dict[str, str | None]]] = []
_listener: socket.socket | None = None
_credentials_file: str | None = None
CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
TOKEN_PATH = "/_token"  # noqa: S105
"""Where the relay gives tokens that mean nothing."""
STAND_IN = "replayed-without-credentials"


def attach(interceptor: Interceptor, *, offline: bool = False) -> None:
    """Point the environment to the relay, and let it ask this interceptor; the last one attached is asked.

    Nothing that is replayed `offline` may sign in anywhere: clients of Vertex AI, which don't call without
    credentials, then find some for which the relay itself gives the token. Where sockets are forbidden nothing
    changes: only this process's own clients are caught then.
    """
    url = _listen()
    if url is None:
        return
    ours = _variables(url)
    if offline and CREDENTIALS not in os.environ:
        ours[CREDENTIALS] = _credentials(url)
    before = dict(_attached[-1][1].before) if _attached else {}
    before |= {name: value for name in BASE_URLS if (value := os.environ.get(name)) and value != ours[name]}
    old = {name: os.environ.get(name) for name in ours}
    interceptor.hosts.detour = Detour(url, before)
    _attached.append((interceptor, interceptor.hosts.detour, ours, old))
    os.environ.update(ours)


def detach(interceptor: Interceptor) -> None:
    """Take the variables back, as far as nobody else has changed them since."""
    for place in reversed(range(len(_attached))):
        attached, _, ours, old = _attached[place]
        if attached is interceptor:
            del _attached[place]
            if place < len(_attached):
                # One that was attached later, in another thread, goes on: it puts back what this one found.
                _attached[place][3].update(old)
                return
            for name, value in ours.items():
                if os.environ.get(name) == value:
                    _restore(name, old[name])
            return


def current() -> Interceptor | None:
    """Who answers now."""
    return _attached[-1][0] if _attached else None


def close() -> None:
    """Stop listening."""
    global _credentials_file, _listener  # noqa: PLW0603
    with _lock:
        if _listener is not None:
            # Closing alone does not wake the thread that waits for connections.
            with contextlib.suppress(OSError):
                _listener.shutdown(socket.SHUT_RDWR)
            _listener.close()
            _listener = None
        if _credentials_file is not None:
            Path(_credentials_file).unlink(missing_ok=True)
            _credentials_file = None
    if (relay := sys.modules.get("tracer.serve.relay")) is not None:
        relay.close_clients()


def _listen() -> str | None:
    global _listener  # noqa: PLW0603
    with _lock:
        if _listener is None:
            atexit.register(close)
            try:
                _listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            except (OSError, RuntimeError):
                return None
            threading.Thread(target=_accept, args=(_listener,), name="interactions relay", daemon=True).start()
        return f"http://127.0.0.1:{_listener.getsockname()[1]}"


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            connection, address = listener.accept()
        except OSError:
            return
        # Most tests have no children: what it takes to serve them is imported at the first connection.
        from tracer.serve.relay import serve_connection

        threading.Thread(target=serve_connection, args=(connection, address, current), daemon=True).start()


def _variables(url: str) -> dict[str, str]:
    variables = {"GOOGLE_GEMINI_BASE_URL": url, "GOOGLE_VERTEX_BASE_URL": url + VERTEX_PREFIX, "GEMINI_API_BASE": url}
    if any(name in os.environ or name.upper() in os.environ for name in _PROXIES):
        # Or a child would ask that proxy for our loopback address.
        for name in ("no_proxy", "NO_PROXY"):
            listed = os.environ.get(name) or os.environ.get(name.swapcase(), "")
            known = "127.0.0.1" in listed.split(",")
            variables[name] = listed if known else ",".join(filter(None, [listed, "127.0.0.1"]))
    return variables


def _credentials(url: str) -> str:
    """The path of credentials that are worth nothing; google-auth and its siblings exchange them at the relay."""
    global _credentials_file
    with _lock:
        if _credentials_file is None:
            token_url = f"{url}{TOKEN_PATH}"
            made = {
                "type": "external_account_authorized_user",
                "audience": "//iam.googleapis.com/locations/global/workforcePools/replayed/providers/replayed",
                "client_id": STAND_IN,
                "client_secret": STAND_IN,
                "refresh_token": STAND_IN,
                "token_url": token_url,
                "token_info_url": token_url,
            }
            descriptor, _credentials_file = tempfile.mkstemp(prefix="interactions-credentials-", suffix=".json")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(made, file)
        return _credentials_file


def _restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value
