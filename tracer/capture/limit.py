"""The size that a database may have: what is too much goes while calls are recorded, and that is said."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from tracer.errors import StoreError
from tracer.store.pruning import make_room

_SECONDS = 60.0

_log = logging.getLogger("tracer.capture")


class SizeLimit:
    """Keeps a database below a size; to be asked while nothing else is to do."""

    def __init__(self, db: Path, max_bytes: int | None) -> None:
        """None is no limit."""
        self._db = db
        self._max_bytes = max_bytes
        self._next_at = 0.0

    def keep(self) -> None:
        """Look, at most once a minute, and make room if need be; a database that is busy is left for the next time."""
        now = time.monotonic()
        if self._max_bytes is None or now < self._next_at:
            return
        self._next_at = now + _SECONDS
        try:
            done = make_room(self._db, self._max_bytes)
        except StoreError as error:
            _log.warning("%s", error)
            return
        if done.exchanges:
            _log.warning(
                "the database reached max_size (%.3g GB): the words of its oldest %d calls made room",
                self._max_bytes / (1 << 30), done.exchanges,
            )  # fmt: skip
