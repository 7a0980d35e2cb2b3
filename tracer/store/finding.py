"""The first page of a filtered or sorted list, in no more time the more there is.

What a filter holds for is looked up where an index tells, newest first; else the rows are looked through from the
newest on, and what was found so far is told again and again. Lists ordered by something are read in that order.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tracer.store import kinds
from tracer.store.filters import Condition, Filter
from tracer.store.ordering import Falling, in_order, in_place
from tracer.store.rows import Found

FEW = 2_000
"""So many interactions that may match are all looked at, wherever they are."""
_FIRST_STEP = 5_000
_STEP = 20_000
"""Interactions looked through before the first word about it, and between any two: some thousandths of a second."""
_SOME = 1_000
"""Matching ones whose conversations are asked for at once."""
_SPARSE = 10
"""An index is followed if it leaves out most rows: of the newest of them more than all but one in so many."""
_ENOUGH = 16_000
"""So many interactions give the beginning of a list that is not in the order in which they are looked at."""
_WORDS = "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid DESC"

type Sql = tuple[str, list[Any]]


def first(connection: sqlite3.Connection, where: Filter, project: str | None, limit: int) -> Iterator[Found]:
    """The first `limit` conversations of a filter. If the last word says neither `done` nor `whole`, only the list of
    all can tell the rest."""
    projects = [project] if project is not None else kinds.projects(connection)
    search = _Search(connection, where, project, projects or [], limit)
    if where.conditions:
        yield from search.matching()
    elif projects is not None:
        yield from search.ordered()


class _Search:
    """One filter, looked for in one database."""

    def __init__(
        self, connection: sqlite3.Connection, where: Filter, project: str | None, projects: Sequence[str], limit: int
    ) -> None:
        self._connection = connection
        self._sort = where.sort
        self._conditions = where.conditions
        self._project = project
        self._projects = projects
        self._limit = limit
        # The full-text index would be asked anew with every query that has such a condition.
        scope = [] if where.ghosts else [Condition("ghost = 0", [])]
        scope += [] if project is None else [Condition("+project = ?", [project])]
        self._plain = _joined([*scope, *(one for one in where.conditions if one.by not in ("words", "no words"))])
        self._words = [one for one in where.conditions if one.by == "words"]
        missing = [one for one in where.conditions if one.by == "no words"]
        self._missing = _joined(missing)
        self._excluded = [Falling(self._rows(_WORDS, one.values)) for one in missing]
        self._found: set[int] = set()
        self._looked = 0

    def matching(self) -> Iterator[Found]:
        """By the index that leaves least to look at; without one through all rows, or in the order of the list."""
        if self._words and not self._excluded:
            yield self._whole_words()
        followed: list[tuple[list[int], Iterator[int]]] = []
        for by, candidates in self._indexed():
            some = list(islice(candidates, FEW + 1))
            if len(some) <= FEW:
                self._looked += len(some)
                self._check(some, [*self._among(by), self._missing])
                yield self._told(whole=True)
                return
            if by == "words" or (not self._words and by in ("tools", "kind") and self._is_sparse(some[-1], len(some))):
                followed.append((some, candidates))
        if followed and (self._words or not self._sort):
            yield from self._follow(*min(followed, key=lambda each: each[0][-1]))
        elif self._sort:
            yield from self._sorted()
        else:
            yield from self._look_through()

    def ordered(self) -> Iterator[Found]:
        """The beginning of all there is, in the order of the list."""
        seqs = array("q", islice(in_order(self._connection, self._sort or "", self._projects), self._limit))
        yield Found(seqs, len(seqs), done=True, whole=len(seqs) < self._limit)

    # What indexes know.

    def _indexed(self) -> Iterator[tuple[str, Iterator[int]]]:
        """What a condition is `by`, and the `seq` of every interaction that an index says may match: newest first, but
        for `seqs` and `sums`, which are of use only if they are few."""
        for condition in self._conditions:
            if condition.by == "seqs" and condition.among:
                query, wanted = condition.among
                yield "seqs", self._rows(f"{query} LIMIT {FEW + 1}", wanted)
            elif condition.by == "sums" and condition.among:
                yield "sums", self._of_conversations(*condition.among)
        for by, values_of in (("tools", self._tools), ("kind", self._kinds)):
            conditions = [condition for condition in self._conditions if condition.by == by]
            values = values_of() if conditions else None
            if values is None:
                continue
            held = kinds.holding(self._connection, by, values, conditions)
            if by == "tools" or len(held) < len(values):
                candidates = kinds.newest(self._connection, by, held)
                if candidates is not None:
                    yield by, candidates
        if self._words:
            together = " AND ".join(str(one.values[0]) for one in self._words)
            yield "words", self._rows(_WORDS, [together])

    def _kinds(self) -> list[str] | None:
        return kinds.of_rows(self._connection, self._project)

    def _tools(self) -> list[str] | None:
        return kinds.of_tools(self._connection, self._projects) if self._projects else None

    def _of_conversations(self, clause: str, values: list[Any]) -> Iterator[int]:
        for project in self._projects:
            among = f"SELECT root_key AS root FROM conversation WHERE project = ? AND {clause} LIMIT {FEW + 1}"
            query = f"SELECT seq FROM ({among}) CROSS JOIN interaction WHERE root_key = root AND +project = ?"
            yield from self._rows(query, [project, *values, project])

    def _whole_words(self) -> Found:
        """A beginning: a word is found at once as it stands, while all words that begin like it take their time."""
        together = " AND ".join(str(one.values[0]).removesuffix("*") for one in self._words)
        some = list(islice(self._rows(_WORDS, [together]), self._limit))
        self._check(some, [])
        self._looked += len(some)
        return self._told()

    def _rows(self, query: str, values: Sequence[Any]) -> Iterator[int]:
        return (seq for (seq,) in self._connection.execute(query, values))

    def _newest(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM interaction").fetchone()[0])

    def _is_sparse(self, last: int, count: int) -> bool:
        return self._newest() - last > _SPARSE * count

    # Looking.

    def _among(self, by: str) -> list[Sql]:
        return [] if by == "words" else [_joined(self._words)]

    def _without(self, some: Sequence[int]) -> list[Sql]:
        """That none of these, which are newest first, has words that must be missing."""
        return [_none_of(each.span(some[0], some[-1] - 1)) for each in self._excluded if some]

    def _check(self, candidates: Sequence[int], also: Sequence[Sql]) -> None:
        """Add the conversations of those that match."""
        for start in range(0, len(candidates), _SOME):
            some = json.dumps(list(candidates[start : start + _SOME]))
            self._add([("seq IN (SELECT value FROM json_each(?))", [some]), *also], -1)

    def _add(self, clauses: Sequence[Sql], most: int) -> list[int]:
        """Add the conversations of the newest matching interactions; returns the `seq` of these interactions."""
        clause = " AND ".join(clause for clause, _ in (*clauses, self._plain))
        values = [value for _, some in (*clauses, self._plain) for value in some]
        rows = self._connection.execute(
            "SELECT seq, (SELECT c.seq FROM conversation AS c WHERE c.project = i.project AND c.root_key = i.root_key)"
            f" FROM (SELECT seq, project, root_key FROM interaction NOT INDEXED WHERE {clause}"
            " ORDER BY seq DESC LIMIT ?) AS i",
            [*values, most],
        ).fetchall()
        self._found.update(conversation for _, conversation in rows if conversation is not None)
        return [seq for seq, _ in rows]

    def _told(self, *, above: int | None = None, whole: bool = False) -> Found:
        """What was found. A conversation is never newer than its interactions: those `above` the last one that was
        looked at are the first of the list."""
        done = whole or (
            self._sort is None and above is not None and sum(seq >= above for seq in self._found) >= self._limit
        )
        seqs = in_place(self._connection, self._sort, self._found)
        return Found(seqs if whole else seqs[: self._limit], self._looked, done, whole)

    def _follow(self, some: list[int], rest: Iterator[int]) -> Iterator[Found]:
        """Look at what an index tells, newest first."""
        while some:
            self._check(some, self._without(some))
            self._looked += len(some)
            told = self._told(above=some[-1])
            yield told
            if told.done or (self._sort and self._looked > _ENOUGH):
                return
            some = list(islice(rest, FEW))
        yield self._told(whole=True)

    def _look_through(self) -> Iterator[Found]:
        """Look at every interaction, newest first."""
        upto, before, step = self._newest(), self._looked, _FIRST_STEP
        newest = upto
        while upto > 0:
            down, step = max(0, upto - step), _STEP
            without = [each.span(upto, down) for each in self._excluded]
            matched = self._add([("seq <= ? AND seq > ?", [upto, down]), *map(_none_of, without)], _SOME)
            if len(matched) == _SOME:
                down = matched[-1] - 1
                for each, seqs in zip(self._excluded, without, strict=True):
                    each.back(seq for seq in seqs if seq <= down)
            upto = down
            self._looked = before + newest - upto
            told = self._told(above=upto + 1)
            yield told
            if told.done or (self._sort and len(self._found) > _ENOUGH):
                return
        yield self._told(whole=True)

    # Lists that are sorted.

    def _sorted(self) -> Iterator[Found]:
        """Look at conversations in the order of the list; where that leads nowhere, at all interactions."""
        clause = f"{self._plain[0]} AND {self._missing[0]}"
        asked = (
            "SELECT seq FROM (SELECT seq, project AS of, root_key AS root FROM conversation"
            " WHERE seq IN (SELECT value FROM json_each(?))) WHERE EXISTS"
            f"(SELECT 1 FROM interaction WHERE root_key = root AND +project = of AND {clause})"
        )
        order = in_order(self._connection, self._sort or "", self._projects)
        first: list[int] = []
        while self._looked < _ENOUGH and (some := list(islice(order, FEW))):
            self._looked += len(some)
            values = [json.dumps(some), *self._plain[1], *self._missing[1]]
            held = {seq for (seq,) in self._connection.execute(asked, values)}
            first += [seq for seq in some if seq in held]
            done = len(first) >= self._limit
            yield Found(array("q", first[: self._limit]), self._looked, done)
            if done:
                return
        self._found.update(first)
        yield from self._look_through()


def _joined(conditions: Sequence[Condition]) -> Sql:
    clauses = " AND ".join(f"({condition.clause})" for condition in conditions)
    return clauses or "1", [value for condition in conditions for value in condition.values]


def _none_of(seqs: Sequence[int]) -> Sql:
    return "seq NOT IN (SELECT value FROM json_each(?))", [json.dumps(seqs)]
