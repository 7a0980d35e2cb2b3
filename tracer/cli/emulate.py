"""`tracer emulate`: a local Interactions API, with no key and no network."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import secrets
import signal
import time
from collections.abc import Callable
from typing import Literal

import click

from tracer.cli.diagnostics import Exit, say
from tracer.cli.output import write_json
from tracer.errors import UsageError
from tracer.player.prompts import MAGIC_WORDS

_DUMMY_KEY = "emulator"
_KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_WIDTH = max(map(len, MAGIC_WORDS)) + 2

HELP = f"""Serve a local Interactions API that keeps state like the real one, needs no key and no network.

It answers create, get, cancel, delete, streams and background jobs for any client; what it says is worked out from the
conversation and always the same. It remembers what it is told along `previous_interaction_id`, calls the functions an
app declares and uses their results, fills the JSON schema of a `response_format`, searches, runs code, draws, thinks,
and researches in the background.

With CMD it runs the command with its environment pointed here and a dummy key, and exits as the command did.
Without, it serves until it is stopped; with --json the first line on stdout is
{{"event":"ready","url":"http://127.0.0.1:PORT"}}.

Magic words in a prompt make trouble, so that an app's handling of it can be tried:

\b
{chr(10).join(f"  {words:<{_WIDTH}}{meaning.split(';')[0].split(':')[0]}" for words, meaning in MAGIC_WORDS.items())}

`please fail with 500 once` (or `twice`) succeeds at the next attempt. The API key `invalid` is refused.
"""


@click.command("emulate", help=HELP, context_settings={"allow_interspersed_args": False})
@click.option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", show_default=True, help="Port 0 is any free one.")
@click.option(
    "--dialect",
    type=click.Choice(["auto", "steps", "outputs", "guide"]),
    default="auto",
    show_default=True,
    help="What to speak; auto goes by the client's SDK version.",
)
@click.option("--seed", type=int, metavar="N", help="The same calls get the same ids and times at every start.")
@click.option("--json", "as_json", is_flag=True, help="Say that it is ready as a line of JSON on stdout.")
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED)
def command(
    listen: str,
    dialect: Literal["auto", "steps", "outputs", "guide"],
    seed: int | None,
    as_json: bool,
    cmd: tuple[str, ...],
) -> int:
    """Start the server; run the command, or wait to be stopped."""
    from tracer.player.rules import Rules
    from tracer.player.state import Engine
    from tracer.proxy.launch import why_not
    from tracer.serve.server import Server

    if cmd and (refused := why_not(cmd, os.environ)):
        say(f"tracer: {refused[0]}")
        return refused[1]
    host, port = _address(listen)
    engine = Engine(Rules(), dialect=dialect, seed=secrets.randbits(64) if seed is None else seed)
    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    clock = time.time if seed is None else counting_clock()
    with Server(engine, host, port, token=token, clock=clock, compress=True) as server:
        return asyncio.run(_serve(cmd, server.url, as_json=as_json))


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen is {listen!r}, but it must be HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]") or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host; an emulator on any other demands a token."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def counting_clock() -> Callable[[], float]:
    """A clock that shows one second more each time it is asked, from 2026-01-01 on; Unix time."""
    ticks = itertools.count(1_767_225_600)
    return lambda: float(next(ticks))


def _say_ready(url: str, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write_json({"event": "ready", "url": url, "pid": os.getpid()})
    elif not quiet:
        say(f"The emulator serves the Interactions API at {url}. Point an app to it:")
        say(f"  export GOOGLE_GEMINI_BASE_URL={url}")
        say(f"  export GOOGLE_VERTEX_BASE_URL={url}")
        say(f"  export GEMINI_API_BASE={url}")
        say(f"  export GEMINI_API_KEY={_DUMMY_KEY}")


async def _serve(cmd: tuple[str, ...], url: str, *, as_json: bool) -> int:
    # Runs the command to its end; without one, waits for a signal.
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
    _say_ready(url, as_json=as_json, quiet=bool(cmd))
    if not cmd:
        await stopped.wait()
        return Exit.DONE
    environment = child_environment(url, os.environ)
    if not any(environment.get(name) for name in _KEY_VARIABLES):
        environment["GEMINI_API_KEY"] = _DUMMY_KEY
    return await supervisor.run(cmd, environment)
