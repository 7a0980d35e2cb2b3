"""Makes frames of an exchange while it runs: undoes content codings, takes secrets out, notices the end.

The proxy and the transports of the pytest plugin drive it alike, with raw bytes as they crossed. Frames hold only
what may be kept. Every `at_us` but the first is relative to the exchange's start, from a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.wire import routes
from tracer.wire.bodies import BodyCopy
from tracer.wire.ending import EndWatch
from tracer.wire.exchange import Headers, Outcome
from tracer.wire.frames import Closed, Frame, Opened, RequestData, ResponseData, ResponseStarted
from tracer.wire.json_bodies import BodyMasker, JsonMasker
from tracer.wire.redact import Query, Redactor, account_tag

MAX_WAITING = 16 << 20
"""So many bytes of a response may wait to be decoded."""


class ExchangeRecorder:
    """Takes one exchange in the order it happens and hands its frames to `sink`.

    Calls after the closing frame are ignored, so that whoever drives it may report an end twice. Damaged or
    unknown codings become a note; nothing here raises on account of what crossed.
    """

    def __init__(
        self,
        *,
        key: str,
        at_us: int,
        run: str | None,
        project: str | None,
        origin: str,
        method: str,
        path: str,
        query: Query,
        headers: Headers,
        account_key: bytes,
        sink: Callable[[Frame], None],
        max_body: int,
        keep_bodies: bool = True,
        in_steps: bool = False,
    ) -> None:
        """Emits `Opened`. `keep_bodies=False` keeps sizes and times only, for calls that are not ours.

        With `in_steps` no call takes long: a piece that unpacks to much leaves it `behind`, and whoever drives it calls
        `catch_up` until it no longer is.
        """
        self.key = key
        self._sink = sink
        self._redactor = Redactor(path=path, query=query, headers=headers)
        whose = "" if routes.match(method, path, query) else "other call: "
        self._notes: list[str] = [] if keep_bodies else [f"{whose}bodies are not kept"]
        self._max_body = max_body if keep_bodies else 0
        self._keep_bodies = keep_bodies
        self._in_steps = in_steps
        self._todo: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._waiting_size = 0
        self._is_get = method.upper() == "GET"
        self._request = self._body("request", headers)
        self._asking: JsonMasker | None = self._redactor.request_pieces()
        self._told_size = 0
        """How many bytes of the request, as it crossed, the frames so far speak of."""
        self._response: BodyCopy | None = None
        self._masker: BodyMasker | None = None
        self._watch = EndWatch()
        self._response_left: int | None = None
        self._last_at_us = 0
        self._closed = False
        secret = self._redactor.account_secret
        sink(
            Opened(
                key=key,
                at_us=at_us,
                run=run,
                project=project,
                account=account_tag(secret, account_key) if secret else None,
                origin=origin,
                method=method,
                path=self._redactor.path(path),
                query=self._redactor.query(query),
                headers=self._redactor.headers(headers),
            )
        )

    @property
    def closed(self) -> bool:
        """Whether the closing frame is out."""
        return self._closed

    @property
    def saw_end(self) -> bool:
        """Whether the response was whole: its terminal event, `[DONE]` or its announced length was reached."""
        return self._watch.terminal or self._response_left == 0

    @property
    def behind(self) -> bool:
        """Whether there is more to do about what it was told: `catch_up` does a step of it."""
        return bool(self._todo)

    def catch_up(self) -> None:
        """The next step."""
        step, arguments = self._todo.pop(0)
        step(*arguments)

    def request_data(self, data: bytes) -> None:
        """A piece of the request body; of a small one nothing is emitted before it is whole."""
        if self._todo:
            self._todo.append((self._take_request, (data,)))
        elif data:
            self._take_request(data)

    def request_end(self) -> None:
        """The request is whole: emits its body, or the rest of it."""
        if self._todo:
            self._todo.append((self._end_request, ()))
        else:
            self._end_request()

    def response_started(self, at_us: int, status: int, headers: Headers) -> None:
        """Status line and headers arrived."""
        if self._todo:
            self._todo.append((self._start_response, (at_us, status, headers)))
        else:
            self._start_response(at_us, status, headers)

    def response_data(self, at_us: int, data: bytes) -> None:
        """A piece of the response body as it crossed; closes the exchange if it completes the `[DONE]` event."""
        if self._todo:
            self._todo.append((self._take_waiting_response, (at_us, data)))
            self._waiting_size += len(data)
            if self._waiting_size > MAX_WAITING and self._response is not None:
                self._response.give_up(f"{MAX_WAITING} bytes waited to be decoded, so the rest was not")
        elif data:
            self._take_response(at_us, data)

    def response_end(self, at_us: int) -> None:
        """The response ended as its framing says."""
        if self._todo:
            self._todo.append((self._close, (at_us, Outcome.COMPLETE, None)))
        else:
            self._close(at_us, Outcome.COMPLETE, None)

    def failed(self, at_us: int, outcome: Outcome, error: str | None) -> None:
        """The exchange broke off; after the end was seen it is complete all the same."""
        if self._todo:
            self._todo.append((self._fail, (at_us, outcome, error)))
        else:
            self._fail(at_us, outcome, error)

    def _take_request(self, data: bytes) -> None:
        if self._asking is not None and not self._closed:
            self._emit_request(self._asking, self._request.take(data))

    def _go_on_with_request(self, asking: JsonMasker) -> None:
        self._emit_request(asking, self._request.go_on())

    def _emit_request(self, asking: JsonMasker, decoded: bytes) -> None:
        while True:
            masked = asking.feed(decoded)
            if masked:
                self._emit_request_data(masked)
            if not self._request.pending:
                return
            if self._in_steps:
                self._todo.insert(0, (self._go_on_with_request, (asking,)))
                return
            decoded = self._request.go_on()

    def _emit_request_data(self, data: bytes) -> None:
        told, self._told_size = self._told_size, self._request.wire_size
        self._sink(RequestData(key=self.key, data=data, wire_size=self._told_size - told))

    def _end_request(self) -> None:
        asking, self._asking = self._asking, None
        if asking is None or self._closed:
            return
        self._request.note_rest()
        rest = asking.finish()
        if asking.problem is not None:
            self._notes.append(f"request: {asking.problem}")
        if rest or self._request.wire_size > self._told_size:
            self._emit_request_data(rest)

    def _start_response(self, at_us: int, status: int, headers: Headers) -> None:
        if self._closed:
            return
        redacted = self._redactor.headers(headers)
        self._response = self._body("response", headers)
        self._watch.active = (_header(headers, "content-type") or "").lower().startswith("text/event-stream")
        length = _header(headers, "content-length") or ""
        self._response_left = int(length) if length.isdecimal() and int(length) else None
        self._sink(ResponseStarted(key=self.key, at_us=at_us, status=status, headers=redacted))

    def _take_response(self, at_us: int, data: bytes) -> None:
        response = self._response
        if self._closed or response is None:
            return
        if self._masker is None:
            if self._asking is not None:
                # An answer before the request is whole: no echo of what that hides so far may pass.
                self._asking.learn()
            self._masker = self._redactor.response_body(asked=self._is_get, events=self._watch.active)
        if self._response_left is not None:
            self._response_left -= len(data)
        self._emit_response(response, self._masker, at_us, response.take(data), len(data))

    def _take_waiting_response(self, at_us: int, data: bytes) -> None:
        self._waiting_size -= len(data)
        self._take_response(at_us, data)

    def _go_on_with_response(self, response: BodyCopy, masker: BodyMasker, at_us: int) -> None:
        self._emit_response(response, masker, at_us, response.go_on(), 0)

    def _emit_response(
        self, response: BodyCopy, masker: BodyMasker, at_us: int, decoded: bytes, wire_size: int
    ) -> None:
        self._last_at_us = at_us
        while True:
            self._watch.feed(decoded)
            if self._keep_bodies:
                self._sink(ResponseData(key=self.key, at_us=at_us, data=masker.feed(decoded), wire_size=wire_size))
            if not response.pending:
                break
            if self._in_steps:
                self._todo.insert(0, (self._go_on_with_response, (response, masker, at_us)))
                return
            decoded, wire_size = response.go_on(), 0
        if self._watch.done and response.ended:
            self._close(at_us, Outcome.COMPLETE, None)

    def _body(self, side: str, headers: Headers) -> BodyCopy:
        encoding = _header(headers, "content-encoding") if self._keep_bodies else None
        return BodyCopy(side, encoding, self._max_body, self._notes)

    def _fail(self, at_us: int, outcome: Outcome, error: str | None) -> None:
        if self.saw_end and outcome in (Outcome.CLIENT_GONE, Outcome.CUT):
            self._close(at_us, Outcome.COMPLETE, None)
        else:
            self._close(at_us, outcome, error)

    def _close(self, at_us: int, outcome: Outcome, error: str | None) -> None:
        if self._closed:
            return
        self._end_request()
        self._closed = True
        if self._response is not None and self._masker is not None:
            self._flush_response(self._response, self._masker)
        sentence = self._redactor.text(error) if error else None
        self._sink(
            Closed(key=self.key, at_us=at_us, outcome=outcome, error=sentence, notes=tuple(self._notes)),
        )

    def _flush_response(self, response: BodyCopy, masker: BodyMasker) -> None:
        response.note_rest()
        rest = masker.finish()
        if masker.problem is not None:
            self._notes.append(f"response: {masker.problem}")
        if not self._keep_bodies:
            self._sink(ResponseData(key=self.key, at_us=self._last_at_us, data=b"", wire_size=response.wire_size))
        elif rest:
            self._sink(ResponseData(key=self.key, at_us=self._last_at_us, data=rest, wire_size=0))


def _header(headers: Headers, name: str) -> str | None:
    values = [value for header, value in headers if header.lower() == name]
    return ", ".join(values) if values else None
