"""The only writer: exchanges in; regrouped, normalised and linked records out, in one transaction a call."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tracer import identity
from tracer.errors import StoreError, UnusableStoreError
from tracer.identity import Facts
from tracer.store.bodies import Codec
from tracer.store.exchanges import Change, Exchanges
from tracer.store.schema import BUSY_TIMEOUT_S, open_for_writing, transaction
from tracer.store.searching import SearchIndex
from tracer.store.update import Again, Normalize, Update
from tracer.wire.exchange import Exchange

__all__ = ["Again", "Normalize", "Writer"]

_BATCH = 50
_SHORT_WAIT_MS = 20
_SEARCHED = 200
"""Texts that are indexed at once, so that nobody waits long for the write lock."""
_BEGIN_RUN = (
    "INSERT INTO run(run, project, started_at_us, command, tags) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT(run) DO UPDATE SET tags = excluded.tags"
)


class Writer:
    """A writing connection to one database, made if need be. Use it from one thread at a time.

    Several writers, in one or many processes, may share a file. Raises StoreError for a database that can't be
    opened, and for a write that fails; then nothing of that call is stored.
    """

    def __init__(
        self, path: Path, *, normalize: Normalize | None = None, report: Callable[[str], None] = lambda sentence: None
    ) -> None:
        """`report` is told if the file is deleted or replaced meanwhile; then a new one is made, with the open runs."""
        self._path = path
        self._report = report
        self._runs: dict[str, tuple[Any, ...]] = {}
        self._codec = Codec()
        self._normalize = normalize or _default_normalize()
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Make what this writer stored searchable and let go of the file; the last connection folds the log in."""
        with contextlib.suppress(StoreError):
            while self.catch_up():
                pass
        self._connection.close()

    def catch_up(self, most: int = _SEARCHED) -> int:
        """Make up to so many stored texts searchable, for which `apply` takes no time; how many there were."""
        if not self._search.is_behind:
            return 0
        try:
            with transaction(self._connection):
                return self._search.catch_up(most)
        except sqlite3.Error as error:
            self._search.forget()
            raise self._failure(error) from error

    def shorten_log(self) -> bool:
        """Fold the write-ahead log into the file and make it empty; False if somebody reads or writes just now."""
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {_SHORT_WAIT_MS}")
            busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return not busy

    def begin_run(
        self, run: str, project: str, started_at_us: int, command: Sequence[str], tags: Mapping[str, str]
    ) -> None:
        """A run started; saying it again changes nothing but the tags."""
        values = (run, project, started_at_us, json.dumps(list(command)), json.dumps(dict(tags)))
        self._run(_BEGIN_RUN, values)
        self._runs[run] = values

    def end_run(self, run: str, ended_at_us: int, exit_code: int | None) -> None:
        """A run ended; `exit_code` is its child's, or None for a proxy without one."""
        self._run("UPDATE run SET ended_at_us = ?, exit_code = ? WHERE run = ?", (ended_at_us, exit_code, run))
        self._runs.pop(run, None)

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        try:
            self._stay_in_place()
            with transaction(self._connection):
                self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def apply(self, exchanges: Sequence[Exchange]) -> None:
        """Store exchanges that are new or have grown, and bring every record they touch up to date.

        What is stored afterwards depends on the set of exchanges alone, not on their order or on repetition.
        """
        self._change(lambda: self._apply(self._exchanges.upsert(exchanges), self._normalize))

    def apply_unread(self, exchange: Exchange, note: str) -> None:
        """Store an exchange whose record can't be made: its bytes, and a record of what is known without them."""
        from tracer.normalize import unread

        bare = functools.partial(unread, note=note)
        self._change(lambda: self._apply(self._exchanges.upsert([exchange], _read_without_bodies), bare))

    def _change(self, change: Callable[[], None]) -> None:
        try:
            self._stay_in_place()
            with transaction(self._connection):
                change()
        except BaseException as error:
            self._exchanges.forget()
            self._search.forget()
            if isinstance(error, sqlite3.Error):
                raise self._failure(error) from error
            raise

    def _apply(self, changes: Sequence[Change], normalize: Normalize) -> None:
        if not changes:
            return
        rev = self._next_rev()
        by_project: dict[str, list[Change]] = {}
        for change in changes:
            by_project.setdefault(change.exchange.project or "", []).append(change)
        for project, some in by_project.items():
            self._update(project, rev, normalize).run(some)
        if self._search.is_full:
            self._search.catch_up(_SEARCHED)

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
                update = self._update(project, rev, self._normalize)
                found.add(update.again(keys))
        if dry_run:
            self._search.forget()
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

    def _open(self) -> None:
        self._connection = open_for_writing(self._path)
        self._exchanges = Exchanges(self._connection)
        self._search = SearchIndex(self._connection, self._codec)
        self._place = _place(self._path)

    def _stay_in_place(self) -> None:
        # SQLite would go on writing to a deleted file, where nobody finds it.
        if _place(self._path) == self._place:
            return
        # Closing first: the last connection to a file removes the log by its name.
        self._connection.close()
        self._open()
        self._report(f"the database {str(self._path)!r} was deleted or replaced: what it held before is gone")
        for values in self._runs.values():
            with transaction(self._connection):
                self._connection.execute(_BEGIN_RUN, values)

    def _update(self, project: str, rev: int, normalize: Normalize) -> Update:
        return Update(self._connection, self._exchanges, self._codec, normalize, self._search, project, rev)

    def _next_rev(self) -> int:
        row = self._connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'rev' RETURNING value")
        return int(row.fetchone()[0])

    def _failure(self, error: sqlite3.Error) -> StoreError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return UnusableStoreError(
                f"the database {str(self._path)!r} is damaged ({error}): move it away, then `tracer recover` "
                "brings what is in the journal into a new one"
            )
        return StoreError(f"writing to the database {str(self._path)!r} failed: {error}; nothing of it was stored")


def _read_without_bodies(exchange: Exchange) -> Facts | None:
    return identity.read(dataclasses.replace(exchange, request_body=b"", response_body=b""))


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size else None


def _default_normalize() -> Normalize:
    from tracer.fold import Readings
    from tracer.normalize import normalize

    return functools.partial(normalize, known=Readings())
