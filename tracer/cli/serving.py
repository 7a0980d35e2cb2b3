"""What the serving verbs share: where to listen, saying that it is ready, running a command against the server."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal

from tracer.cli.diagnostics import Exit, say
from tracer.cli.output import write_json
from tracer.errors import UsageError

# Unlike any word of an answer, because the values of keys are masked in what is recorded.
DUMMY_KEY = "tracer-emulator-key"
_KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


def address(listen: str, option: str = "--listen") -> tuple[str, int]:
    """Host and port of an option's value. Raises UsageError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{option} is {listen!r}, but it must be HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]") or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host; a server on any other demands a token."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say_ready(url: str, what: str, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write_json({"event": "ready", "url": url, "pid": os.getpid()})
    elif not quiet:
        say(f"{what} at {url}. Point an app to it:")
        say(f"  export GOOGLE_GEMINI_BASE_URL={url}")
        say(f"  export GOOGLE_VERTEX_BASE_URL={url}")
        say(f"  export GEMINI_API_BASE={url}")
        say(f"  export GEMINI_API_KEY={DUMMY_KEY}")


async def serve(cmd: tuple[str, ...], url: str, what: str, *, as_json: bool) -> int:
    """Run the command to its end and return its exit code; without one, wait for a signal. `what` serves at `url`."""
    from tracer.proxy.launch import Supervisor, child_environment

    supervisor = Supervisor()
    stopped = asyncio.Event()

    def on_signal(number: int) -> None:
        stopped.set()
        supervisor.on_signal(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    # Only now, so that who reads it may send a signal at once.
    _say_ready(url, what, as_json=as_json, quiet=bool(cmd))
    if not cmd:
        await stopped.wait()
        return Exit.DONE
    environment = child_environment(url, os.environ)
    if not any(environment.get(name) for name in _KEY_VARIABLES):
        environment["GEMINI_API_KEY"] = DUMMY_KEY
    return await supervisor.run(cmd, environment)
