"""A running exchange as the proxy drives it."""

from __future__ import annotations

import time

from mitmproxy import http

from tracer.proxy.backlog import Backlog
from tracer.wire.exchange import Headers, Outcome
from tracer.wire.recorder import ExchangeRecorder


class Call:
    """A running exchange: its recorder and its clock."""

    def __init__(self, recorder: ExchangeRecorder, backlog: Backlog, origin: str, client_id: str) -> None:
        self._recorder = recorder
        self._backlog = backlog
        self._started_ns = time.monotonic_ns()
        self.origin = origin
        self.client_id = client_id

    def request_data(self, data: bytes) -> None:
        """A piece of the request body."""
        self._recorder.request_data(data)
        if self._recorder.behind:
            self._backlog.add(self._recorder)

    def request_whole(self, body: bytes) -> None:
        """The request is whole; `body` is what was not told piece by piece."""
        self.request_data(body)
        self._recorder.request_end()

    def response_started(self, response: http.Response) -> None:
        """Status and headers arrived."""
        self._recorder.response_started(self._now(), response.status_code, headers_of(response))

    def response_data(self, data: bytes) -> None:
        """A piece of the response body, as it crossed."""
        self._recorder.response_data(self._now(), data)
        if self._recorder.behind:
            self._backlog.add(self._recorder)

    def response_whole(self) -> None:
        """The response is whole."""
        self._recorder.response_end(self._now())

    def failed(self, outcome: Outcome, error: str) -> None:
        """The exchange broke off."""
        self._recorder.failed(self._now(), outcome, error)

    def _now(self) -> int:
        return (time.monotonic_ns() - self._started_ns) // 1000


def headers_of(message: http.Message) -> Headers:
    """Header lines as they crossed; bytes that are no UTF-8 as surrogates."""
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in message.headers.fields
    )
