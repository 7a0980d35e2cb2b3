"""`tracer import`: what other programs recorded, in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, fail, progress, say
from tracer.cli.recording import load_settings, parse_tags
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.imports.importing import Imported, Importer
    from tracer.settings import Settings
    from tracer.store.writer import Writer


@click.command("import", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="A tag for the run that each file becomes.")
@click.option("--json", "as_json", is_flag=True, help="Say on stdout what each file gave, one JSON object a line.")
@click.option("--project", metavar="NAME", help="Another project than this folder's.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(files: tuple[Path, ...], tags: tuple[str, ...], as_json: bool, project: str | None, db: str | None) -> int:
    """Bring recordings of other programs into the database.

    FILE is a vcrpy cassette (also pydantic-ai's, with parsed bodies, and our own), a when/then recording, a HAR that a
    browser or a proxy exported, a mitmproxy flow file, or exchange lines. What it is, its content tells.

    Keys and other secrets are taken out as from live traffic. Importing a file again changes nothing. Calls that are
    not of the Interactions API are kept without their bodies if they went to the same hosts, and else left out.

    \b
      tracer import tests/cassettes/*.yaml
      tracer import --tag source=browser session.har
    """
    tagged = parse_tags(tags)
    settings = load_settings(db, project)
    from tracer.capture.ingester import open_writer

    with open_writer(settings.db, tier=settings.tier, prices=settings.prices) as writer:
        results = _import(_importer(settings, writer, tagged), files)
    for result in results:
        if as_json:
            output.write_json(result.as_json())
        if result.error is not None:
            fail(result.error)
        elif not as_json and (len(files) == 1 or not result.imported.taken or result.imported.skipped):
            say(f"tracer: {str(result.file)!r}: {_summary(result.imported)}")
    if len(files) > 1 and not as_json:
        say(f"tracer: {len(files)} files: {_summary(_sum(results))}")
    return Exit.DONE if all(result.imported.taken for result in results) else Exit.FAILED


@dataclass(frozen=True, slots=True)
class _Result:
    file: Path
    imported: Imported
    error: TracerError | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            **self.imported.as_json(),
            "error": None if self.error is None else str(self.error),
        }


def _importer(settings: Settings, writer: Writer, tags: dict[str, str]) -> Importer:
    from tracer.capture.account import load_account_key
    from tracer.imports.importing import Importer

    return Importer(
        writer=writer,
        project=settings.project,
        account_key=load_account_key(settings.account_key),
        max_body=settings.max_body,
        tags=tags,
    )


def _import(importer: Importer, files: Sequence[Path]) -> list[_Result]:
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    results: list[_Result] = []
    before = 0
    with progress("Importing", sum(sizes)) as reached:
        for file, size in zip(files, sizes, strict=True):
            results.append(_import_one(importer, file, _later(reached, before)))
            before += size
            reached(before)
    return results


def _later(reached: Callable[[int], None], start: int) -> Callable[[int], None]:
    return lambda at: reached(start + at)


def _import_one(importer: Importer, file: Path, read_to: Callable[[int], None]) -> _Result:
    from tracer.imports.importing import Imported

    imported = Imported()
    try:
        importer.file(file, imported, read_to)
    except TracerError as error:
        return _Result(file, imported, error)
    return _Result(file, imported)


def _sum(results: Sequence[_Result]) -> Imported:
    from tracer.imports.importing import Imported

    total = Imported()
    for result in results:
        total.add(result.imported)
    return total


def _summary(imported: Imported) -> str:
    told = f"{imported.interactions} new, {imported.known} there already, {imported.others} other calls"
    if not imported.taken:
        told = "nothing to import"
    reasons = ", ".join(f"{number} {reason}" for reason, number in imported.skipped.most_common())
    return f"{told}; left out: {reasons}" if reasons else told
