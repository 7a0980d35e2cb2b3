"""The ingester as a child of the proxy: started, started again if it dies, and waited for at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracer.capture.lag import behind_of

CANNOT_WORK = 3
"""Exit code of an ingester that says: starting it again is no use."""

_STARTS = 4
_STARTS_WITHIN_SECONDS = 60.0
_LATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where exchanges go and how their records are made."""

    db: Path
    journal: Path
    tier: str | None = None
    prices: Path | None = None
    max_size: int | None = None
    """How large the database may get, in bytes."""
    power_safe: bool = False
    """Whether what crossed is to survive a power cut, but for its last 100 ms."""


class IngesterProcess:
    """Follows one segment set. The traffic does not depend on it: if it can't work, the journal keeps everything."""

    def __init__(self, destination: Destination, own: str, *, report: Callable[[str], None]) -> None:
        """Starts the child; `report` takes sentences for the user."""
        self._destination = destination
        self._own = own
        self._report = report
        self._starts: deque[float] = deque(maxlen=_STARTS)
        self._given_up = False
        self._ending = False
        self._is_late = False
        self._process = self._start()

    def check(self) -> None:
        """Start it again if it died; to be called now and then."""
        code = self._process.poll()
        if code is None:
            self._watch()
        if code is None or self._given_up:
            return
        if code == CANNOT_WORK or self._dies_at_once():
            self._given_up = True
            self._report(
                f"the ingester ended with exit code {code}: traffic goes on, its records wait in the journal "
                f"{str(self._destination.journal)!r} for `tracer recover`"
            )
            return
        self._end_input()
        self._process = self._start()
        if self._ending:
            self._end_input()

    def _watch(self) -> None:
        lag = behind_of(self._destination.journal, self._own)
        if lag.seconds > _LATE_SECONDS and not self._is_late:
            self._is_late = True
            self._report(
                f"the database is {lag.seconds:.0f} s behind ({lag.bytes / 1e6:.1f} MB wait in the journal): "
                "nothing is lost, calls are shown later"
            )
        elif self._is_late and not lag.bytes:
            self._is_late = False
            self._report("the database has caught up with the journal")

    def end(self) -> None:
        """Tell it that the journal is closed; from then on it ends when all is in the database."""
        self._ending = True
        self._end_input()

    def outcome(self) -> bool | None:
        """After `end`: whether all is in the database, or None while it still works. It may be left to work on."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0:
            return True
        self.check()
        return False if self._given_up else None

    def _dies_at_once(self) -> bool:
        # One that dies now and then on a machine short of memory is started for ever.
        return len(self._starts) == _STARTS and time.monotonic() - self._starts[0] < _STARTS_WITHIN_SECONDS

    def _end_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts.append(time.monotonic())
        target = self._destination
        # -P: a file of the user's in the working folder must not stand in for one of our modules.
        command = [sys.executable, "-P", "-m", "tracer.capture.ingest", "--db", str(target.db)]
        command += ["--journal", str(target.journal), "--own", self._own]
        command += ["--tier", target.tier] if target.tier else []
        command += ["--prices", str(target.prices)] if target.prices else []
        command += ["--max-size", str(target.max_size)] if target.max_size else []
        command += ["--power-safe"] if target.power_safe else []
        # A process group of its own: Ctrl-C is for the app. Not a session: Linux compares the priorities of processes
        # only within one, so that the ingester would take as much CPU as the proxy.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)
