"""The exchanges of a database. One is written as often as it has grown; what has ended is never undone."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tracer import identity
from tracer.identity import Facts
from tracer.store.bodies import Blobs, Codec, pack_chunks, unpack_chunks
from tracer.store.exchange_rows import (
    FACTS,
    STORED,
    Known,
    StoredRow,
    columns_of,
    exchange_of,
    fact_columns,
    known_of,
)
from tracer.store.running import RunningBodies
from tracer.wire.exchange import Exchange, Outcome

_RANKS = {Outcome.OPEN: 0, Outcome.INTERRUPTED: 1}


_REMEMBERED_BYTES = 16 * 1024 * 1024
_MANY = 500


@dataclass(frozen=True, slots=True)
class Change:
    """An exchange that is new or has grown; facts are None for a call that is no Interactions call."""

    exchange: Exchange
    before: Known | None
    facts: Facts | None
    alone: bool = False
    """It is new, and shares no id, fingerprint or token with another exchange: it is an interaction of its own."""


class Exchanges:
    """The `exchange` table and the bodies that belong to it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._codec = Codec()
        self._blobs = Blobs(connection, self._codec)
        self._recent: dict[tuple[str, str], Exchange] = {}
        self._recent_bytes = 0
        self._running = RunningBodies(connection)

    def upsert(
        self, exchanges: Iterable[Exchange], read: Callable[[Exchange], Facts | None] = identity.read
    ) -> list[Change]:
        """Write those that are new or further than what is stored; returns them, each key once."""
        latest: dict[tuple[str, str], Exchange] = {}
        for exchange in exchanges:
            name = (exchange.project or "", exchange.key)
            known = latest.get(name)
            if known is None or _progress(exchange) > _progress(known):
                latest[name] = exchange
        stored = self._stored(latest)
        further = [
            (exchange, row, read(exchange))
            for name, exchange in latest.items()
            if (row := stored.get(name)) is None or _progress(exchange) > _rank(Outcome(row[1]), *row[2:5])
        ]
        alone = self._alone([facts for _, row, facts in further if facts and row is None], further)
        over = [exchange for exchange, _, _ in further if exchange.outcome is not Outcome.OPEN]
        self._blobs.expect(body for exchange in over for body in (exchange.request_body, exchange.response_body))
        return [self._upsert(exchange, row, facts, exchange.key in alone) for exchange, row, facts in further]

    def _stored(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[Any, ...]]:
        by_project: dict[str, list[str]] = {}
        for project, key in names:
            by_project.setdefault(project, []).append(key)
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        for project, keys in by_project.items():
            rows = self._connection.execute(
                f"SELECT seq, outcome, status, response_size, request_size, operation, {FACTS} FROM exchange"
                " WHERE project = ? AND key IN (SELECT value FROM json_each(?))",
                (project, json.dumps(keys)),
            )
            found.update({(project, row[6]): row for row in rows})
        return found

    def _alone(self, new: Sequence[Facts], further: Sequence[tuple[Exchange, Any, Facts | None]]) -> set[str]:
        named = Counter((facts.scope, facts.interaction_id) for _, _, facts in further if facts)
        alike = Counter(facts.fingerprint for _, _, facts in further if facts)
        candidates = [
            facts
            for facts in new
            if not facts.sent_token and not facts.given_tokens
            if not facts.interaction_id or named[facts.scope, facts.interaction_id] == 1
            if not facts.fingerprint or alike[facts.fingerprint] == 1
        ]
        crowded = {
            row
            for project, origin in {facts.scope for facts in candidates}
            for row in self._connection.execute(
                "SELECT project, origin, interaction_id FROM exchange WHERE project = ? AND origin = ?"
                " AND interaction_id IN (SELECT value FROM json_each(?))",
                (project, origin, json.dumps([facts.interaction_id for facts in candidates if facts.interaction_id])),
            )
        }
        prints = json.dumps([facts.fingerprint for facts in candidates if facts.fingerprint])
        repeated = {
            row[0]
            for row in self._connection.execute(
                "SELECT fingerprint FROM exchange WHERE fingerprint IN (SELECT value FROM json_each(?))", (prints,)
            )
        }
        return {
            facts.key
            for facts in candidates
            if (*facts.scope, facts.interaction_id) not in crowded and facts.fingerprint not in repeated
        }

    def _upsert(self, exchange: Exchange, stored: tuple[Any, ...] | None, facts: Facts | None, alone: bool) -> Change:
        columns = columns_of(exchange, facts) | {"chunks": pack_chunks(self._codec, exchange.chunks)}
        if exchange.outcome is not Outcome.OPEN:
            columns["request_hash"] = self._blobs.put(exchange.request_body)
            columns["response_hash"] = self._blobs.put(exchange.response_body)
        if alone:
            columns["record"] = exchange.key
        seq = self._write(stored[0] if stored else None, columns)
        self._keep_bodies(seq, exchange, stored)
        before = known_of(stored[6:]) if stored and stored[5] else None
        self._keep_tokens(facts)
        self._remember(exchange)
        return Change(exchange, before, facts, alone)

    def _keep_tokens(self, facts: Facts | None) -> None:
        if facts and facts.given_tokens:
            self._connection.executemany(
                "INSERT OR IGNORE INTO given_token VALUES (?, ?, ?, ?)",
                [(facts.project, facts.origin, token, facts.key) for token in facts.given_tokens],
            )

    def _write(self, seq: int | None, columns: dict[str, Any]) -> int:
        if seq is not None:
            assigned = ", ".join(f"{name} = ?" for name in columns)
            self._connection.execute(f"UPDATE exchange SET {assigned} WHERE seq = ?", (*columns.values(), seq))
            return seq
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        cursor = self._connection.execute(f"INSERT INTO exchange({names}) VALUES ({marks})", tuple(columns.values()))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _keep_bodies(self, seq: int, exchange: Exchange, stored: tuple[Any, ...] | None) -> None:
        if exchange.outcome is Outcome.OPEN:
            self._running.keep(seq, exchange, stored[3] if stored else None)
        elif stored:
            self._running.drop(seq)

    def known(self, where: str, values: Sequence[Any]) -> list[Known]:
        """The facts of the Interactions exchanges that a condition holds for."""
        rows = self._connection.execute(f"SELECT {FACTS} FROM exchange WHERE kind = 'interaction' AND {where}", values)
        return [known_of(row) for row in rows]

    def members(self, project: str, keys: Sequence[str]) -> list[Exchange]:
        """Whole exchanges; those that ended a little while ago, such as a job's earlier polls, from memory."""
        found = [one for key in keys if (one := self._recent.get((project, key)))]
        missing = [key for key in keys if (project, key) not in self._recent]
        for start in range(0, len(missing), _MANY):
            some = missing[start : start + _MANY]
            marks = ", ".join("?" * len(some))
            found += self.load(f"project = ? AND key IN ({marks})", (project, *some))
        for one in found:
            self._remember(one)
        return found

    def _remember(self, exchange: Exchange) -> None:
        if exchange.outcome in _RANKS:
            return
        name = (exchange.project or "", exchange.key)
        self._recent_bytes -= _weight(self._recent.pop(name, None))
        self._recent[name] = exchange
        self._recent_bytes += _weight(exchange)
        while self._recent_bytes > _REMEMBERED_BYTES:
            self._recent_bytes -= _weight(self._recent.pop(next(iter(self._recent))))

    def forget(self) -> None:
        """Trust nothing in memory: what was written last was taken back."""
        self._running.forget()
        self._recent.clear()
        self._recent_bytes = 0

    def of_records(self, project: str, records: Sequence[str]) -> list[Exchange]:
        """Every exchange of some records."""
        marks = ", ".join("?" * len(records))
        return self.load(f"project = ? AND record IN ({marks})", (project, *records))

    def pruned(self, project: str, records: Sequence[str]) -> set[str]:
        """Which of these records had bodies that are not here any more."""
        marks = ", ".join("?" * len(records))
        lost = " OR ".join(
            f"({part}_size > 0 AND ({part}_hash IS NULL OR {part}_hash NOT IN (SELECT hash FROM blob)))"
            for part in ("request", "response")
        )
        rows = self._connection.execute(
            f"SELECT record FROM exchange WHERE project = ? AND record IN ({marks}) AND outcome <> 'open' AND ({lost})",
            (project, *records),
        )
        return {record for (record,) in rows}

    def reread(self, exchanges: Iterable[Exchange]) -> list[Change]:
        """What stored exchanges tell about identity, read and written again; every one of them is returned."""
        changes: list[Change] = []
        for exchange in exchanges:
            name = (exchange.project or "", exchange.key)
            (before,) = self.known("project = ? AND key = ?", name)
            facts = identity.read(exchange)
            if facts != before.facts:
                columns = {**fact_columns(facts), "kind": "interaction" if facts else "other"}
                assigned = ", ".join(f"{column} = ?" for column in columns)
                self._connection.execute(
                    f"UPDATE exchange SET {assigned} WHERE project = ? AND key = ?", (*columns.values(), *name)
                )
                self._connection.execute("DELETE FROM given_token WHERE project = ? AND key = ?", name)
                self._keep_tokens(facts)
            changes.append(Change(exchange, before, facts))
        return changes

    def row(self, query: str, values: Sequence[Any]) -> tuple[Any, ...]:
        """The only row of an aggregate."""
        found: tuple[Any, ...] = self._connection.execute(query, values).fetchone()
        return found

    def load(self, where: str, values: Sequence[Any]) -> list[Exchange]:
        """Whole exchanges, by start, with their bodies."""
        rows = self._connection.execute(
            f"SELECT {STORED} FROM exchange WHERE {where} ORDER BY started_at_us, key", values
        ).fetchall()
        return [self._rebuild(row) for row in rows]

    def _rebuild(self, row: Sequence[Any]) -> Exchange:
        stored = StoredRow(*row)
        if stored.outcome == Outcome.OPEN:
            bodies = self._running.get(stored.seq)
        else:
            bodies = self._blobs.get(stored.request_hash), self._blobs.get(stored.response_hash)
        return exchange_of(stored, *bodies, unpack_chunks(self._codec, stored.chunks))


def _weight(exchange: Exchange | None) -> int:
    return 0 if exchange is None else len(exchange.request_body) + len(exchange.response_body) + 4096


def _progress(exchange: Exchange) -> tuple[int, bool, int, int]:
    return _rank(exchange.outcome, exchange.status, exchange.response_size, exchange.request_size)


def _rank(outcome: Outcome, status: int | None, response: int, request: int) -> tuple[int, bool, int, int]:
    return _RANKS.get(outcome, 2), status is not None, response, request
