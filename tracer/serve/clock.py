"""A clock that goes only when it is asked or told to, so that days pass in a test without waiting for them."""

from __future__ import annotations

import threading

_START = 1_767_225_600.0
_YEAR_9000 = 221_845_392_000.0


class VirtualClock:
    """Unix time from 2026-01-01 on; each call shows one second more. Several threads may use it."""

    def __init__(self, start: float = _START) -> None:
        self._now = start
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """The time, which then goes on by a second."""
        with self._lock:
            shown = self._now
            self._now += 1
            return shown

    @property
    def now(self) -> float:
        """What the next call will show."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time go by. Raises ValueError for less than 0, and past the year 9000."""
        with self._lock:
            if not 0 <= seconds <= _YEAR_9000 - self._now:
                raise ValueError(f"a clock can't go on by {seconds!r} seconds")
            self._now += seconds
