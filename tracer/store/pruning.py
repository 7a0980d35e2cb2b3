"""Makes a database smaller: whole conversations go, oldest first, or only their bodies and steps.

Conversations go as a whole, so that no tree loses its root; one that is running stays.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracer.errors import StoreError
from tracer.store.bodies import Codec
from tracer.store.schema import open_for_reading, open_for_writing, transaction

NOTE = "bodies were pruned"
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was done; sizes are bytes of the database file with its log."""

    conversations: int
    exchanges: int
    size_before: int
    size_after: int


def prune(path: Path, *, before_us: int | None, max_bytes: int | None, bodies_only: bool) -> Pruned:
    """Take away what ended before a time (Unix microseconds), then the oldest until the rest is small enough.

    The file itself shrinks too, for which it is written anew beside itself. Raises StoreError.
    """
    size_before = _size(path)
    connection = open_for_writing(path)
    try:
        done = _Pruning(connection, bodies_only)
        done.old(before_us)
        done.large(max_bytes)
        if done.exchanges:
            # Words of deleted rows stay in the index until its parts are merged.
            connection.execute("INSERT INTO search(search) VALUES ('optimize')")
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(
            f"the database {str(path)!r} could not be pruned ({error}): is it in use, the disk full?"
        ) from error
    finally:
        connection.close()
    return Pruned(
        conversations=done.conversations, exchanges=done.exchanges, size_before=size_before, size_after=_size(path)
    )


def used_bytes(path: Path) -> int:
    """How much of a database is in use; 0 for one that is not there or can't be read."""
    try:
        with contextlib.closing(open_for_reading(path, old=True)) as connection:
            return _used(connection)
    except (StoreError, sqlite3.Error):
        return 0


