"""Reads one database: narrow rows for lists and trees, whole records and exchanges one at a time.

A reader never writes and needs no lock on writers. Make one per thread.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tracer.errors import StoreError
from tracer.store import words
from tracer.store.bodies import Codec
from tracer.store.filters import SORTS, Filter
from tracer.store.rows import RUNNING, ConversationRow, Found, InteractionRow, RunRow, Totals
from tracer.store.schema import open_for_reading
from tracer.wire.exchange import Exchange

if TYPE_CHECKING:
    from tracer.context import Context, ToolTime
    from tracer.store import stats as counting
    from tracer.store.exchanges import Exchanges

_INTERACTION = ", ".join(field.name for field in fields(InteractionRow))
_CONVERSATION = ", ".join(field.name for field in fields(ConversationRow))
_FLAGS = tuple(place for place, field in enumerate(fields(InteractionRow)) if field.type == "bool")
_NEWEST = "ORDER BY started_at_us DESC, seq DESC"
_CANDIDATES = 8
_MANY = 20_000
_BATCH = 2_000
_STEPS = 50_000
"""Steps of SQLite between two questions whether to stop: less than a hundredth of a second."""
_GENERATIONS = 64
"""How many turns back, and how many forks ahead, the calls and results of one interaction are looked for."""


class Reader:
    """A read-only connection. Raises StoreError for a database that is missing, damaged or of another schema."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_for_reading(path)
        self._codec = Codec()
        self._loader: Exchanges | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @property
    def _exchanges(self) -> Exchanges:
        # What lists need is imported with this module, what one interaction needs when it is first asked for: the
        # screen is there sooner.
        if self._loader is None:
            from tracer.store.exchanges import Exchanges

            self._loader = Exchanges(self._connection)
        return self._loader

    def data_version(self) -> int:
        """Changes when another connection has written; cheap enough to ask ten times a second."""
        return int(self._query("PRAGMA data_version")[0][0])

    def last_rev(self) -> int:
        """The `rev` of the newest write."""
        return int(self._query("SELECT value FROM counter WHERE name = 'rev'")[0][0])

    def conversation_seqs(
        self, where: Filter | None = None, project: str | None = None, stop: Callable[[], bool] | None = None
    ) -> array[int]:
        """The `seq` of every conversation, newest first or as the filter sorts them; with a filter, those with an
        interaction it holds for. `stop` is asked now and then; once it says yes this raises StoreError."""
        clause, values = _scoped(None, project)
        order = "seq DESC"
        if where is not None and where.sort:
            order = f"{SORTS[where.sort][0]} NULLS LAST, seq DESC"
        if where is not None and where.conditions:
            inner, wanted = _scoped(where, project)
            holds = f"{inner}{_ghosts(where)}"
            clause += f" AND (project, root_key) IN (SELECT project, root_key FROM interaction WHERE {holds})"
            values += wanted
        seqs = array("q")
        with self._clear_errors(), self._asking(stop):
            cursor = self._connection.execute(f"SELECT seq FROM conversation WHERE {clause} ORDER BY {order}", values)
            while batch := cursor.fetchmany(_BATCH):
                seqs.extend(seq for (seq,) in batch)
        return seqs

    def first_conversations(self, where: Filter | None, project: str | None, limit: int) -> Generator[Found]:
        """The first of `conversation_seqs`, in no more time the more there are: what is known of them so far, again and
        again, each after some thousandths of a second."""
        if where is None or not (where.conditions or where.sort):
            clause, values = _scoped(None, project)
            rows = self._query(f"SELECT seq FROM conversation WHERE {clause} ORDER BY seq DESC LIMIT {limit}", values)
            yield Found(array("q", (seq for (seq,) in rows)), len(rows), done=True, whole=len(rows) < limit)
            return
        from tracer.store import finding

        with self._clear_errors():
            yield from finding.first(self._connection, where, project, limit)

    def conversations(self, seqs: Sequence[int]) -> list[ConversationRow]:
        """The conversations of these `seq`s in their order; those that are gone are left out."""
        found: dict[int, ConversationRow] = {}
        for start in range(0, len(seqs), _MANY):
            some = list(seqs[start : start + _MANY])
            marks = ", ".join("?" * len(some))
            for row in self._query(f"SELECT {_CONVERSATION} FROM conversation WHERE seq IN ({marks})", some):
                found[row[0]] = ConversationRow(*row)
        return [found[seq] for seq in seqs if seq in found]

    def conversations_of(self, root_key: str) -> list[ConversationRow]:
        """The conversation under a root; none if the key is no root (any more)."""
        rows = self._query(f"SELECT {_CONVERSATION} FROM conversation WHERE root_key = ? ORDER BY seq", [root_key])
        return [ConversationRow(*row) for row in rows]

    def conversations_since(self, rev: int, project: str | None = None) -> list[ConversationRow]:
        """The conversations written after a `rev`, oldest first."""
        clause, values = _scoped(None, project)
        rows = self._query(
            f"SELECT {_CONVERSATION} FROM conversation WHERE rev > ? AND {clause} ORDER BY seq", [rev, *values]
        )
        return [ConversationRow(*row) for row in rows]

    def gone_since(self, rev: int, project: str | None = None) -> array[int]:
        """The `seq` of every conversation that became part of another after a `rev`."""
        clause, values = _scoped(None, project)
        rows = self._query(f"SELECT seq FROM gone WHERE rev > ? AND {clause} ORDER BY seq", [rev, *values])
        return array("q", (seq for (seq,) in rows))

    def totals(self, project: str | None = None) -> Totals:
        """Counts and cost over all conversations; reads every row of them."""
        clause, values = _scoped(None, project)
        query = f"SELECT count(*), coalesce(sum(interactions), 0), sum(cost_nano) FROM conversation WHERE {clause}"
        return Totals(*self._query(query, values)[0])

    def stats(self, by: str, where: Filter | None = None, project: str | None = None) -> list[counting.Group]:
        """Interactions counted by one of `store.stats.GROUPS`; the largest group first, days in order. No ghosts."""
        clause, values = _scoped(where, project)
        from tracer.store import stats as counting

        with self._clear_errors():
            return counting.groups(self._connection.execute, by, f"{clause} AND ghost = 0", values)

    def course(self, by: str, buckets: int, project: str | None = None) -> dict[str | None, list[float | None]]:
        """For each group the mean duration, in microseconds, in equal spans of its time; None where nothing was."""
        clause, values = _scoped(None, project)
        from tracer.store import stats as counting

        with self._clear_errors():
            return counting.course(self._connection.execute, by, f"{clause} AND ghost = 0", values, buckets)

    def running(self, project: str | None = None, rev: int = 0, limit: int = 200) -> list[InteractionRow]:
        """Interactions of which more may come, the newest first; of those written after a `rev`."""
        clause, values = _scoped(None, project)
        return self._interactions(f"rev > ? AND {RUNNING} AND {clause}", [rev, *values], f"{_NEWEST} LIMIT {limit}")

    def never_seen(self, where: Filter | None = None, project: str | None = None) -> list[counting.NeverSeen]:
        """What no table of ours knows of the wire, the latest newcomer first."""
        clause, values = _scoped(where, project)
        from tracer.store import stats as counting

        with self._clear_errors():
            return counting.never_seen(self._connection.execute, clause, values)

    def tree(self, root_key: str) -> list[InteractionRow]:
        """Every interaction of a conversation, ghosts too, by start; none if the key is no root (any more)."""
        return self._interactions("root_key = ?", [root_key], "ORDER BY started_at_us, ghost DESC, key")

    def interactions(
        self, where: Filter | None = None, project: str | None = None, limit: int | None = None, offset: int = 0
    ) -> list[InteractionRow]:
        """Interactions, newest first or as the filter sorts them; ghosts only if the filter asks for ghosts."""
        clause, values = _scoped(where, project)
        sort = f"ORDER BY {SORTS[where.sort][1]} NULLS LAST, seq DESC" if where and where.sort else _NEWEST
        order = f"{sort} LIMIT ? OFFSET ?"
        return self._interactions(clause + _ghosts(where), [*values, -1 if limit is None else limit, offset], order)

    def matching(self, where: Filter, root_key: str) -> set[str]:
        """The keys of a conversation's interactions for which a filter holds."""
        clause, values = where.where()
        rows = self._query(f"SELECT key FROM interaction WHERE root_key = ? AND ({clause})", [root_key, *values])
        return {str(key) for (key,) in rows}

    def values(self, name: str, project: str | None = None) -> list[str]:
        """With what a filter's `name:` can be completed, the most frequent first."""
        return words.values(self._query, name, project)

    def interaction(self, key: str) -> InteractionRow:
        """The row of one interaction. Raises StoreError if there is none with this key."""
        rows = self._interactions("key = ?", [key], "ORDER BY seq DESC LIMIT 1")
        if not rows:
            raise StoreError(f"no interaction has the key {key!r}: `tracer list` shows what is there")
        return rows[0]

    def record(self, key: str) -> dict[str, Any]:
        """The whole record as parsed JSON, with its present links and its run's tags. Raises StoreError."""
        with self._snapshot():
            row = self.interaction(key)
            if row.ghost:
                raise StoreError(f"interaction {row.id!r} was never recorded: another one only says it continues it")
            stored = self._query("SELECT codec, data FROM record WHERE seq = ?", [row.seq])
            if not stored:
                raise StoreError(
                    f"the record of {key!r} is missing, the database is damaged: `tracer reindex` makes it again"
                )
            codec, data = stored[0]
            tags = self._query("SELECT tags FROM run WHERE run = ?", [row.run])
        record: dict[str, Any] = json.loads(self._codec.unpack(codec, data))
        links = {"parent_key": row.parent_key, "root_key": row.root_key, "linked_by": row.linked_by}
        return record | links | {"project": row.project, "tags": json.loads(tags[0][0]) if tags else {}}

    def exchanges(self, key: str) -> list[Exchange]:
        """The exchanges of an interaction, by start, with bodies and chunk times."""
        with self._snapshot():
            row = self.interaction(key)
            return self._exchanges.load("project = ? AND record = ?", [row.project, key])

    def path(self, key: str) -> list[InteractionRow]:
        """The interactions from the root of a conversation to this one; the first may be a ghost."""
        with self._snapshot():
            rows = [self.interaction(key)]
            while above := rows[-1].parent_key:
                rows += self._interactions("project = ? AND key = ?", [rows[0].project, above], "LIMIT 1")
        return rows[::-1]

    def context(self, key: str) -> Context:
        """What the model had when it answered this. Raises StoreError for a ghost."""
        from tracer.context import effective

        records = [self.record(row.key) for row in self.path(key) if not row.ghost or row.key == key]
        return effective(records)

    def tool_times(self, key: str) -> list[ToolTime]:
        """How long the app took: for the results that this interaction brought, then for the calls it made.

        Raises StoreError for a ghost.
        """
        from tracer.context import answers_in, calls_in, tool_times

        record = self.record(key)
        found: list[ToolTime] = []
        brought = set(answers_in(record))
        above = self.path(key)[-2::-1][:_GENERATIONS] if brought else []
        # A call that carries its history repeats results of earlier turns; only those for its parent are its own.
        for row in above[:1] if record["linked_by"] == "history" else above:
            if row.ghost or not brought:
                break
            found += [one for one in tool_times(self.record(row.key), record) if one.call_id in brought]
            brought -= {one.call_id for one in found}
        if any(True for _ in calls_in(record)):
            children = "SELECT key FROM interaction WHERE project = ? AND parent_key = ? ORDER BY started_at_us, key"
            for (child,) in self._query(f"{children} LIMIT {_GENERATIONS}", [record["project"] or "", key]):
                found += tool_times(record, self.record(child))
        return found

    def runs(self, project: str | None = None, limit: int | None = None) -> list[RunRow]:
        """Starts of the proxy, newest first."""
        clause, values = _scoped(None, project)
        rows = self._query(
            "SELECT run, project, started_at_us, ended_at_us, command, tags, exit_code FROM run"
            f" WHERE {clause} ORDER BY started_at_us DESC, run DESC LIMIT ?",
            [*values, -1 if limit is None else limit],
        )
        return [
            RunRow(run, name, started, ended, tuple(json.loads(command)), json.loads(tags), code)
            for run, name, started, ended, command, tags, code in rows
        ]

    def others(self, run: str) -> list[Exchange]:
        """Calls of a run to the same hosts that are no Interactions calls, by start."""
        with self._snapshot():
            return self._exchanges.load("run = ? AND kind = 'other'", [run])

    def resolve(self, text: str, project: str | None = None) -> str:
        """The key that a unique prefix of a key or id, or `@last`, means; keys of before a merge work too.

        Raises StoreError if there is none, or with the candidates if there are several.
        """
        scope, values = _scoped(None, project)
        from tracer.identity import storable

        text = storable(text)
        if text == "@last":
            rows = self._query(f"SELECT key FROM interaction WHERE {scope} AND ghost = 0 {_NEWEST} LIMIT 1", values)
            if not rows:
                raise StoreError("@last means nothing yet: no interaction is recorded")
            return str(rows[0][0])
        exact = self._matching("key = ?", "id = ?", [text], scope, values) or self._old_key(text)
        found = exact or self._matching(
            "key >= ? AND key < ?", "id >= ? AND id < ?", [text, text + "\U0010ffff"], scope, values
        )
        if not found:
            raise StoreError(f"no interaction has a key or an id that begins with {text!r}: `tracer list` shows them")
        if len(found) > 1:
            names = [f"{key} (id {told!r})" if told else key for key, told in found[:_CANDIDATES]]
            more = ", ..." if len(found) > _CANDIDATES else ""
            raise StoreError(f"{text!r} begins several keys or ids, give more of one: {', '.join(names)}{more}")
        return found[0][0]

    def _matching(
        self, by_key: str, by_id: str, wanted: list[Any], scope: str, values: list[Any]
    ) -> list[tuple[str, str | None]]:
        limit = f"ORDER BY started_at_us DESC LIMIT {_CANDIDATES + 1}"
        for condition in (by_key, by_id):
            if rows := self._query(
                f"SELECT key, id FROM interaction WHERE {condition} AND {scope} {limit}", [*wanted, *values]
            ):
                return [(str(key), told) for key, told in rows]
        return []

    def _old_key(self, key: str) -> list[tuple[str, str | None]]:
        """What a key that was given away earlier means now: a ghost's by its alias, a record's by its exchange."""
        seen: set[str] = set()
        while key not in seen:
            seen.add(key)
            rows = self._query("SELECT key FROM alias WHERE old = ?", [key]) or self._query(
                "SELECT record FROM exchange WHERE key = ? AND record IS NOT NULL", [key]
            )
            if not rows:
                return []
            key = str(rows[0][0])
            if found := self._query("SELECT key, id FROM interaction WHERE key = ?", [key]):
                return [(str(found[0][0]), found[0][1])]
        return []

    def _interactions(self, clause: str, values: list[Any], order: str) -> list[InteractionRow]:
        rows = self._query(f"SELECT {_INTERACTION} FROM interaction WHERE {clause} {order}", values)
        return [InteractionRow(*_with_flags(row)) for row in rows]

    def _query(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._clear_errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Several queries see one state of the database."""
        with self._clear_errors():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _asking(self, stop: Callable[[], bool] | None) -> Iterator[None]:
        self._connection.set_progress_handler(stop, _STEPS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"reading the database {str(self._path)!r} failed: {error}") from error


def _scoped(where: Filter | None, project: str | None) -> tuple[str, list[Any]]:
    clause, values = where.where() if where else ("1", [])
    return (f"({clause}) AND project = ?", [*values, project]) if project is not None else (f"({clause})", values)


def _ghosts(where: Filter | None) -> str:
    return "" if where and where.ghosts else " AND ghost = 0"


def _with_flags(row: tuple[Any, ...]) -> list[Any]:
    values = list(row)
    for place in _FLAGS:
        values[place] = bool(values[place])
    return values
