"""`tracer emulate`: a local Interactions API, with no key and no network."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tracer.cli.diagnostics import say
from tracer.cli.serving import address, is_loopback, serve
from tracer.errors import ScriptError, UsageError
from tracer.player.prompts import MAGIC_WORDS
from tracer.serve.faults import FAULTS, OPTIONS, parse_fault

if TYPE_CHECKING:
    from tracer.player.script.model import Script
    from tracer.serve.emulator import Options

_WIDTH = max(map(len, MAGIC_WORDS)) + 2
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def _listed(meanings: dict[str, str]) -> str:
    return "\n".join(f"  {word:<{_WIDTH}}{meaning.split(';')[0].split(':')[0]}" for word, meaning in meanings.items())


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
{_listed(MAGIC_WORDS)}

`please fail with 500 once` (or `twice`) succeeds at the next attempt. The API key `invalid` is refused.

A script (YAML, see docs/emulator.md) says what is answered when. --fault lets calls go wrong whatever they ask; it is
KIND[,NAME=VALUE...], such as `429,times=2,retry-after=1` or `cut,on=stream,every=3`:

\b
{_listed(FAULTS)}

Each can be limited:

\b
{_listed(OPTIONS)}
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
@click.option("--script", metavar="FILE", help="Rules that say what is answered when.")
@click.option("--limits", type=click.Choice(["guide"]), help="Refuse what the published guide says can't be done yet.")
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC", help="Let calls go wrong; may be given several times."
)
@click.option("--require-key", is_flag=True, help="Refuse calls without an API key or a token.")
@click.option("--tier", type=click.Choice(["free", "paid"]), help="Forget interactions after 1 or after 55 days.")
@click.option("--retention", metavar="TIME", help="Forget interactions after TIME, such as 90s, 2h or 1d.")
@click.option("--job-time", metavar="TIME", help="How long background jobs take; without, they go on at each get.")
@click.option(
    "--clock",
    type=click.Choice(["real", "virtual"]),
    help="A virtual clock goes on a second at each call, and by `POST /_clock?advance=SECONDS`.",
)
@click.option("--seed", type=int, metavar="N", help="The same calls get the same ids and times at every start.")
@click.option("--json", "as_json", is_flag=True, help="Say that it is ready as a line of JSON on stdout.")
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED)
def command(listen: str, as_json: bool, cmd: tuple[str, ...], **given: Any) -> int:
    """Start the server; run the command, or wait to be stopped."""
    from tracer.proxy.launch import why_not
    from tracer.serve.emulator import emulator

    if cmd and (refused := why_not(cmd, os.environ)):
        say(f"tracer: {refused[0]}")
        return refused[1]
    host, port = address(listen)
    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    with emulator(_options(**given), host, port, token=token) as server:
        return asyncio.run(serve(cmd, server.url, "The emulator serves the Interactions API", as_json=as_json))


def _options(
    *,
    dialect: Literal["auto", "steps", "outputs", "guide"],
    script: str | None,
    limits: str | None,
    faults: tuple[str, ...],
    require_key: bool,
    tier: str | None,
    retention: str | None,
    job_time: str | None,
    clock: Literal["real", "virtual"] | None,
    seed: int | None,
) -> Options:
    from tracer.serve.emulator import RETENTION_S, Options

    if tier and retention:
        raise UsageError("--tier and --retention both say how long interactions are kept: give one of them")
    return Options(
        script=_script(script) if script else None,
        dialect=dialect,
        seed=seed,
        clock=clock,
        retention=RETENTION_S[tier] if tier else _seconds("--retention", retention),
        job_time=_seconds("--job-time", job_time),
        guide_limits=limits == "guide",
        require_key=require_key,
        faults=[parse_fault(text) for text in faults],
    )


def _script(name: str) -> Script:
    from tracer.player.script.reader import read_script

    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ScriptError(f"the script {name!r} can't be read: {reason}") from error
    # Files that a script names stand beside it.
    return read_script(text, name, lambda file: (Path(name).parent / file).read_bytes())


def _seconds(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"{option} is {text!r}, but it must be a time such as 90s, 2h or 1d")
    return float(found[1]) * _UNITS[found[2] or "s"]
