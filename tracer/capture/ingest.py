"""From the journal into the database: live behind a proxy, and over what dead processes left.

`python -m tracer.capture.ingest --db PATH --journal FOLDER --own SET` is a child of the proxy: it follows the proxy's
segment set, and ends when its standard input does and everything is in the database. A slow parser, a locked
database or a crash in here cannot touch the traffic.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracer.capture import patience
from tracer.capture.child import CANNOT_WORK
from tracer.capture.entries import RunEnded, RunStarted
from tracer.capture.lag import Mark
from tracer.capture.limit import SizeLimit
from tracer.capture.segments import SegmentSet, owner, set_names
from tracer.capture.syncing import sync_file
from tracer.capture.tail import SetTail
from tracer.errors import JournalError, StoreError, TracerError, UnusableStoreError
from tracer.fold import Readings
from tracer.normalize import normalize, not_understood
from tracer.pricing import load_prices
from tracer.store.writer import Normalize, Writer
from tracer.wire.exchange import Exchange, Outcome

_BATCH = 50
_POLL_SECONDS = 0.05
_RUNNING_SECONDS = 0.25
_RUNNING_BATCH = 10
_RUNNING_AT_ONCE = 0.05
_REST = 10
"""What runs may take a tenth of the time: its records are made again and again, and finished ones wait meanwhile."""
_IDLE_SECONDS = 2.0
_LIGHT_SECONDS = 0.05
"""A look that took longer found much: the next one is due."""
_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0

_log = logging.getLogger("tracer.capture")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` found."""

    sets: int
    exchanges: int
    in_use: tuple[str, ...]
    """Sets that other processes own, each with what its lock file says of the owner."""


class Ingester:
    """Hands what tails bring to a writer, and deletes segments that are in the database."""

    def __init__(
        self, writer: Writer, *, try_again: Callable[[], bool] = lambda: False, sync: Sequence[Path] = ()
    ) -> None:
        """`try_again` is asked after a write that failed; it may wait, and says whether to repeat the write.

        `sync` are files to bring to the disk before a segment is deleted.
        """
        self._sync = sync
        self._writer = writer
        self._try_again = try_again
        self._running_at = 0.0
        self._complained = False
        self._refused = 0
        self._slow: set[str] = set()
        self._idle_at = 0.0
        self._log_is_long = True
        self.exchanges = 0
        """How many exchanges were stored to their end."""

    def follow(self, tail: SetTail) -> None:
        """One look at a set that is being written. Raises StoreError."""
        for news in tail.news():
            self._store_runs(news.runs)
            self._store(news.finished)
        self._show_running(tail)
        spent = tail.spent()
        if spent:
            self._make_safe()
        for path in spent:
            path.unlink(missing_ok=True)
            tail.forget(path)

    def _show_running(self, tail: SetTail) -> None:
        began = time.monotonic()
        if began < self._running_at:
            return
        took = 0.0
        while took < _RUNNING_AT_ONCE and (grown := tail.changed(_RUNNING_BATCH)):
            self._apply([exchange for exchange in grown if exchange.key not in self._slow])
            took = time.monotonic() - began
            self._running_at = began + max(_RUNNING_SECONDS, took * _REST)

    def tidy(self) -> None:
        """Work that can wait until nothing else is to do: what is said becomes searchable, the log becomes short."""
        now = time.monotonic()
        try:
            if self._writer.catch_up():
                self._idle_at, self._log_is_long = now, True
            elif self._log_is_long and now - self._idle_at > _IDLE_SECONDS:
                self._idle_at, self._log_is_long = now, not self._writer.shorten_log()
        except StoreError as error:
            _log.debug("%s", error)

    def finish(self, owned: SegmentSet, tail: SetTail) -> None:
        """Store the rest of a set whose writer is gone, then delete it. Raises StoreError; then nothing is deleted."""
        for news in tail.news():
            self._store_runs(news.runs)
            self._store(news.finished)
        self._store(tail.interrupted())
        for path in tail.damaged():
            kept = path.with_suffix(".damaged")
            path.rename(kept)
            _log.warning("the journal segment %r is damaged: it was read up to the damage and kept", str(kept))
        if self._refused:
            owned.release()
            self._refused = 0
        else:
            self._make_safe()
            owned.delete()

    def abandon(self, tail: SetTail) -> None:
        """Store what is known of a set that is gone: deleted, or stored to its end by somebody else."""
        self._store(tail.interrupted())

    def _make_safe(self) -> None:
        for path in self._sync:
            sync_file(path)

    def _store_runs(self, runs: Sequence[RunStarted | RunEnded]) -> None:
        for entry in runs:
            self._repeatedly(functools.partial(self._store_run, entry))

    def _store_run(self, entry: RunStarted | RunEnded) -> None:
        if isinstance(entry, RunStarted):
            self._writer.begin_run(entry.key, entry.project or "", entry.at_us, entry.command, entry.tags)
        else:
            self._writer.end_run(entry.key, entry.at_us, entry.exit_code)

    def _store(self, exchanges: Sequence[Exchange]) -> None:
        self._apply(exchanges)
        self.exchanges += len(exchanges)

    def _apply(self, exchanges: Sequence[Exchange]) -> None:
        for start in range(0, len(exchanges), _BATCH):
            batch = exchanges[start : start + _BATCH]
            try:
                self._repeatedly(functools.partial(self._write, batch))
            except StoreError:
                raise
            except Exception as bug:
                if len(batch) > 1:
                    for exchange in batch:
                        self._apply([exchange])
                else:
                    self._apply_unread(batch[0], bug)

    def _write(self, batch: Sequence[Exchange]) -> None:
        with patience.at_most(patience.SECONDS) as expired:
            try:
                self._writer.apply(batch)
            finally:
                if expired:
                    # One of them costs too much to be looked at four times a second; it is looked at when it has ended.
                    self._slow.update(exchange.key for exchange in batch if exchange.outcome is Outcome.OPEN)

    def _apply_unread(self, exchange: Exchange, bug: Exception) -> None:
        try:
            self._repeatedly(functools.partial(self._writer.apply_unread, exchange, not_understood(bug)))
        except StoreError:
            raise
        except Exception as error:
            self._refused += 1
            _log.warning(
                "exchange %s could not be stored (%s: %s): it stays in the journal",
                exchange.key, type(error).__name__, error,
            )  # fmt: skip

    def _repeatedly(self, write: Callable[[], None]) -> None:
        while True:
            try:
                write()
                if self._complained:
                    self._complained = False
                    _log.warning("the database can be written again")
                return
            except UnusableStoreError:
                raise
            except StoreError as error:
                if not self._complained:
                    self._complained = True
                    _log.warning("%s; what crosses meanwhile waits in the journal", error)
                if not self._try_again():
                    raise


