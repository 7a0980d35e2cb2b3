"""`tracer reindex`: every record derived from its exchanges again."""

from __future__ import annotations

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, progress, say
from tracer.cli.recording import load_settings


@click.command("reindex", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Say on stdout, in one line of JSON, what changed.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(dry_run: bool, as_json: bool, db: str | None) -> int:
    """Derive all records from what was recorded again, and say what changed.

    For after an update: what this version reads better, or a new price file or tier, then holds for old calls too, and
    lists, links and `stats` know of them what they know of new ones. A second run changes nothing. Records whose
    bodies were pruned stay as they are. Proxies may go on recording meanwhile.
    """
    from tracer.capture.ingester import open_writer
    from tracer.store.schema import open_for_reading

    settings = load_settings(db, None)
    open_for_reading(settings.db, old=True).close()  # says so if there is none
    with (
        open_writer(settings.db, tier=settings.tier, prices=settings.prices, patiently=True) as writer,
        progress("Reindexing", writer.records()) as reached,
    ):
        found = writer.reindex(dry_run=dry_run, reached=reached)
    if as_json:
        told = {"records": found.records, "changed": len(found.changed), "skipped": found.skipped, "dry_run": dry_run}
        output.write_json({**told, "fields": dict(found.fields.most_common())})
        return Exit.DONE
    would = "would change" if dry_run else "changed"
    say(f"tracer: {len(found.changed)} of {found.records} records {would}")
    if found.skipped:
        say(f"tracer: {found.skipped} records stay as they are: their bodies were pruned")
    for name, count in found.fields.most_common():
        output.write(f"{count:>8}  {name}")
    return Exit.DONE
