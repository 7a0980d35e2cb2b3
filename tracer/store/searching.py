"""The full-text index. It follows later than the rows, since indexing a text costs as much as storing it."""

from __future__ import annotations

import json
import sqlite3

from tracer.records.interaction import Interaction
from tracer.records.steps import parse_step
from tracer.store import summaries
from tracer.store.bodies import Codec

_MOST = 2_000
_MOST_CHARACTERS = 16 * 1024 * 1024

type _Texts = tuple[str, str, str]


class SearchIndex:
    """The `search` table, and `unsearched`: the rows whose text it does not have yet, whoever wrote them."""

    def __init__(self, connection: sqlite3.Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec
        self._texts: dict[int, _Texts] = {}
        self._characters = 0
        self.is_behind = True
        """Whether there may be rows to index, of this process or of one that died."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more of it is kept in memory."""
        return len(self._texts) >= _MOST or self._characters >= _MOST_CHARACTERS

    def later(self, seq: int, is_new: bool, record: Interaction) -> None:
        """The text of this row is to be indexed when there is time."""
        self._connection.execute("INSERT OR IGNORE INTO unsearched VALUES (?, ?)", (seq, int(not is_new)))
        self.is_behind = True
        self._forget(seq)
        if not self.is_full:
            texts = self._texts[seq] = summaries.searched(record.input, record.request, record.output)
            self._characters += sum(map(len, texts))

    def drop(self, seq: int) -> None:
        """A row is gone."""
        self._forget(seq)
        for table, name in (("search", "rowid"), ("unsearched", "seq")):
            self._connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (seq,))

    def forget(self) -> None:
        """Trust nothing in memory: what was written last was taken back."""
        self._texts.clear()
        self._characters = 0

    def catch_up(self, most: int) -> int:
        """Index up to so many rows, within the caller's transaction; how many there were."""
        rows = self._connection.execute("SELECT seq, again FROM unsearched ORDER BY seq LIMIT ?", (most,)).fetchall()
        again = [(seq,) for seq, was_there in rows if was_there]
        self._connection.executemany("DELETE FROM search WHERE rowid = ?", again)
        self._connection.executemany(
            "INSERT INTO search(rowid, prompt, answer, tools) VALUES (?, ?, ?, ?)",
            [(seq, *texts) for seq, _ in rows if (texts := self._texts.get(seq) or self._stored(seq))],
        )
        self._connection.executemany("DELETE FROM unsearched WHERE seq = ?", [(seq,) for seq, _ in rows])
        for seq, _ in rows:
            self._forget(seq)
        self.is_behind = len(rows) == most
        return len(rows)

    def _stored(self, seq: int) -> _Texts | None:
        row = self._connection.execute("SELECT codec, data FROM record WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            return None
        record = json.loads(self._codec.unpack(*row))
        asked, answered = ([parse_step(step) for step in record[part]] for part in ("input", "output"))
        return summaries.searched(asked, record["request"], answered)

    def _forget(self, seq: int) -> None:
        self._characters -= sum(map(len, self._texts.pop(seq, ())))
