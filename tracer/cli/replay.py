"""`tracer replay`: cassettes, served to any client."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Literal

import click

from tracer.cli.diagnostics import Exit, say
from tracer.cli.serving import address, is_loopback, serve
from tracer.serve.faults import parse_fault


@click.command("replay", context_settings={"allow_interspersed_args": False})
@click.option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", show_default=True, help="Port 0 is any free one.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="0 sends streams at once, 1 as slowly as they were recorded, N that much faster.",
)
@click.option(
    "--polls",
    type=click.Choice(["collapse", "as-recorded"]),
    default="collapse",
    show_default=True,
    help="A get answers with a job's last state, or steps through those that were recorded.",
)
@click.option("--ignore", multiple=True, metavar="PATH", help="A JSON path into request bodies that may differ.")
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC", help="Let calls go wrong, as `tracer emulate` has it."
)
@click.option("--json", "as_json", is_flag=True, help="Say that it is ready as a line of JSON on stdout.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="CASSETTE... [-- CMD...]")
@click.pass_context
def command(
    ctx: click.Context,
    listen: str,
    speed: float,
    polls: Literal["collapse", "as-recorded"],
    ignore: tuple[str, ...],
    faults: tuple[str, ...],
    as_json: bool,
    words: tuple[str, ...],
) -> int:
    """Serve cassettes to any client, in any language: no key, no network.

    Each recording answers once, in the order in which it was recorded; jobs may be polled as often as one likes. A
    request that no recording answers gets HTTP 400 with an explanation, which is also said here.

    With CMD it runs the command with its environment pointed here and a dummy key, and exits as the command did; if
    that is 0 but requests were missed, with 1. Without, it serves until it is stopped; with --json the first line on
    stdout is {"event":"ready","url":"http://127.0.0.1:PORT"}.
    """
    from tracer.proxy.launch import why_not
    from tracer.serve.playback import Playback
    from tracer.serve.server import Server

    place = words.index("--") if "--" in words else len(words)
    cassettes, cmd = words[:place], words[place + 1 :]
    if not cassettes:
        raise click.UsageError("no cassette is given: name at least one", ctx)
    if cmd and (refused := why_not(cmd, os.environ)):
        say(f"tracer: {refused[0]}")
        return refused[1]
    player = Playback(
        [Path(cassette) for cassette in cassettes],
        speed=speed,
        polls="collapse" if polls == "collapse" else "as_recorded",
        ignore=ignore,
        faults=[parse_fault(text) for text in faults],
    )
    host, port = address(listen)
    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    with Server(player, host, port, token=token) as server:
        player.url = server.url
        count = len(cassettes)
        what = f"{count} cassette{'s' if count > 1 else ''} ({len(player.tape.unplayed)} recordings) served"
        code = asyncio.run(serve(cmd, server.url, what, as_json=as_json))
        for miss in server.misses:
            say(str(miss))
        return code or (Exit.FAILED if cmd and server.misses else Exit.DONE)
