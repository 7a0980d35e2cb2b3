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
        self._info = info
        self._destination = destination
        self._account_key = account_key
        self._max_body = max_body
        self._report = report
        self.run = new_key()
        self._journal = JournalWriter(destination.journal, report=report, power_safe=destination.power_safe)
        self._ingester = IngesterProcess(destination, self._journal.name, report=report)
        started = RunStarted(
            key=self.run, at_us=now_us(), project=info.project, command=info.command, tags=dict(info.tags)
        )
        self._journal.append(started)

    def recorder(
        self, *, origin: str, method: str, path: str, query: Query, headers: Headers, keep_bodies: bool
    ) -> ExchangeRecorder:
        """A recorder whose frames go into the journal; its start is now."""
        at_us = now_us()
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
        )

    def check(self) -> None:
        """Start the ingester again if it died; to be called now and then."""
        self._ingester.check()

    async def close(self, exit_code: int | None, *, seconds: float, hurry: asyncio.Event) -> bool:
        """End the run and wait until all is in the database; whether that is so.

        After `seconds`, or as soon as `hurry` is set, the ingester is left to finish on its own.
        """
        self._journal.append(RunEnded(key=self.run, at_us=now_us(), exit_code=exit_code))
        self._journal.close()
        self._ingester.end()
        deadline = time.monotonic() + seconds
        while (outcome := self._ingester.outcome()) is None:
            if hurry.is_set() or time.monotonic() > deadline:
                self._report(
                    f"not everything is in the database yet: the rest follows from {str(self._destination.journal)!r}"
                )
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return outcome


def now_us() -> int:
    """The wall clock in Unix microseconds."""
    return time.time_ns() // 1000


def new_key() -> str:
    """A new uuid7 key for now."""
    return uuid7(now_us(), secrets.token_bytes(8))
