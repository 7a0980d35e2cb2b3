"""`tracer prune`: a smaller database."""

from __future__ import annotations

import re
import time

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, say
from tracer.cli.recording import load_settings
from tracer.errors import UsageError
from tracer.settings import size_in_bytes

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@click.command
@click.option("--older-than", metavar="AGE", help="Conversations that ended longer ago than 90s, 15m, 12h, 30d or 8w.")
@click.option("--max-size", metavar="SIZE", help="The oldest, until the database is at most 500M, 2G, ... large.")
@click.option("--bodies-only", is_flag=True, help="Keep who, when, how long and what it cost; only the words go.")
@click.option("--json", "as_json", is_flag=True, help="Say on stdout, in one line of JSON, what went.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(older_than: str | None, max_size: str | None, bodies_only: bool, as_json: bool, db: str | None) -> int:
    """Make the database smaller, of all projects in it.

    Conversations go as a whole, oldest first; running ones stay. The file is written anew, so that the space really
    comes back: that takes as much free space as what is left. Proxies may go on recording meanwhile.

    Without this verb a database stays below [tool.tracer] max_size (10G unless set; "none" for no limit): when it is
    reached while calls are recorded, the words of the oldest conversations make room.

    \b
    tracer prune --older-than 30d
    tracer prune --max-size 2G --bodies-only
    """
    if older_than is None and max_size is None:
        raise UsageError("say what may go: --older-than AGE or --max-size SIZE")
    seconds = None if older_than is None else _age(older_than)
    limit = None if max_size is None else size_in_bytes(max_size)
    if max_size is not None and limit is None:
        raise UsageError(f"--max-size is {max_size!r}, but it must be a number and a unit, such as 500M")
    settings = load_settings(db, None)
    from tracer.store.pruning import prune
    from tracer.store.schema import open_for_reading

    open_for_reading(settings.db).close()  # says so if there is none
    before_us = None if seconds is None else int((time.time() - seconds) * 1_000_000)
    done = prune(settings.db, before_us=before_us, max_bytes=limit, bodies_only=bodies_only)
    freed = done.size_before - done.size_after
    if as_json:
        counts = {"conversations": done.conversations, "exchanges": done.exchanges}
        output.write_json({**counts, "size_before": done.size_before, "size_after": done.size_after})
    else:
        what = "the bodies of " if bodies_only else ""
        say(f"tracer: {what}{done.conversations} conversations and {done.exchanges} calls are gone")
        say(f"tracer: the database has {done.size_after / 1e6:.1f} MB now, {freed / 1e6:.1f} MB less")
    return Exit.DONE


def _age(text: str) -> int:
    found = re.fullmatch(rf"(\d+(?:\.\d+)?)([{''.join(_AGES)}])", text)
    if found is None:
        raise UsageError(f"--older-than is {text!r}, but it must be a number and a unit, such as 30d")
    return int(float(found[1]) * _AGES[found[2]])
