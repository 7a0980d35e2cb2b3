"""The only writer: exchanges in; regrouped, normalised and linked records out, in one transaction a call."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tracer import identity
from tracer.errors import StoreError
from tracer.identity import Facts, Group
from tracer.identity.history import History
from tracer.records.interaction import Interaction
from tracer.store import summaries
from tracer.store.bodies import Codec
from tracer.store.exchanges import Change, Exchanges, Known
from tracer.store.links import Linker
from tracer.store.neighbours import neighbourhood, span_of_id
from tracer.store.schema import open_for_writing, transaction
from tracer.wire.exchange import Exchange


class Normalize(Protocol):
    """Exchanges of one interaction -> its record; `tracer.normalize.normalize`."""

    def __call__(
        self, exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Interaction:
        """Never raises."""
        ...


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
                changes = self._exchanges.upsert(exchanges)
                if not changes:
                    return
                rev = self._next_rev()
                by_project: dict[str, list[Change]] = {}
                for change in changes:
                    by_project.setdefault(change.exchange.project or "", []).append(change)
                for project, some in by_project.items():
                    _Update(self._connection, self._exchanges, self._codec, self._normalize, project, rev).run(some)
        except sqlite3.Error as error:
            raise self._failure(error) from error

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


class _Update:
    """What one `apply` does to one project, inside its transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        exchanges: Exchanges,
        codec: Codec,
        normalize: Normalize,
        project: str,
        rev: int,
    ) -> None:
        self._connection = connection
        self._exchanges = exchanges
        self._codec = codec
        self._normalize = normalize
        self._project = project
        self._linker = Linker(connection, project, rev)
        self._rev = rev

    def run(self, changes: Sequence[Change]) -> None:
        looked_at = [facts for change in changes for facts in _facts(change)]
        if not looked_at:
            return
        known = neighbourhood(self._exchanges, self._project, looked_at)
        fresh = {change.exchange.key: change.exchange for change in changes}
        changed, touched = self._regroup(known, fresh)
        dirty = {group.key for group in changed} | self._children(touched) | self._linker.carrying(changed)
        for facts in looked_at:
            dirty |= self._referring(facts)
        self._linker.link(dirty)
        self._linker.sum_up()

    def _regroup(self, known: Mapping[str, Known], fresh: Mapping[str, Exchange]) -> tuple[list[Group], set[str]]:
        """Write the groups that differ; returns them, and the keys of the records they were made from."""
        before: dict[str, set[str]] = {}
        for key, each in known.items():
            if each.record:
                before.setdefault(each.record, set()).add(key)
        changed = [
            group
            for group in identity.group(each.facts for each in known.values())
            if (members := {facts.key for facts in group.facts}) != before.get(group.key) or members & fresh.keys()
        ]
        now = {facts.key: group for group in changed for facts in group.facts}
        stored = {record: self._stored(record) for record in before if record in now}
        seqs: dict[str, int] = {}
        for record, (seq, _, _) in stored.items():
            key = now[record].key
            seqs[key] = min(seq, seqs.get(key, seq))
        for record, (seq, parent, root) in stored.items():
            self._linker.roots.add(root)
            if seq != seqs[now[record].key]:
                self._linker.leave(parent, now[record].key)
                self._forget(seq)
        for group in changed:
            self._write(group, seqs.get(group.key), fresh)
        return changed, set(stored)

    def _stored(self, key: str) -> tuple[int, str | None, str]:
        row: tuple[int, str | None, str] = self._connection.execute(
            "SELECT seq, parent_key, root_key FROM interaction WHERE project = ? AND key = ?", (self._project, key)
        ).fetchone()
        return row

    def _forget(self, seq: int) -> None:
        for table in ("interaction", "record", "prefix", "unknown"):
            self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        self._connection.execute("DELETE FROM search WHERE rowid = ?", (seq,))

    def _write(self, group: Group, seq: int | None, fresh: Mapping[str, Exchange]) -> None:
        key = group.key
        record = self._normalize(self._members(group, fresh), key=key)
        said = summaries.said_before(record, group)
        columns = {**summaries.columns(record, group, said), "rev": self._rev}
        is_new = seq is None
        if seq is None:
            columns["root_key"] = key
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            cursor = self._connection.execute(
                f"INSERT INTO interaction({names}) VALUES ({marks})", tuple(columns.values())
            )
            assert cursor.lastrowid is not None
            seq = cursor.lastrowid
        else:
            assigned = ", ".join(f"{name} = ?" for name in columns)
            self._connection.execute(f"UPDATE interaction SET {assigned} WHERE seq = ?", (*columns.values(), seq))
        self._write_rows(seq, is_new, columns, said, record)
        codec, data = self._codec.pack(record.to_json().encode())
        self._connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", (seq, codec, data))
        if is_new or record.state != "in_flight":
            self._make_searchable(seq, record)
        self._connection.executemany(
            "UPDATE exchange SET record = :record WHERE project = :project AND key = :key AND record IS NOT :record",
            [{"record": key, "project": self._project, "key": facts.key} for facts in group.facts],
        )

    def _write_rows(
        self, seq: int, is_new: bool, columns: Mapping[str, Any], said: History, record: Interaction
    ) -> None:
        if not is_new:
            for table in ("prefix", "unknown"):
                self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        place = [columns[name] for name in ("project", "origin", "started_at_us")]
        self._connection.executemany(
            "INSERT INTO prefix VALUES (?, ?, ?, ?, ?, ?)",
            [(seq, number, fingerprint, *place) for number, fingerprint in enumerate(said.prefixes)],
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO unknown VALUES (?, ?, ?)",
            [(seq, kind, path) for kind, path in summaries.never_seen(record)],
        )

    def _make_searchable(self, seq: int, record: Interaction) -> None:
        # Indexing text costs more than the rest of a write: a running interaction is indexed when it begins and ends.
        self._connection.execute("DELETE FROM search WHERE rowid = ?", (seq,))
        texts = summaries.searched(record)
        self._connection.execute("INSERT INTO search(rowid, prompt, answer, tools) VALUES (?, ?, ?, ?)", (seq, *texts))

    def _members(self, group: Group, fresh: Mapping[str, Exchange]) -> list[Exchange]:
        stored = [facts.key for facts in group.facts if facts.key not in fresh]
        marks = ", ".join("?" * len(stored))
        loaded = self._exchanges.load(f"project = ? AND key IN ({marks})", (self._project, *stored)) if stored else []
        return [*loaded, *(fresh[facts.key] for facts in group.facts if facts.key in fresh)]

    def _children(self, records: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for record in records:
            rows = self._connection.execute(
                "SELECT key FROM interaction WHERE project = ? AND parent_key = ?", (self._project, record)
            )
            found.update(key for (key,) in rows)
        return found

    def _referring(self, facts: Facts) -> set[str]:
        """The records that named this exchange's id as the one they continue, as long as it is the newest with it."""
        if not facts.interaction_id:
            return set()
        _, until = span_of_id(self._exchanges, facts)
        rows = self._connection.execute(
            "SELECT key FROM interaction WHERE project = ? AND origin = ? AND previous_id = ?"
            " AND started_at_us BETWEEN ? AND ?",
            (*facts.scope, facts.interaction_id, facts.started_at_us, until),
        )
        return {key for (key,) in rows}


def _facts(change: Change) -> list[Facts]:
    return [facts for facts in (change.before and change.before.facts, change.facts) if facts]


def _default_normalize() -> Normalize:
    from tracer.normalize import normalize

    return normalize
