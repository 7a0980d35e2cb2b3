"""Links between records: parents, ghosts, roots, and what a conversation adds up to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tracer.identity import Group, ghost_key
from tracer.identity.structure import first_turn, later_turns
from tracer.store.rows import FAILED, RUNNING

_GHOST_COLUMNS = (
    "rev, key, project, id, root_key, ghost, dialect, state, background, stream, started_at_us, polls, retries, hops, "
    "tools, prompt, answer, origin"
)
_DESCENDANTS = """WITH RECURSIVE below(key) AS (
    SELECT key FROM interaction WHERE project = :project AND parent_key = :key
    UNION SELECT i.key FROM interaction i JOIN below ON i.parent_key = below.key WHERE i.project = :project)"""


@dataclass(slots=True)
class Linker:
    """Resolves the parents of records in one project again, within the caller's transaction.

    Roots follow from parents in the order of their starts, since a parent is always earlier than its child.
    """

    connection: sqlite3.Connection
    project: str
    rev: int
    roots: set[str] = field(default_factory=set)
    """Conversations to sum up again: those that lost or gained something."""
    made: set[str] = field(default_factory=set)
    """Records that are new: they leave no conversation behind."""
    moved: set[str] = field(default_factory=set)
    """Records whose parent, or the word for why it is that, is another now."""
    placed: set[str] = field(default_factory=set)
    """New records that were linked as they were written."""
    _left: dict[str, str] = field(default_factory=dict)
    """Ghost -> what took the place of it for the first of its children that left."""

    def leave(self, ghost: str | None, successor: str) -> None:
        """A child of what may be a ghost is gone or elsewhere; `successor` is what the ghost's key then means."""
        if ghost:
            self._left.setdefault(ghost, successor)

    def place(self, group: Group, has_prefixes: bool) -> dict[str, str | None]:
        """The links of a record that is about to be written, once all earlier ones are; `link` is spared then.

        One that may go on from what it carries along, or from what nobody has seen, is linked later.
        """
        first = group.facts[0]
        self.made.add(group.key)
        row: dict[str, Any] = {
            "key": group.key, "id": group.interaction_id, "origin": first.origin, "previous_id": group.previous_id,
            "started_at_us": first.started_at_us, "rank": first.operation != "create", "first": first.key, "seq": None,
        }  # fmt: skip
        found = None if has_prefixes and not group.previous_id else self._seen_parent(row)
        if found is None:
            return {"root_key": group.key}
        parent, linked_by = found
        root = group.key if parent is None else self._root_of(parent)
        self.placed.add(group.key)
        self.roots.add(root)
        if parent is not None:
            self.moved.add(group.key)
        return {"parent_key": parent, "linked_by": linked_by, "root_key": root}

    def link(self, keys: Iterable[str]) -> None:
        """Find the parents of these records, and the roots of all that hang below them."""
        keys = set(keys) - self.placed
        rows = [row for key in keys if (row := self._row(key))]
        for row in sorted(rows, key=lambda row: (row["started_at_us"], row["key"])):
            self._link(row)
        self._tidy_ghosts()

    def _row(self, key: str) -> dict[str, Any] | None:
        # The record's place in time is its first exchange's; at one instant a create comes first.
        cursor = self.connection.execute(
            """SELECT i.seq, i.key, i.id, i.origin, i.previous_id, i.parent_key, i.root_key, i.linked_by,
                e.started_at_us, e.operation <> 'create' AS rank, e.key AS first
            FROM interaction i JOIN exchange e ON e.project = i.project AND e.record = i.key
            WHERE i.project = ? AND i.key = ? ORDER BY e.started_at_us, rank, first LIMIT 1""",
            (self.project, key),
        )
        found = cursor.fetchone()
        return dict(zip([column[0] for column in cursor.description], found, strict=True)) if found else None

    def _link(self, row: dict[str, Any]) -> None:
        parent, linked_by = self._parent(row)
        # Linking another record may have moved this one since its row was read.
        row["root_key"] = self._root_of(row["key"])
        root = row["key"] if parent is None else self._root_of(parent)
        if parent != row["parent_key"]:
            self.leave(row["parent_key"], parent or row["key"])
        if (parent, linked_by) != (row["parent_key"], row["linked_by"]):
            self.moved.add(row["key"])
        if (parent, linked_by, root) != (row["parent_key"], row["linked_by"], row["root_key"]):
            self.connection.execute(
                "UPDATE interaction SET parent_key = ?, root_key = ?, linked_by = ?, rev = ? WHERE seq = ?",
                (parent, root, linked_by, self.rev, row["seq"]),
            )
        self.roots |= {root} if row["key"] in self.made else {root, row["root_key"]}
        if root != row["root_key"] and self._has_children(row["key"]):
            below = {"project": self.project, "key": row["key"], "root": root, "rev": self.rev}
            self.connection.execute(
                f"{_DESCENDANTS} UPDATE interaction SET root_key = :root, rev = :rev"
                " WHERE project = :project AND key IN below",
                below,
            )

    def _has_children(self, key: str) -> bool:
        found = self.connection.execute(
            "SELECT 1 FROM interaction WHERE project = ? AND parent_key = ? LIMIT 1", (self.project, key)
        )
        return found.fetchone() is not None

    def _parent(self, row: dict[str, Any]) -> tuple[str | None, str | None]:
        """The parent, and the word for why it is that: a ghost if it was named and nobody has seen it."""
        found = self._seen_parent(row)
        return found or (self._ghost(self.project, row["origin"], row["previous_id"], row["started_at_us"]), "id")

    def _seen_parent(self, row: dict[str, Any]) -> tuple[str | None, str | None] | None:
        """The record that was named, else that whose words are carried along, else what the id hints at.

        None if the one that was named was not seen. A record that is not written yet (without `seq`) carries nothing.
        """
        if previous_id := row["previous_id"]:
            named = self._given(previous_id, row)
            return (named, "id") if named else None
        if row["seq"] is not None and (carried := self._carried(row)):
            return carried, "history"
        hinted = first_turn(row["id"]) if row["id"] else None
        found = self._given(hinted, row) if hinted else None
        return found, "id_structure" if found else None

    def _given(self, interaction_id: str, row: dict[str, Any]) -> str | None:
        """The newest create before this record that was given the id, else the record around the id alone."""
        scope = (self.project, row["origin"], interaction_id)
        place = (row["started_at_us"], row["started_at_us"], row["rank"], row["first"])
        for operation, order in (("= 'create'", "DESC"), ("<> 'create'", "ASC")):
            found = self.connection.execute(
                f"""SELECT record FROM exchange WHERE project = ? AND origin = ? AND interaction_id = ?
                AND started_at_us <= ? AND (started_at_us, operation <> 'create', key) < (?, ?, ?)
                AND operation {operation} ORDER BY started_at_us {order}, key {order} LIMIT 1""",
                (*scope, *place),
            ).fetchone()
            if found:
                return str(found[0])
        return None

    def _carried(self, row: dict[str, Any]) -> str | None:
        """The record whose words this one's input begins with: the longest such beginning, of those the newest."""
        found = self.connection.execute(
            """SELECT (SELECT i.key FROM interaction i WHERE i.history = p.hash AND i.project = p.project
                    AND i.origin = p.origin AND (i.started_at_us, i.key) < (p.started_at_us, :key)
                ORDER BY i.started_at_us DESC, i.key DESC LIMIT 1) AS parent
            FROM prefix p WHERE p.seq = :seq AND parent IS NOT NULL ORDER BY p.place LIMIT 1""",
            row,
        ).fetchone()
        return str(found[0]) if found else None

    def carrying(self, keys: Iterable[str]) -> set[str]:
        """The records whose input may begin with the words of one of these, up to the next that says the same."""
        found: set[str] = set()
        for key in keys:
            rows = self.connection.execute(
                """SELECT c.key FROM interaction i JOIN prefix p ON p.hash = i.history AND p.project = i.project
                    AND p.origin = i.origin AND p.started_at_us BETWEEN i.started_at_us AND coalesce(
                        (SELECT min(n.started_at_us) FROM interaction n WHERE n.history = i.history
                        AND n.project = i.project AND n.origin = i.origin AND n.started_at_us > i.started_at_us),
                        p.started_at_us)
                JOIN interaction c ON c.seq = p.seq WHERE i.project = ? AND i.key = ?""",
                (self.project, key),
            )
            found.update(child for (child,) in rows)
        return found

    def hinting(self, origin: str, interaction_id: str) -> set[str]:
        """The records that name no previous interaction, and whose id looks like a later turn's after this one."""
        beginning = later_turns(interaction_id)
        if beginning is None:
            return set()
        rows = self.connection.execute(
            "SELECT key FROM interaction WHERE id >= ? AND id < ? AND project = ? AND origin = ?"
            " AND previous_id IS NULL",
            (beginning, f"{beginning}~", self.project, origin),
        )
        return {key for (key,) in rows}

    def _ghost(self, project: str, origin: str, interaction_id: str, started_at_us: int) -> str:
        key = ghost_key(project, origin, interaction_id)
        values = (self.rev, key, project, interaction_id, key, 1, "unknown", "", 0, 0, started_at_us, 0, 0, 0)
        marks = ", ".join("?" * 18)
        self.connection.execute(
            f"INSERT OR IGNORE INTO interaction({_GHOST_COLUMNS}) VALUES ({marks})", (*values, "", "", "", origin)
        )
        self.connection.execute("DELETE FROM alias WHERE project = ? AND old = ?", (project, key))
        self._left.setdefault(key, key)
        return key

    def _root_of(self, key: str) -> str:
        found = self.connection.execute(
            "SELECT root_key FROM interaction WHERE project = ? AND key = ?", (self.project, key)
        ).fetchone()
        return str(found[0])

    def _tidy_ghosts(self) -> None:
        """A ghost starts with its first child; without children it goes, and its key means what replaced it."""
        for key, successor in self._left.items():
            ghost = self.connection.execute(
                "SELECT seq FROM interaction WHERE project = ? AND key = ? AND ghost = 1", (self.project, key)
            ).fetchone()
            if ghost is None:
                continue
            started = self.connection.execute(
                "SELECT min(started_at_us) FROM interaction WHERE project = ? AND parent_key = ?", (self.project, key)
            ).fetchone()[0]
            self.roots.add(key)
            if started is None:
                self.connection.execute("DELETE FROM interaction WHERE seq = ?", ghost)
                self.connection.execute("INSERT INTO alias VALUES (?, ?, ?)", (self.project, key, successor))
            else:
                self.connection.execute(
                    "UPDATE interaction SET started_at_us = ?, rev = ? WHERE seq = ? AND started_at_us <> ?",
                    (started, self.rev, *ghost, started),
                )

    def sum_up(self) -> None:
        """Write the conversations of `roots` again; one without interactions goes.

        A conversation keeps the `seq` of the interaction that was stored first, so it survives a new root.
        """
        rows = [row for root in sorted(self.roots) if (row := self._summed(root))]
        self._note_gone({row[0] for row in rows})
        self.connection.executemany(
            "DELETE FROM conversation WHERE project = ? AND root_key = ?", [(self.project, root) for root in self.roots]
        )
        self.connection.executemany("DELETE FROM conversation WHERE seq = ?", [row[:1] for row in rows])
        self.connection.executemany(f"INSERT INTO conversation VALUES ({', '.join('?' * 13)})", rows)

    def _note_gone(self, kept: set[int]) -> None:
        before = {
            seq
            for root in self.roots
            for (seq,) in self.connection.execute(
                "SELECT seq FROM conversation WHERE project = ? AND root_key = ?", (self.project, root)
            )
        }
        gone = [(seq, self.rev, self.project) for seq in before - kept]
        self.connection.executemany("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", gone)
        self.connection.executemany("DELETE FROM gone WHERE seq = ?", [(seq,) for seq in kept - before])

    def _summed(self, root: str) -> tuple[Any, ...] | None:
        where = "project = ? AND root_key = ? AND ghost = 0"
        values = (self.project, root)
        sums = self.connection.execute(
            f"""SELECT count(*), coalesce(sum({FAILED}), 0), coalesce(sum({RUNNING}), 0),
                coalesce(sum(total_tokens), 0), sum(cost_nano), min(started_at_us),
                max(started_at_us + coalesce(duration_us, 0)), min(seq)
            FROM interaction WHERE {where}""",
            values,
        ).fetchone()
        if not sums[0]:
            return None
        names = self.connection.execute(
            f"""SELECT name FROM (SELECT model AS name, started_at_us FROM interaction WHERE {where}
                UNION ALL SELECT agent, started_at_us FROM interaction WHERE {where})
            WHERE name IS NOT NULL GROUP BY name ORDER BY min(started_at_us), name""",
            (*values, *values),
        )
        title = self.connection.execute(
            f"""SELECT prompt FROM interaction WHERE {where} AND (key = ? OR parent_key = ?)
            ORDER BY key <> ?, started_at_us, key LIMIT 1""",
            (*values, root, root, root),
        ).fetchone()
        models = " ".join(name for (name,) in names)
        return (sums[7], self.rev, root, self.project, title[0] if title else "", *sums[:7], models)
