"""Rows in an order that an index has, one after another, so that the first of a million cost what they are."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from typing import Any

from tracer.store.filters import SORTS

# Conversations begin with their first interaction, and interactions have an index by time.
_OLDEST = (
    "SELECT i.started_at_us, c.seq FROM interaction AS i CROSS JOIN conversation AS c"
    " ON c.project = i.project AND c.root_key = i.root_key AND c.started_at_us = i.started_at_us"
    " WHERE i.project = ? AND i.ghost = 0 ORDER BY i.started_at_us, c.seq DESC"
)


def in_order(connection: sqlite3.Connection, sort: str, projects: Sequence[str]) -> Iterator[int]:
    """The `seq` of every conversation of these projects, in the order of a word of `SORTS`."""
    key = SORTS[sort][0]
    value, falls = key.removesuffix(" DESC"), key.endswith(" DESC")
    by_value = f"SELECT {value}, seq FROM conversation WHERE project = ? ORDER BY {key}, seq DESC"
    query = _OLDEST if sort == "oldest" else by_value
    rows = [connection.execute(query, [project]) for project in projects]
    before = None
    for row in merge(*rows, key=lambda row: _place(row, falls=falls)):
        if row != before:  # several interactions may begin at the same instant
            yield row[1]
        before = row


def _place(row: tuple[Any, ...], *, falls: bool) -> tuple[bool, int, int]:
    value, seq = row
    return value is None, -(value or 0) if falls else (value or 0), -seq


def in_place(connection: sqlite3.Connection, sort: str | None, seqs: Collection[int]) -> array[int]:
    """These conversations in the order of the list, newest first without a word for it."""
    if sort is None:
        return array("q", sorted(seqs, reverse=True))
    order = f"{SORTS[sort][0]} NULLS LAST, seq DESC"
    asked = f"SELECT seq FROM conversation WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY {order}"
    return array("q", (seq for (seq,) in connection.execute(asked, [json.dumps(list(seqs))])))


class Falling:
    """Numbers that come the greatest first, asked for span by span."""

    def __init__(self, rows: Iterator[int]) -> None:
        self._rows = rows
        self._ahead: deque[int] = deque()

    def span(self, upto: int, down: int) -> list[int]:
        """Those that are at most `upto` and more than `down`; what is greater is skipped."""
        found: list[int] = []
        while (number := self._ahead.popleft() if self._ahead else next(self._rows, None)) is not None:
            if number <= down:
                self._ahead.appendleft(number)
                break
            if number <= upto:
                found.append(number)
        return found

    def back(self, numbers: Iterable[int]) -> None:
        """These, that came last, are to come again."""
        self._ahead.extendleft(sorted(numbers))
