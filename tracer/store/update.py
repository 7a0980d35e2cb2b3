"""What new or grown exchanges change in one project: groups, records, rows, links, sums."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracer import identity
from tracer.identity import Facts, Group
from tracer.identity.history import History
from tracer.records.interaction import Interaction
from tracer.store import summaries
from tracer.store.bodies import Codec
from tracer.store.exchange_rows import Known
from tracer.store.exchanges import Change, Exchanges
from tracer.store.links import Linker
from tracer.store.neighbours import neighbourhood, span_of_id
from tracer.store.searching import SearchIndex
from tracer.wire.exchange import Exchange


class Normalize(Protocol):
    """Exchanges of one interaction -> its record; `tracer.normalize.normalize`."""

    def __call__(
        self, exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Interaction:
        """Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Derived:
    """What the exchanges of one interaction give: its record and the columns of its row."""

    group: Group
    record: Interaction
    said: History
    columns: dict[str, Any]


@dataclass(slots=True)
class Again:
    """What deriving records again found."""

    records: int = 0
    skipped: int = 0
    """Records whose bodies were pruned."""
    changed: set[tuple[str, str]] = field(default_factory=set)
    """Project and key of the records that differ now."""
    fields: Counter[str] = field(default_factory=Counter)
    """Field -> records in which it differs; `grouping`, `links` and `index` (what lists and searches use) too."""
    project: str = ""

    def note(self, keys: Iterable[str], name: str) -> None:
        """These records differ in this field."""
        for key in keys:
            self.changed.add((self.project, key))
            self.fields[name] += 1

    def add(self, other: Again) -> None:
        """Count what another batch found as well."""
        self.records += other.records
        self.skipped += other.skipped
        self.changed |= other.changed
        self.fields += other.fields


