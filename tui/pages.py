"""Which rows are in memory: a vector of every `seq`, and the rows around what was looked at."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from tracer.store.rows import ConversationRow

PAGE = 256
KEPT = 64 * PAGE


class Pages:
    """The conversations of a list, newest first, by index. Rows are fetched a page at a time and kept by `seq`, so
    they outlive a change of the list."""

    def __init__(self) -> None:
        self.seqs: array[int] = array("q")
        self._rows: OrderedDict[int, ConversationRow | None] = OrderedDict()
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return len(self.seqs)

    def replace(self, seqs: array[int]) -> None:
        """Another list, such as that of a filter."""
        self.seqs = seqs
        self._asked.clear()

    def row(self, index: int) -> ConversationRow | None:
        """The row at an index, None if it is not in memory or gone from the database."""
        seq = self.seqs[index]
        row = self._rows.get(seq)
        if row is not None:
            self._rows.move_to_end(seq)
        return row

    def index(self, seq: int) -> int | None:
        """Where a conversation is, None if it is not in the list."""
        try:
            return self.seqs.index(seq)
        except ValueError:
            return None

    def wanted(self, index: int) -> array[int] | None:
        """The page to fetch so that the row at an index is there; None if it is, or was asked for already."""
        if not 0 <= index < len(self.seqs) or self.seqs[index] in self._rows or index // PAGE in self._asked:
            return None
        page = index // PAGE
        self._asked.add(page)
        return self.seqs[page * PAGE : (page + 1) * PAGE]

    def put(self, seqs: Sequence[int], rows: Iterable[ConversationRow]) -> None:
        """A fetched page; those of `seqs` without a row are gone and not asked for again."""
        found = {row.seq: row for row in rows}
        for seq in seqs:
            self._rows[seq] = found.get(seq)
            self._rows.move_to_end(seq)
        while len(self._rows) > KEPT:
            self._rows.popitem(last=False)
        self._asked.clear()

    def update(self, rows: Iterable[ConversationRow]) -> None:
        """Newer versions of rows."""
        for row in rows:
            self._rows[row.seq] = row
