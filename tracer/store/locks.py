"""Who keeps a database to himself, told at once instead of after a timeout."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

_SHOWN_CHARACTERS = 80
_LOCKS = Path("/proc/locks")
_FILES = ("", "-wal", "-shm")


def is_locked(path: Path) -> bool:
    """Whether a database can't be read now because of a lock that another process has on it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return False


def holder(path: Path) -> str:
    """The command and number of the process that has the lock; empty if the system doesn't tell."""
    for process in _writers(path):
        with suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            command = " ".join(words).strip()
            shown = command if len(command) <= _SHOWN_CHARACTERS else command[: _SHOWN_CHARACTERS - 1] + "…"
            return f"{shown} (process {process})"
    return ""


def _writers(path: Path) -> Iterator[int]:
    """Processes with a write lock on one of a database's files, as Linux lists them."""
    inodes = set()
    for ending in _FILES:
        with suppress(OSError):
            inodes.add(str(Path(f"{path}{ending}").stat().st_ino))
    with suppress(OSError):
        for line in _LOCKS.read_text(encoding="ascii").splitlines():
            fields = line.split()
            if len(fields) >= 6 and fields[3] == "WRITE" and fields[5].rpartition(":")[2] in inodes:
                process = int(fields[4])
                if process not in (os.getpid(), 0, -1):
                    yield process
