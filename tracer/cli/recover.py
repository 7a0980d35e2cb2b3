"""`tracer recover`: what dead processes left in the journal."""

from __future__ import annotations

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, say
from tracer.cli.recording import load_settings


@click.command
@click.option("--json", "as_json", is_flag=True, help="Say on stdout, in one line of JSON, what was brought in.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(as_json: bool, db: str | None) -> int:
    """Bring journal segments of dead processes into the database.

    Every start of `tracer run` and `tracer proxy` does this too. Exchanges that were running when their process
    died become `interrupted`, with everything that had arrived.
    """
    settings = load_settings(db, None)
    from tracer.capture.ingester import open_writer
    from tracer.capture.recovery import recover

    with open_writer(settings.db, tier=settings.tier, prices=settings.prices) as writer:
        found = recover(writer, settings.journal)
    if as_json:
        output.write_json({"segments": found.sets, "exchanges": found.exchanges, "in_use": list(found.in_use)})
    elif found.sets:
        say(f"tracer: {found.exchanges} exchanges of {found.sets} dead processes are in the database now")
    else:
        say(f"tracer: nothing to recover in {str(settings.journal)!r}")
    for owner in found.in_use:
        say(f"tracer: process {owner.split(' ')[0]} still writes its own journal, which was left alone")
    return Exit.DONE
