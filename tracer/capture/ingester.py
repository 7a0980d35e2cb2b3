"""Hands what a segment set holds to a writer: what has ended at once, what runs in what time that leaves."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tracer.capture import patience
from tracer.capture.entries import RunEnded, RunStarted
from tracer.capture.segments import SegmentSet
from tracer.capture.syncing import sync_file
from tracer.capture.tail import SetTail
from tracer.errors import StoreError, UnusableStoreError
from tracer.fold import Readings
from tracer.normalize import normalize, not_understood
from tracer.pricing import load_prices
from tracer.store.writer import Normalize, Writer
from tracer.wire.exchange import Exchange, Outcome

_BATCH = 50
_RUNNING_SECONDS = 0.25
_RUNNING_BATCH = 10
_RUNNING_AT_ONCE = 0.05
_REST = 10
"""What runs may take a tenth of the time: its records are made again and again, and finished ones wait meanwhile."""
_IDLE_SECONDS = 2.0

_log = logging.getLogger("tracer.capture")


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
