"""`tracer tui --web`: the screen served to a browser on this machine."""

from __future__ import annotations

import importlib.util
import secrets
import shlex
import socket
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from tracer.cli.diagnostics import Exit, say
from tracer.cli.serving import address, is_loopback
from tracer.errors import MissingExtraError, TracerError, UsageError


def serve_screen(listen: str, arguments: Sequence[str]) -> int:
    """Serve `tracer tui ARGUMENTS` until it is stopped; each browser tab gets a screen of its own.

    Raises UsageError for an address that others can reach, TracerError for one that is in use.
    """
    host, port = address(listen, "--web")
    if not is_loopback(host):
        raise UsageError(
            f"--web is {listen!r}, but the screen is served to this machine alone:"
            f" give 127.0.0.1:{port}, and reach it from elsewhere through `ssh -L {port}:127.0.0.1:{port}`"
        )
    if importlib.util.find_spec("textual_serve") is None:
        raise MissingExtraError("tui --web", "web")
    # textual-serve's own words (a screen that could not start) are talk.
    with _bound(host, port) as listening, redirect_stdout(sys.stderr):
        from tui.browser import serve

        token = secrets.token_urlsafe(16)
        shown, port = listening.getsockname()[:2]
        name = f"[{shown}]" if ":" in shown else shown
        say(f"the screen is at http://{name}:{port}/?token={token} (ctrl+c ends it)")
        serve(shlex.join([sys.executable, "-P", "-m", "tracer", "tui", *arguments]), listening, token)
    return Exit.DONE


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        where = f"{host}:{port}"
        raise TracerError(f"can't listen on {where!r} ({error.strerror}): --web alone takes any free port") from None
    return listening