class Update:
    """What one `apply` does to one project, inside its transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        exchanges: Exchanges,
        codec: Codec,
        normalize: Normalize,
        search: SearchIndex,
        project: str,
        rev: int,
    ) -> None:
        self._connection = connection
        self._exchanges = exchanges
        self._codec = codec
        self._normalize = normalize
        self._search = search
        self._project = project
        self._linker = Linker(connection, project, rev)
        self._rev = rev
        self._records: dict[str, str | None] = {}
        """Exchange -> the record that its row names."""
        self._telling: set[str] = set()
        """Written records that a later call may carry along."""

    def run(self, changes: Sequence[Change]) -> None:
        """Bring every record up to date that these exchanges, stored already, have to do with."""
        looked_at = [facts for change in changes for facts in _facts(change)]
        if not looked_at:
            return
        crowd = [facts for change in changes if not change.alone for facts in _facts(change)]
        known = neighbourhood(self._exchanges, self._project, crowd)
        fresh = {change.exchange.key: change.exchange for change in changes}
        named = self._named(looked_at)
        lone = [Group((change.facts,)) for change in changes if change.alone and change.facts]
        changed, touched = self._regroup(known, fresh, lone)
        written = {group.key for group in changed}
        dirty = written | self._children(touched) | self._linker.carrying(self._telling)
        for facts in looked_at:
            dirty |= self._referring(facts, named)
        self._linker.link(dirty)
        self._linker.sum_up()

    def again(self, records: Sequence[str]) -> Again:
        """Derive these records from their stored exchanges again, and all that follows; says what differed.

        Records whose bodies were pruned are left as they are.
        """
        told = Again(len(records), project=self._project)
        pruned = self._exchanges.pruned(self._project, records)
        told.skipped = len(pruned)
        loaded = self._exchanges.of_records(self._project, [key for key in records if key not in pruned])
        reread = self._exchanges.reread(loaded)
        other = {one.before.record for one in reread if one.before and one.before.facts != one.facts}
        told.note((key for key in other if key), "identity")
        looked_at = [facts for one in reread for facts in _facts(one)]
        known = neighbourhood(self._exchanges, self._project, looked_at)
        changed, touched = self._regroup(known, {})
        told.note((group.key for group in changed), "grouping")
        regrouped = {group.key for group in changed}
        members = {one.key: one for one in loaded}
        for group in identity.group(each.facts for each in known.values()):
            if group.key not in regrouped and group.facts[0].key in members and group.key in records:
                self._compare(self._derive(group, members), told)
        dirty = (
            {*records, *regrouped} - pruned
            | self._children(touched)
            | self._linker.carrying(key for _, key in told.changed)
        )
        self._linker.link(dirty)
        told.note(self._linker.moved, "links")
        if told.changed:
            self._linker.sum_up()
        return told

    def _compare(self, derived: Derived, told: Again) -> None:
        seq = self._stored(derived.group.key)[0]
        codec, data = self._connection.execute("SELECT codec, data FROM record WHERE seq = ?", (seq,)).fetchone()
        before, now = json.loads(self._codec.unpack(codec, data)), json.loads(derived.record.to_json())
        names = differing(before, now)
        if not names and not self._is_indexed(seq, derived):
            names = {"index"}
        for name in names:
            told.note([derived.group.key], name)
        if names:
            self._store(derived, seq)

    def _is_indexed(self, seq: int, derived: Derived) -> bool:
        columns = derived.columns
        row = self._connection.execute(f"SELECT {', '.join(columns)} FROM interaction WHERE seq = ?", (seq,)).fetchone()
        prefixes = self._connection.execute("SELECT hash FROM prefix WHERE seq = ? ORDER BY place", (seq,))
        unknown = self._connection.execute("SELECT kind, path FROM unknown WHERE seq = ?", (seq,))
        return (
            row == tuple(columns.values())
            and tuple(each for (each,) in prefixes) == derived.said.prefixes
            and set(unknown) == set(summaries.never_seen(derived.record))
        )

    def _regroup(
        self, known: Mapping[str, Known], fresh: Mapping[str, Exchange], lone: Sequence[Group] = ()
    ) -> tuple[list[Group], set[str]]:
        """Write the groups that differ; returns them, and the keys of the records they were made from."""
        self._records = {key: each.record for key, each in known.items()} | {group.key: group.key for group in lone}
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
        # By start: what a record goes on from is written before it.
        changed = sorted([*changed, *lone], key=lambda group: group.facts[0].order)
        for group in changed:
            self._store(self._derive(group, fresh), seqs.get(group.key))
        return changed, set(stored)

    def _stored(self, key: str) -> tuple[int, str | None, str]:
        row: tuple[int, str | None, str] = self._connection.execute(
            "SELECT seq, parent_key, root_key FROM interaction WHERE project = ? AND key = ?", (self._project, key)
        ).fetchone()
        return row

    def _forget(self, seq: int) -> None:
        for table in ("interaction", "record", "prefix", "unknown"):
            self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        self._search.drop(seq)

    def _derive(self, group: Group, fresh: Mapping[str, Exchange]) -> Derived:
        record = self._normalize(self._members(group, fresh), key=group.key)
        said = summaries.said_before(record, group)
        return Derived(group, record, said, summaries.columns(record, group, said))

    def _store(self, derived: Derived, seq: int | None) -> None:
        key, record = derived.group.key, derived.record
        columns = {**derived.columns, "rev": self._rev}
        is_new = seq is None
        if derived.said.whole:
            self._telling.add(key)
        if seq is None:
            columns |= self._linker.place(derived.group, bool(derived.said.prefixes))
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            cursor = self._connection.execute(
                f"INSERT INTO interaction({names}) VALUES ({marks})", tuple(columns.values())
            )
            assert cursor.lastrowid is not None
            seq = cursor.lastrowid
        else:
            assigned = ", ".join(f"{name} = ?" for name in columns)
            self._connection.execute(f"UPDATE interaction SET {assigned} WHERE seq = ?", (*columns.values(), seq))
        self._write_rows(seq, is_new, derived)
        codec, data = self._codec.pack(record.to_json().encode())
        self._connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", (seq, codec, data))
        if is_new or record.state != "in_flight":
            self._search.later(seq, is_new, record)
        self._connection.executemany(
            "UPDATE exchange SET record = ? WHERE project = ? AND key = ?",
            [(key, self._project, facts.key) for facts in derived.group.facts if self._records.get(facts.key) != key],
        )

    def _write_rows(self, seq: int, is_new: bool, derived: Derived) -> None:
        if not is_new:
            for table in ("prefix", "unknown"):
                self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        if derived.said.prefixes:
            place = [derived.columns[name] for name in ("project", "origin", "started_at_us")]
            self._connection.executemany(
                "INSERT INTO prefix VALUES (?, ?, ?, ?, ?, ?)",
                [(seq, number, fingerprint, *place) for number, fingerprint in enumerate(derived.said.prefixes)],
            )
        if never_seen := summaries.never_seen(derived.record):
            self._connection.executemany(
                "INSERT OR IGNORE INTO unknown VALUES (?, ?, ?)", [(seq, kind, path) for kind, path in never_seen]
            )

    def _members(self, group: Group, fresh: Mapping[str, Exchange]) -> list[Exchange]:
        stored = [facts.key for facts in group.facts if facts.key not in fresh]
        loaded = self._exchanges.members(self._project, stored)
        return [*loaded, *(fresh[facts.key] for facts in group.facts if facts.key in fresh)]

    def _children(self, records: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for record in records:
            rows = self._connection.execute(
                "SELECT key FROM interaction WHERE project = ? AND parent_key = ?", (self._project, record)
            )
            found.update(key for (key,) in rows)
        return found

    def _named(self, looked_at: Sequence[Facts]) -> set[tuple[str, str]]:
        """Origin and id of what stored records continue."""
        by_origin: dict[str, list[str]] = {}
        for facts in looked_at:
            if facts.interaction_id:
                by_origin.setdefault(facts.origin, []).append(facts.interaction_id)
        return {
            (origin, named)
            for origin, ids in by_origin.items()
            for (named,) in self._connection.execute(
                "SELECT DISTINCT previous_id FROM interaction WHERE project = ? AND origin = ?"
                " AND previous_id IN (SELECT value FROM json_each(?))",
                (self._project, origin, json.dumps(ids)),
            )
        }

    def _referring(self, facts: Facts, named: set[tuple[str, str]]) -> set[str]:
        """The records that named this exchange's id as the one they continue, as long as it is the newest with it."""
        if not facts.interaction_id:
            return set()
        hinting = self._linker.hinting(facts.origin, facts.interaction_id)
        if (facts.origin, facts.interaction_id) not in named:
            return hinting
        _, until = span_of_id(self._exchanges, facts)
        rows = self._connection.execute(
            "SELECT key FROM interaction WHERE project = ? AND origin = ? AND previous_id = ?"
            " AND started_at_us BETWEEN ? AND ?",
            (*facts.scope, facts.interaction_id, facts.started_at_us, until),
        )
        return {key for (key,) in rows} | hinting


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    """The fields in which two records differ, one level into objects: `usage.input_tokens`, `output`."""
    found: set[str] = set()
    for name in before.keys() | now.keys():
        one, other = before.get(name), now.get(name)
        if one != other and isinstance(one, dict) and isinstance(other, dict) and name != "request":
            found |= {f"{name}.{part}" for part in one.keys() | other.keys() if one.get(part) != other.get(part)}
        elif one != other:
            found.add(name)
    return found


def _facts(change: Change) -> list[Facts]:
    return [facts for facts in (change.before and change.before.facts, change.facts) if facts]
