"""Everything between a recorder and the database: the journal of this process and the ingester behind it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracer.capture.child import Destination, IngesterProcess
from tracer.capture.entries import RunEnded, RunStarted
from tracer.capture.journal import JournalWriter
from tracer.wire.exchange import Headers
from tracer.wire.keys import uuid7
from tracer.wire.recorder import ExchangeRecorder
from tracer.wire.redact import Query

_POLL_SECONDS = 0.02
_WORTH_SAYING_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What is said of a run in the database."""

    project: str
    command: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class CaptureSession:
    """One run: opens the journal, starts the ingester, makes recorders, and ends all of it."""

    def __init__(
        self,
        destination: Destination,
        info: RunInfo,
        *,
        account_key: bytes,
        max_body: int,
        report: Callable[[str], None],
        keep_bodies: bool = True,
    ) -> None:
        """Raises JournalError if the journal can't be made; later troubles are only reported."""
        self._keep_bodies = keep_bodies
        self._journal_lost = False
        self._former: list[IngesterProcess] = []
        self._info = info
        self._destination = destination
        self._account_key = account_key
        self._max_body = max_body
        self._report = report
        self._clock = ForwardClock(report)
        self.run = uuid7(self._clock.now_us(), secrets.token_bytes(8))
        self._journal = JournalWriter(destination.journal, report=report, power_safe=destination.power_safe)
        self._ingester = IngesterProcess(destination, self._journal.name, report=report)
        self._started = RunStarted(
            key=self.run, at_us=self._clock.now_us(), project=info.project, command=info.command, tags=dict(info.tags)
        )
        self._journal.append(self._started)

    def recorder(
        self, *, origin: str, method: str, path: str, query: Query, headers: Headers, keep_bodies: bool
    ) -> ExchangeRecorder:
        """A recorder in steps, whose frames go into the journal; its start is now."""
        at_us = self._clock.now_us()
        return ExchangeRecorder(
            key=uuid7(at_us, secrets.token_bytes(8)),
            at_us=at_us,
            run=self.run,
            project=self._info.project,
            origin=origin,
            method=method,
            path=path,
            query=query,
            headers=headers,
            account_key=self._account_key,
            sink=self._journal.append,
            max_body=self._max_body,
            keep_bodies=keep_bodies and self._keep_bodies,
            in_steps=True,
        )

    def check(self) -> None:
        """Start the ingester again if it died, the journal if it was deleted; to be called now and then."""
        if not self._journal.is_in_place:
            self._begin_journal_anew()
        self._ingester.check()

    def _begin_journal_anew(self) -> None:
        folder = str(self._destination.journal)
        try:
            self._journal.begin_anew()
        except OSError as error:
            if not self._journal_lost:
                self._report(
                    f"the journal {folder!r} was deleted and can't be made ({error.strerror}): traffic goes on"
                )
            self._journal_lost = True
            return
        self._journal_lost = False
        self._report(f"the journal {folder!r} was deleted: calls that ran then, or waited in it, may be missing")
        self._journal.append(self._started)
        self._ingester.end()
        self._former.append(self._ingester)
        self._ingester = IngesterProcess(self._destination, self._journal.name, report=self._report)

    async def close(self, exit_code: int | None, *, seconds: float, hurry: asyncio.Event) -> bool:
        """End the run and wait until all is in the database; whether that is so.

        After `seconds`, or as soon as `hurry` is set, the ingester is left to finish on its own.
        """
        self._journal.append(RunEnded(key=self.run, at_us=self._clock.now_us(), exit_code=exit_code))
        self._journal.close()
        self._ingester.end()
        deadline = time.monotonic() + seconds
        while (outcome := self._outcome()) is None:
            if hurry.is_set() or time.monotonic() > deadline:
                self._report(
                    f"not everything is in the database yet: the rest follows from {str(self._destination.journal)!r}"
                )
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return outcome

    def _outcome(self) -> bool | None:
        outcomes = [each.outcome() for each in (*self._former, self._ingester)]
        return None if None in outcomes else all(outcomes)


class ForwardClock:
    """The wall clock of one run, which never goes back: what came later must not look earlier."""

    def __init__(self, report: Callable[[str], None], wall_ns: Callable[[], int] = time.time_ns) -> None:
        """`report` is told when the system's clock was set back."""
        self._report = report
        self._wall_ns = wall_ns
        self._last_us = 0
        self._ahead_us = 0

    def now_us(self) -> int:
        """Unix microseconds; ahead of the system's clock by as much as that was set back since the start."""
        now_us = self._wall_ns() // 1000 + self._ahead_us
        if now_us < self._last_us:
            back_us = self._last_us - now_us
            self._ahead_us += back_us
            now_us = self._last_us
            if back_us > _WORTH_SAYING_US:
                self._report(
                    f"the clock was set back by {back_us / 1e6:.0f} s: the times of this run go on without a step"
                )
        self._last_us = now_us
        return now_us