def recover(writer: Writer, folder: Path, *, patience: float = _PATIENCE_SECONDS) -> Recovered:
    """Store and delete every set whose process is gone; waits for sets that a dying proxy's ingester is finishing."""
    ingester = Ingester(writer)
    deadline = time.monotonic() + patience
    sets = 0
    pending = set_names(folder)
    in_use: list[str] = []
    while pending:
        in_use = []
        waiting: list[str] = []
        for name in pending:
            owned = SegmentSet.take_over(folder, name)
            if owned is not None:
                ingester.finish(owned, SetTail(folder, name))
                sets += 1
            elif (said := owner(folder, name)).endswith("ingests"):
                waiting.append(name)
            elif said:
                in_use.append(said)
        if waiting and time.monotonic() > deadline:
            in_use += [owner(folder, name) for name in waiting]
            break
        pending = waiting
        if pending:
            time.sleep(_POLL_SECONDS)
    return Recovered(sets, ingester.exchanges, tuple(in_use))


def _left_behind(ingester: Ingester, folder: Path, own: str) -> Iterator[None]:
    # Sets of dead processes, one at a time, so that the live one is not kept waiting by a long backlog.
    for name in set_names(folder):
        if name == own:
            continue
        owned = SegmentSet.take_over(folder, name)
        if owned is None:
            continue
        try:
            ingester.finish(owned, SetTail(folder, name))
        except JournalError as error:
            _log.warning("%s", error)
            owned.release()
        yield


def _serve(ingester: Ingester, folder: Path, own: str, parent: _Parent, limit: SizeLimit) -> None:
    tail = SetTail(folder, own)
    backlog = _left_behind(ingester, folder, own)
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


def open_writer(
    db: Path, *, tier: Literal["free", "paid"] | None, prices: Path | None, patiently: bool = False
) -> Writer:
    """A writer whose records know the project's tier and prices. Raises TracerError if either can't be read.

    With `patiently` each record on its own gets the time that an ingester gives a batch.
    """
    table = load_prices(prices) if prices else None
    made: Normalize = functools.partial(normalize, tier=tier, prices=table, known=Readings())
    made = patience.limited(made) if patiently else made
    return Writer(db, normalize=made, report=lambda sentence: _log.warning("%s", sentence))


if __name__ == "__main__":
    sys.exit(main())
