"""One exchange of a test that goes to the real service, written down while it happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from tracer.player.reply import Call
from tracer.serve.hosts import Place
from tracer.wire.exchange import Exchange, Headers, Outcome
from tracer.wire.frames import ExchangeAssembler, Frame, Opened
from tracer.wire.keys import uuid7
from tracer.wire.recorder import ExchangeRecorder

MAX_BODY = 1 << 30
"""A cassette has to answer with the whole body."""


class LiveExchange:
    """Told by a transport what it sends and gets; gives the exchange to `done` once it has ended, however it does."""

    def __init__(self, call: Call, place: Place, done: Callable[[Exchange], None]) -> None:
        self._done = done
        self._started_ns = time.perf_counter_ns()
        self._assembler: ExchangeAssembler | None = None
        at_us = time.time_ns() // 1000
        self.started_us = at_us
        """Start on the wall clock, in Unix microseconds."""
        self._recorder = ExchangeRecorder(
            key=uuid7(at_us, os.urandom(8)),
            at_us=at_us,
            run=None,
            project=None,
            origin=place.origin,
            method=call.method,
            path=place.path,
            query=call.query,
            headers=call.headers,
            # Accounts are not told apart in a cassette.
            account_key=os.urandom(32),
            sink=self._take,
            max_body=MAX_BODY,
        )
        self._recorder.request_data(call.body)
        self._recorder.request_end()

    def started(self, status: int, headers: Headers) -> None:
        """Status and headers arrived."""
        self._recorder.response_started(self._elapsed_us(), status, headers)

    def data(self, data: bytes) -> None:
        """A piece of the response body arrived, as it was on the wire."""
        self._recorder.response_data(self._elapsed_us(), data)

    def ended(self) -> None:
        """The response is whole."""
        self._recorder.response_end(self._elapsed_us())

    def refused(self, error: BaseException) -> None:
        """There is no response."""
        self._recorder.failed(self._elapsed_us(), Outcome.FAILED, _sentence(error))

    def broke(self, error: BaseException) -> None:
        """The response broke off: the connection did, or the app's task was cancelled."""
        outcome = Outcome.CUT if isinstance(error, Exception) else Outcome.CLIENT_GONE
        self._recorder.failed(self._elapsed_us(), outcome, _sentence(error))

    def left(self) -> None:
        """The app closed the response; without effect if it had ended."""
        self._recorder.failed(self._elapsed_us(), Outcome.CLIENT_GONE, None)

    def _elapsed_us(self) -> int:
        return (time.perf_counter_ns() - self._started_ns) // 1000

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Opened):
            self._assembler = ExchangeAssembler(frame)
        elif self._assembler is not None:
            self._assembler.feed(frame)
            if self._assembler.done:
                self._done(self._assembler.exchange())


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
