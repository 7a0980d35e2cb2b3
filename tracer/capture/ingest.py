"""From the journal into the database: live behind a proxy, and over what dead processes left.

`python -m tracer.capture.ingest --db PATH --journal FOLDER --own SET` is a child of the proxy: it follows the proxy's
segment set, and ends when its standard input does and everything is in the database. A slow parser, a locked
database or a crash in here cannot touch the traffic.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tracer.capture.child import CANNOT_WORK
from tracer.capture.ingester import Ingester, open_writer
from tracer.capture.lag import Mark
from tracer.capture.limit import SizeLimit
from tracer.capture.recovery import left_behind
from tracer.capture.segments import SegmentSet
from tracer.capture.tail import SetTail
from tracer.errors import StoreError, TracerError, UnusableStoreError
from tracer.store.writer import Writer

_POLL_SECONDS = 0.05
_LIGHT_SECONDS = 0.05
"""A look that took longer found much: the next one is due."""
_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0

_log = logging.getLogger("tracer.capture")


def _serve(ingester: Ingester, folder: Path, own: str, parent: _Parent, limit: SizeLimit) -> None:
    tail = SetTail(folder, own)
    backlog = left_behind(ingester, folder, own)
    mark = Mark(folder, own)
    while True:
        at_us, began = time.time_ns() // 1000, time.monotonic()
        ingester.follow(tail)
        mark.caught_up(at_us, *tail.place())
        more = next(backlog, ...) is None
        if time.monotonic() - began < _LIGHT_SECONDS:
            ingester.tidy()
            limit.keep()
        # Looks begin a while apart: one at every event of many streams would take a core from the proxy and the app.
        rest = 0.0 if more else _POLL_SECONDS - (time.monotonic() - began)
        if parent.ended_within(max(rest, 0.0)):
            break
    owned = _take_over_patiently(folder, own)
    if owned is not None:
        ingester.finish(owned, tail)
    else:
        ingester.abandon(tail)
        mark.remove()


def _take_over_patiently(folder: Path, own: str) -> SegmentSet | None:
    # Standard input may end a moment before the lock does, and somebody else may be faster to get it.
    deadline = time.monotonic() + 5
    while (folder / f"{own}.lock").exists() and time.monotonic() < deadline:
        if (owned := SegmentSet.take_over(folder, own)) is not None:
            return owned
        time.sleep(_POLL_SECONDS)
    return None


class _Parent:
    """The proxy, as seen from its child: it lives as long as standard input is open."""

    def __init__(self) -> None:
        self._ended_at: float | None = None

    def ended_within(self, seconds: float) -> bool:
        """Whether the parent has ended, at the latest after waiting this long."""
        if self._ended_at is None:
            ready, _, _ = select.select([sys.stdin], [], [], seconds)
            if ready and not os.read(sys.stdin.fileno(), 1024):
                self._ended_at = time.monotonic()
        return self._ended_at is not None

    def worth_waiting_for(self) -> bool:
        """Wait a little before a failed write is repeated; once the parent has ended, not for ever."""
        if self.ended_within(_RETRY_SECONDS) and self._ended_at is not None:
            time.sleep(_RETRY_SECONDS)
            return time.monotonic() - self._ended_at < _PATIENCE_SECONDS
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """The child process. Exit code 0, 1 if something stayed in the journal, CANNOT_WORK if it always will."""
    parser = argparse.ArgumentParser(prog="python -m tracer.capture.ingest", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="the SQLite database")
    parser.add_argument("--journal", type=Path, required=True, help="the folder of segments")
    parser.add_argument("--own", required=True, help="the segment set of the process that started this one")
    parser.add_argument("--tier", choices=["free", "paid"], help="how long the service keeps interactions")
    parser.add_argument("--prices", type=Path, help="a file of prices")
    parser.add_argument("--max-size", type=int, help="how large the database may get, in bytes")
    parser.add_argument("--power-safe", action="store_true", help="delete nothing before the database is on the disk")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="tracer: %(message)s", level=logging.WARNING)
    _step_back()
    parent = _Parent()
    try:
        with _opened(options, parent) as writer:
            log = options.db.with_name(f"{options.db.name}-wal")
            sync = (log, options.db) if options.power_safe else ()
            ingester = Ingester(writer, try_again=parent.worth_waiting_for, sync=sync)
            _serve(ingester, options.journal, options.own, parent, SizeLimit(options.db, options.max_size))
    except StoreError as error:
        _log.error("%s", error)
        return CANNOT_WORK if isinstance(error, UnusableStoreError) else 1
    except TracerError as error:
        _log.error("%s", error)
        return CANNOT_WORK
    return 0


def _opened(options: argparse.Namespace, parent: _Parent) -> Writer:
    complained = False
    while True:
        try:
            return open_writer(options.db, tier=options.tier, prices=options.prices)
        except UnusableStoreError:
            raise
        except StoreError as error:
            if not complained:
                _log.warning("%s; what crosses meanwhile waits in the journal", error)
            complained = True
            if not parent.worth_waiting_for():
                raise


def _step_back() -> None:
    # Traffic first: where cores are short, the proxy has them. Not at all costs: whoever uses all cores for other
    # things wants to see the records too.
    os.nice(10)
    # It outlives a proxy that is killed, and the terminal of both.
    for number in (signal.SIGHUP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
