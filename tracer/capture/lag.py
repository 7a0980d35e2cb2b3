"""How far the database is behind the journal, told so that it is known even if the ingester hangs or is dead.

Beside a segment set named S stands `S.read`: the moment (Unix microseconds) at which its ingester last had read and
stored everything, the segment that it is reading, and how many bytes of that one are done.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tracer.capture.segments import mark_of, segments, set_names

_SECONDS = 0.25
"""How often an ingester says how far it is while it is catching up."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What waits in a journal folder."""

    bytes: int
    seconds: float
    """Since when the oldest of it may have been waiting; 0 if nothing does."""


class Mark:
    """What an ingester says of a set."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = mark_of(folder, name)
        self._told: tuple[str, int] | None = None
        self._told_at = 0.0

    def caught_up(self, at_us: int, segment: Path | None, done: int) -> None:
        """Everything that was there at this moment is in the database."""
        place = (segment.name if segment else "-", done)
        now = time.monotonic()
        if place == self._told or now - self._told_at < _SECONDS:
            return
        # A disk that is full must not keep the ingester from its work.
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, f"{at_us:020} {done:020} {place[0]}\n".encode("ascii"), 0)
            finally:
                os.close(descriptor)
            self._told, self._told_at = place, now

    def remove(self) -> None:
        """The set is gone."""
        self._path.unlink(missing_ok=True)


def behind(folder: Path) -> Lag:
    """What waits in all sets of a folder."""
    found = [behind_of(folder, name) for name in set_names(folder)]
    return Lag(sum(lag.bytes for lag in found), max((lag.seconds for lag in found), default=0.0))


def behind_of(folder: Path, name: str) -> Lag:
    """What waits in one set."""
    waiting, begun_us = 0, None
    done, place, at_us = _read(folder, name)
    for path in segments(folder, name):
        with contextlib.suppress(OSError):
            found = path.stat()
            more = found.st_size - (done if path.name == place else found.st_size if path.name < place else 0)
            if more > 0:
                waiting += more
                begun_us = begun_us or found.st_ctime_ns // 1000
    since_us = at_us or begun_us
    if not waiting or since_us is None:
        return Lag(0, 0.0)
    return Lag(waiting, max(time.time_ns() // 1000 - since_us, 0) / 1_000_000)


def _read(folder: Path, name: str) -> tuple[int, str, int | None]:
    try:
        at_us, done, place = mark_of(folder, name).read_text(encoding="ascii").split()
        return int(done), place, int(at_us)
    except (OSError, ValueError):
        return 0, "", None
