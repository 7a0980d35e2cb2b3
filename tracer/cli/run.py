"""`tracer run -- CMD`: a command with its Interactions API calls recorded."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from typing import TYPE_CHECKING

import click

from tracer.cli.diagnostics import say
from tracer.cli.recording import announce_limit, load_settings, parse_tags, report, require_mitmproxy
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.proxy.launch import Supervisor
    from tracer.proxy.upstream import Routing
    from tracer.settings import Settings


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--forward", is_flag=True, help="For apps with a fixed base URL: a proxy for HTTPS instead of a base URL."
)
@click.option("--upstream", metavar="URL", help="The service's base URL, if not the one the environment names.")
@click.option(
    "--durability",
    type=click.Choice(["process", "power"]),
    default="process",
    show_default=True,
    help="Which death recordings survive: of our processes, or of the machine (all but the last 100 ms).",
)
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A tag for every record; may be repeated.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
@click.option("--project", metavar="NAME", help="The project the records belong to.")
@click.argument("cmd", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    forward: bool,
    upstream: str | None,
    durability: str,
    tags: tuple[str, ...],
    db: str | None,
    project: str | None,
    cmd: tuple[str, ...],
) -> int:
    """Run CMD with its Interactions API calls recorded.

    Starts a proxy on a free loopback port, points the environment of CMD at it (GOOGLE_GEMINI_BASE_URL,
    GOOGLE_VERTEX_BASE_URL, GEMINI_API_BASE) and exits as CMD did. A base URL that was already set becomes the
    upstream. What was recorded is summed up on stderr.

    With --forward the app keeps its base URL: HTTPS_PROXY leads it through the proxy, and certificates of its own
    are trusted through SSL_CERT_FILE (with the roots trusted so far), NODE_EXTRA_CA_CERTS and their like. Only the
    service's hosts are looked into; connections to others pass untouched.

    \b
    tracer run -- python app.py
    tracer run --tag branch=main -- npm start
    """
    require_mitmproxy("run")
    known_tags = parse_tags(tags)
    settings = dataclasses.replace(load_settings(db, project), power_safe=durability == "power")
    announce_limit(settings)
    from tracer.proxy.launch import why_not
    from tracer.proxy.upstream import routing

    if refused := why_not(cmd, os.environ):
        say(f"tracer: {refused[0]}")
        return refused[1]
    from tracer.proxy import tuning

    where = routing(upstream or settings.upstream, os.environ)
    return tuning.run(_run(settings, where, known_tags, cmd, db, forward=forward))


async def _run(
    settings: Settings, where: Routing, tags: dict[str, str], cmd: tuple[str, ...], db: str | None, *, forward: bool
) -> int:
    from tracer.capture.session import RunInfo
    from tracer.cli.summary import Seen, summary
    from tracer.proxy.interrupts import interrupts
    from tracer.proxy.launch import Supervisor, base_urls, without_secrets
    from tracer.proxy.service import Listen, RecordingProxy, signals

    info = RunInfo(project=settings.project, command=without_secrets(cmd, os.environ), tags=tags)
    started_ns = time.monotonic_ns()
    supervisor = Supervisor()
    listen = Listen(forward=("127.0.0.1", 0) if forward else None)
    proxy = RecordingProxy(settings, where, listen, info, report=report)

    def on_signal(number: int, *, to_us_alone: bool = False) -> None:
        supervisor.on_signal(number, to_us_alone=to_us_alone)
        if supervisor.ended:
            proxy.hurry.set()

    def on_interrupt(from_terminal: bool) -> None:
        on_signal(signal.SIGINT, to_us_alone=not from_terminal)

    variables: dict[str, str] = {}
    exit_code = None
    with signals(on_signal), interrupts(on_interrupt):
        try:
            url = await proxy.start()
            variables = proxy.forward_variables() if forward else base_urls(url)
            say(f"tracer: set for the command: {' '.join(variables)}")
            exit_code = await _supervised(supervisor, cmd, url, variables)
        finally:
            took_us = (time.monotonic_ns() - started_ns) // 1000
            await proxy.stop(exit_code)
    seen = Seen(
        run=proxy.run,
        variables=variables,
        interactions=proxy.addon.interactions.total(),
        others=proxy.addon.others,
        tunnels=proxy.addon.tunnels,
        took_us=took_us,
    )
    for line in summary(seen, settings, db):
        say(line)
    return exit_code


async def _supervised(supervisor: Supervisor, cmd: tuple[str, ...], url: str, variables: dict[str, str]) -> int:
    from tracer.proxy.launch import NOT_EXECUTABLE, child_environment

    try:
        return await supervisor.run(cmd, child_environment(url, os.environ, variables))
    except TracerError as error:
        say(f"tracer: {error}")
        return NOT_EXECUTABLE
