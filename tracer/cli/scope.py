"""What the reading verbs share: which database, which project, and the ids they are given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli.diagnostics import say
from tracer.errors import UsageError

if TYPE_CHECKING:
    from tracer.store.filters import Filter
    from tracer.store.reader import Reader


_LATE_SECONDS = 5.0


def scoped[F: Callable[..., object]](command: F) -> F:
    """The options `--db`, `--project` and `--all-projects`."""
    for option in (
        click.option("--all-projects", is_flag=True, help="Not only this project's."),
        click.option("--project", metavar="NAME", help="Another project than this folder's."),
        click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's)."),
    ):
        command = option(command)
    return command


def open_reader(db: str | None, project: str | None, all_projects: bool) -> tuple[Reader, str | None]:
    """A reader, and the project to look at: None for all."""
    from tracer import settings
    from tracer.store.reader import Reader

    if project and all_projects:
        raise UsageError("--project and --all-projects exclude each other: give one of them")
    environ = {**os.environ, "TRACER_PROJECT": project} if project else os.environ
    loaded = settings.load(db=db, environ=environ)
    upgrade(loaded.db)
    _say_what_waits(loaded.journal)
    return Reader(loaded.db), None if all_projects else loaded.project


def upgrade(db: Path) -> None:
    """Bring a database that an earlier tracer made up to date, and say so. Raises StoreError if it can't be."""
    if notice := upgraded(db):
        say(f"tracer: {notice}")


def upgraded(db: Path) -> str:
    """Bring a database up to date; what to say of it, or nothing. Raises StoreError if it can't be."""
    from tracer.store import schema

    if (version := schema.upgrade(db)) is None:
        return ""
    return f"{db.name!r} had schema {version} and now has {schema.VERSION}: `tracer reindex` fills in what is new"


def _say_what_waits(journal: Path) -> None:
    from tracer.capture.lag import behind

    lag = behind(journal)
    if lag.seconds > _LATE_SECONDS:
        say(
            f"tracer: {lag.bytes / 1e6:.1f} MB of the journal are not in the database yet, for {lag.seconds:.0f} s: "
            "a running proxy brings them in, `tracer recover` what a dead one left"
        )


def elsewhere(reader: Reader, project: str | None, *, filtered: bool = False) -> str:
    """What to say after "nothing found": where to look, or how something gets there."""
    there = sorted({row.project for row in reader.conversations(reader.conversation_seqs())})
    if project is not None and set(there) - {project}:
        names = ", ".join(repr(name) for name in there[:5] if name != project)
        return f"other projects are here ({names}): try --all-projects"
    if filtered and there:
        return "see what there is without the filter"
    return "record a program with `tracer run -- CMD`"


def read_filter(words: Sequence[str]) -> Filter:
    """The filter that the words of a command line mean. A word with spaces and no `name:` in it is searched as one."""
    from tracer.store.filters import parse

    whole = " ".join(f'"{word}"' if " " in word and ":" not in word and '"' not in word else word for word in words)
    return parse(whole, now_us=now_us())


def now_us() -> int:
    """The present, in Unix microseconds."""
    return time.time_ns() // 1000
