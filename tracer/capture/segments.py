"""Sets of journal segments: one set per writing process, owned through a lock that ends with the process.

A set named S is the files `S.lock` and `S.0001.seg`, `S.0002.seg`, ... in the journal folder. Its writer holds the lock
(flock) for life. Who gets the lock of a set knows that its writer is gone, and owns it from then on.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from tracer.wire.keys import uuid7


@dataclass(slots=True)
class SegmentSet:
    """A set that this process owns, as its writer or after its writer's end."""

    folder: Path
    name: str
    _lock: int
    _segments: int = 0

    @classmethod
    def create(cls, folder: Path) -> SegmentSet:
        """A new set of this process. Raises OSError."""
        owned = cls(folder, "", -1)
        owned.move()
        return owned

    def move(self) -> None:
        """Become a new, empty set of another name. Raises OSError; then this stays the set that it was."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid7(time.time_ns() // 1000, secrets.token_bytes(8))
        # The lock is held before the file has the name that others look for.
        hidden = self.folder / f".{name}.lock"
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _mark(descriptor, "records")
            hidden.rename(self.folder / f"{name}.lock")
        except OSError:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise
        self.release()
        self.name, self._lock, self._segments = name, descriptor, 0

    @classmethod
    def take_over(cls, folder: Path, name: str) -> SegmentSet | None:
        """The set of a process that has ended; None while it has an owner."""
        path = folder / f"{name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino != os.fstat(descriptor).st_ino:
                raise FileNotFoundError(path)
        except (BlockingIOError, FileNotFoundError):
            os.close(descriptor)
            return None
        _mark(descriptor, "ingests")
        return cls(folder, name, descriptor)

    def next_path(self) -> Path:
        """Where the writer's next segment goes."""
        self._segments += 1
        return self.folder / f"{self.name}.{self._segments:04d}.seg"

    def release(self) -> None:
        """Give the set up; harmless when repeated."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def delete(self) -> None:
        """Remove every segment and the lock. Only for sets that were taken over and read to their end."""
        for path in segments(self.folder, self.name):
            path.unlink(missing_ok=True)
        mark_of(self.folder, self.name).unlink(missing_ok=True)
        (self.folder / f"{self.name}.lock").unlink(missing_ok=True)
        self.release()


def _mark(lock: int, verb: str) -> None:
    # Who owns the set and what for, for people and for `recover`.
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {verb}\n".encode(), 0)


def segments(folder: Path, name: str) -> list[Path]:
    """The segments of a set that are there, in the order of writing."""
    return sorted(folder.glob(f"{name}.*.seg"))


def mark_of(folder: Path, name: str) -> Path:
    """Where the ingester of a set says how far it has read (`lag.py`)."""
    return folder / f"{name}.read"


def set_names(folder: Path) -> list[str]:
    """Every set in a journal folder, oldest first."""
    return sorted({path.name.split(".")[0] for path in folder.glob("*.*") if not path.name.startswith(".")})


def owner(folder: Path, name: str) -> str:
    """Who owns a set and what for (`4711 records`), as its lock file says; empty if it can't be read."""
    try:
        return (folder / f"{name}.lock").read_text(encoding="ascii").strip()
    except OSError:
        return ""
