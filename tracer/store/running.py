"""Bodies of exchanges that still run. What came since the last look is written, not all of it again."""

from __future__ import annotations

import sqlite3

from tracer.wire.exchange import Exchange

_MANY = 500


class RunningBodies:
    """The `open_body` and `open_piece` tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._written: dict[int, tuple[Exchange, int]] = {}
        """Row -> what was written of it last, and the place of the piece that would be next."""

    def keep(self, seq: int, exchange: Exchange, stored_size: int | None) -> None:
        """Write what came; `stored_size` is the response's that the row told until now, None for a new row."""
        before, place = self._written.pop(seq, (None, 0))
        if before is not None and before.response_size == stored_size and _goes_on(before, exchange):
            piece = exchange.response_body[len(before.response_body) :]
            self._connection.execute("INSERT INTO open_piece VALUES (?, ?, ?)", (seq, place, piece))
        else:
            if stored_size is not None:
                self.drop(seq)
            bodies = (seq, exchange.request_body, exchange.response_body)
            self._connection.execute("INSERT INTO open_body VALUES (?, ?, ?)", bodies)
            place = 0
        self._written[seq] = exchange, place + 1
        if len(self._written) > _MANY:
            del self._written[next(iter(self._written))]

    def drop(self, seq: int) -> None:
        """It has ended: its bodies are elsewhere."""
        self._written.pop(seq, None)
        for table in ("open_body", "open_piece"):
            self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))

    def get(self, seq: int) -> tuple[bytes, bytes]:
        """Request and response, as far as they had come."""
        found = self._connection.execute("SELECT request, response FROM open_body WHERE seq = ?", (seq,)).fetchone()
        request, response = found or (b"", b"")
        pieces = self._connection.execute("SELECT data FROM open_piece WHERE seq = ? ORDER BY place", (seq,))
        return request, b"".join([response, *(piece for (piece,) in pieces)])

    def forget(self) -> None:
        """Trust nothing in memory: what was written last was taken back."""
        self._written.clear()


def _goes_on(before: Exchange, now: Exchange) -> bool:
    return now.request_body == before.request_body and now.response_body.startswith(before.response_body)
