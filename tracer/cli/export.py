"""`tracer export`: interactions as JSON lines, Markdown, curl commands or Python programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import elsewhere, open_reader, read_filter, scoped
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.store.reader import Reader
    from tracer.store.rows import InteractionRow


@click.command("export", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("filters", metavar="[FILTER]...", nargs=-1)
@click.option(
    "--format",
    "name",
    type=click.Choice(["jsonl", "markdown", "curl", "python", "exchanges", "prompt", "answer"]),
    default="jsonl",
    show_default=True,
    help="jsonl: records; markdown: to read; curl, python: what sends the call again; exchanges: for `tracer import`;"
    " prompt, answer: the words alone.",
)
@click.option("-o", "--output", "target", metavar="FILE", type=click.Path(path_type=Path), help="Write here.")
@click.option("--id", "id_", metavar="ID", help="One interaction: a unique prefix of a key or id, or @last.")
@scoped
def command(
    filters: tuple[str, ...],
    name: str,
    target: Path | None,
    id_: str | None,
    db: str | None,
    project: str | None,
    all_projects: bool,
) -> int:
    """Write interactions in another form, oldest first.

    A FILTER is what `tracer list` takes. curl and python read the key from GEMINI_API_KEY; the python format is a
    program for google-genai that runs as it is.

    \b
      tracer export status:failed since:2h -o failed.jsonl
      tracer export --id @last --format python > again.py
    """
    where = read_filter(filters)
    reader, scope = open_reader(db, project, all_projects)
    scope = None if where.any_project else scope
    with reader:
        if id_ is not None:
            rows = [reader.interaction(reader.resolve(id_, scope))]
        else:
            rows = reader.interactions(where, scope)[::-1]
        if not rows:
            say(f"tracer: nothing to export; {elsewhere(reader, scope, filtered=bool(where.text))}")
            return Exit.FAILED
        left_out = _write(_texts(reader, rows, name), target)
    if left_out:
        say(f"tracer: {left_out} of {len(rows)} have nothing recorded for that and were left out")
    return Exit.FAILED if left_out == len(rows) else Exit.DONE


def _texts(reader: Reader, rows: list[InteractionRow], name: str) -> Iterator[str | None]:
    from tracer.export import export

    for row in rows:
        yield None if row.ghost else export(name, reader.record(row.key), lambda key=row.key: reader.exchanges(key))  # type: ignore[misc]


def _write(texts: Iterator[str | None], target: Path | None) -> int:
    """Write each as it comes; returns how many had nothing to write."""
    missing = 0
    if target is None:
        for text in texts:
            missing += text is None
            if text is not None:
                output.write(text)
        return missing
    part = target.with_name(target.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            part.chmod(0o600)
            for text in texts:
                missing += text is None
                file.write(text or "")
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise TracerError(f"can't write {str(target)!r} ({error.strerror}): choose another file with -o") from error
    return missing