def make_room(path: Path, max_bytes: int) -> Pruned:
    """Bring what is in use a tenth below a limit, if it is above: words of the oldest go, then whole conversations.

    The file does not shrink: what is recorded next goes where they were. Raises StoreError.
    """
    size_before = used_bytes(path)
    conversations = exchanges = 0
    if size_before > max_bytes:
        with contextlib.closing(open_for_writing(path)) as connection:
            try:
                for bodies_only in (True, False):
                    done = _Pruning(connection, bodies_only)
                    done.large(max_bytes - max_bytes // 10)
                    conversations += done.conversations
                    exchanges += done.exchanges
            except sqlite3.Error as error:
                raise StoreError(f"the database {str(path)!r} could not be pruned: {error}") from error
    size_after = used_bytes(path) if exchanges else size_before
    return Pruned(conversations=conversations, exchanges=exchanges, size_before=size_before, size_after=size_after)


class _Pruning:
    def __init__(self, connection: sqlite3.Connection, bodies_only: bool) -> None:
        self._connection = connection
        self._bodies_only = bodies_only
        self._codec = Codec()
        self.conversations = 0
        self.exchanges = 0

    def old(self, before_us: int | None) -> None:
        """Everything that ended before a time."""
        if before_us is None:
            return
        while self._some("last_at_us < ?", before_us):
            pass
        self._others("started_at_us < ?", before_us)

    def large(self, max_bytes: int | None) -> None:
        """The oldest, as long as what is in use is more than allowed."""
        while max_bytes is not None and (used := _used(self._connection)) > max_bytes:
            (count,) = self._connection.execute("SELECT count(*) FROM conversation").fetchone()
            # Half of what seems to be needed, again and again, so that no more goes than must.
            needed = int(count * (1 - max_bytes / used) / 2)
            if not self._some("last_at_us < ?", 1 << 62, max(1, min(needed, _BATCH))):
                self._others("started_at_us < ?", 1 << 62)
                return

    def _some(self, where: str, value: int, most: int = _BATCH) -> bool:
        """One batch of conversations, the oldest first; whether there was any."""
        whole = f" AND EXISTS ({_STILL_WHOLE})" if self._bodies_only else ""
        rows = self._connection.execute(
            f"SELECT seq, project, root_key FROM conversation WHERE running = 0 AND {where}{whole}"
            " ORDER BY last_at_us LIMIT ?",
            (value, most),
        ).fetchall()
        if not rows:
            return False
        with transaction(self._connection):
            self._connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'rev'")
            for seq, project, root in rows:
                self._conversation(seq, project, root)
            self._orphans()
        self.conversations += len(rows)
        return True

    def _conversation(self, seq: int, project: str, root: str) -> None:
        nodes = self._connection.execute(
            "SELECT seq, key FROM interaction WHERE project = ? AND root_key = ?", (project, root)
        ).fetchall()
        for node, key in nodes:
            self._exchanges("project = ? AND record = ?", (project, key))
            for table, name in (("search", "rowid"), ("unsearched", "seq")):
                self._connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (node,))
            if self._bodies_only:
                self._empty(node)
                continue
            for table in ("interaction", "record", "prefix", "unknown"):
                self._connection.execute(f"DELETE FROM {table} WHERE seq = ?", (node,))
            self._connection.execute("DELETE FROM alias WHERE project = ? AND key = ?", (project, key))
        revision = "(SELECT value FROM counter WHERE name = 'rev')"
        if self._bodies_only:
            self._connection.execute(f"UPDATE conversation SET title = '', rev = {revision} WHERE seq = ?", (seq,))
        else:
            self._connection.execute("DELETE FROM conversation WHERE seq = ?", (seq,))
            self._connection.execute(f"INSERT OR REPLACE INTO gone VALUES (?, {revision}, ?)", (seq, project))

    def _others(self, where: str, value: int) -> None:
        # Neighbours on the same hosts; their bodies are not kept anyway.
        if not self._bodies_only:
            with transaction(self._connection):
                self._exchanges(f"kind = 'other' AND outcome <> 'open' AND {where}", (value,))

    def _exchanges(self, where: str, values: tuple[Any, ...]) -> None:
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS doomed(hash BLOB PRIMARY KEY) WITHOUT ROWID")
        for column in ("request_hash", "response_hash"):
            self._connection.execute(
                f"INSERT OR IGNORE INTO doomed SELECT {column} FROM exchange WHERE {where} AND {column} NOTNULL", values
            )
        if self._bodies_only:
            change = f"UPDATE exchange SET request_hash = NULL, response_hash = NULL WHERE {where}"
        else:
            keys = f"SELECT key FROM exchange WHERE {where}"
            self._connection.execute(f"DELETE FROM given_token WHERE key IN ({keys})", values)
            change = f"DELETE FROM exchange WHERE {where}"
        self.exchanges += self._connection.execute(change, values).rowcount

    def _orphans(self) -> None:
        # A body that others share stays.
        self._connection.execute(
            "DELETE FROM blob WHERE hash IN (SELECT hash FROM doomed) AND hash NOT IN ("
            "SELECT request_hash FROM exchange WHERE request_hash NOTNULL UNION ALL "
            "SELECT response_hash FROM exchange WHERE response_hash NOTNULL)"
        )
        self._connection.execute("DELETE FROM doomed")

    def _empty(self, seq: int) -> None:
        """Take what was said out of a record; who, when, how long and how much it cost stays."""
        row = self._connection.execute("SELECT codec, data FROM record WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            return
        record = json.loads(self._codec.unpack(*row))
        record |= {"input": [], "output": [], "output_text": None, "request": {}, "response": {}}
        record["unknown"] = {**record["unknown"], "kept": []}
        record["notes"] = [*(note for note in record["notes"] if note != NOTE), NOTE]
        packed = self._codec.pack(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
        self._connection.execute("UPDATE record SET codec = ?, data = ? WHERE seq = ?", (*packed, seq))
        self._connection.execute(
            "UPDATE interaction SET prompt = '', answer = '', rev = (SELECT value FROM counter WHERE name = 'rev')"
            " WHERE seq = ?",
            (seq,),
        )


_STILL_WHOLE = (
    "SELECT 1 FROM interaction JOIN exchange ON exchange.project = interaction.project AND record = interaction.key"
    " WHERE interaction.project = conversation.project AND interaction.root_key = conversation.root_key"
    " AND (request_hash NOTNULL OR response_hash NOTNULL)"
)
_PAGES = ("page_count", "freelist_count", "page_size")


def _used(connection: sqlite3.Connection) -> int:
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES]
    return int((values[0] - values[1]) * values[2])


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.exists():
            yield file
