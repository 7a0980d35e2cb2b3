"""The only writer: exchanges in; regrouped, normalised and linked records out, in one transaction a call."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tracer.errors import StoreError
from tracer.store.bodies import Codec
from tracer.store.exchanges import Change, Exchanges
from tracer.store.schema import open_for_writing, transaction
from tracer.store.update import Again, Normalize, Update
from tracer.wire.exchange import Exchange

__all__ = ["Again", "Normalize", "Writer"]

_BATCH = 50


class Writer:
    """A writing connection to one database, made if need be. Use it from one thread at a time.

    Several writers, in one or many processes, may share a file. Raises StoreError for a database that can't be
    opened, and for a write that fails; then nothing of that call is stored.
    """

    def __init__(self, path: Path, *, normalize: Normalize | None = None) -> None:
        self._path = path
        self._connection = open_for_writing(path)
        self._exchanges = Exchanges(self._connection)
        self._codec = Codec()
        self._normalize = normalize or _default_normalize()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the last connection to it folds the write-ahead log in."""
        self._connection.close()

    def begin_run(
        self, run: str, project: str, started_at_us: int, command: Sequence[str], tags: Mapping[str, str]
    ) -> None:
        """A run started; saying it again changes nothing but the tags."""
        values = (run, project, started_at_us, json.dumps(list(command)), json.dumps(dict(tags)))
        self._run(
            "INSERT INTO run(run, project, started_at_us, command, tags) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT(run) DO UPDATE SET tags = excluded.tags",
            values,
        )

    def end_run(self, run: str, ended_at_us: int, exit_code: int | None) -> None:
        """A run ended; `exit_code` is its child's, or None for a proxy without one."""
        self._run("UPDATE run SET ended_at_us = ?, exit_code = ? WHERE run = ?", (ended_at_us, exit_code, run))

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        try:
            with transaction(self._connection):
                self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def apply(self, exchanges: Sequence[Exchange]) -> None:
        """Store exchanges that are new or have grown, and bring every record they touch up to date.

        What is stored afterwards depends on the set of exchanges alone, not on their order or on repetition.
        """
        try:
            with transaction(self._connection):
                self._apply(exchanges)
        except BaseException as error:
            self._exchanges.forget()
            if isinstance(error, sqlite3.Error):
                raise self._failure(error) from error
            raise

    def _apply(self, exchanges: Sequence[Exchange]) -> None:
        changes = self._exchanges.upsert(exchanges)
        if not changes:
            return
        rev = self._next_rev()
        by_project: dict[str, list[Change]] = {}
        for change in changes:
            by_project.setdefault(change.exchange.project or "", []).append(change)
        for project, some in by_project.items():
            Update(self._connection, self._exchanges, self._codec, self._normalize, project, rev).run(some)

    def reindex(self, *, dry_run: bool = False, reached: Callable[[int], None] = lambda done: None) -> Again:
        """Derive every record from its stored exchanges again, in batches; says what differed.

        `reached` is told how many records are done. What nothing changed in is not written, so a second run finds
        nothing. With `dry_run` nothing is written at all. Records whose bodies were pruned are left as they are.
        """
        total = Again()
        last = 0
        try:
            while batch := self._connection.execute(
                "SELECT seq, project, key FROM interaction WHERE seq > ? AND ghost = 0 ORDER BY seq LIMIT ?",
                (last, _BATCH),
            ).fetchall():
                last = batch[-1][0]
                total.add(self._reindex([(project, key) for _, project, key in batch], dry_run))
                reached(total.records)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return total

    def _reindex(self, batch: Sequence[tuple[str, str]], dry_run: bool) -> Again:
        found = Again()
        with transaction(self._connection, keep=lambda: bool(found.changed) and not dry_run):
            rev = self._next_rev()
            for project in dict.fromkeys(project for project, _ in batch):
                keys = [key for name, key in batch if name == project]
                update = Update(self._connection, self._exchanges, self._codec, self._normalize, project, rev)
                found.add(update.again(keys))
        return found

    def records(self) -> int:
        """How many records there are."""
        try:
            found = self._connection.execute("SELECT count(*) FROM interaction WHERE ghost = 0").fetchone()
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return int(found[0])

    def stored(self, project: str, keys: Sequence[str]) -> set[str]:
        """Which of these exchanges the database already has, whatever their state."""
        marks = ", ".join("?" * len(keys))
        try:
            rows = self._connection.execute(
                f"SELECT key FROM exchange WHERE project = ? AND key IN ({marks})", (project, *keys)
            )
            return {key for (key,) in rows}
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _next_rev(self) -> int:
        row = self._connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'rev' RETURNING value")
        return int(row.fetchone()[0])

    def _failure(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"writing to the database {str(self._path)!r} failed: {error}; nothing of it was stored")


def _default_normalize() -> Normalize:
    from tracer.normalize import normalize

    return normalize
