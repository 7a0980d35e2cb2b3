"""Makes frames of an exchange while it runs: undoes content codings, takes secrets out, notices the end.

The proxy and the transports of the pytest plugin drive it alike, with raw bytes as they crossed. Frames hold only
what may be kept. Every `at_us` but the first is relative to the exchange's start, from a monotonic clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tracer.errors import WireError
from tracer.wire import routes
from tracer.wire.decoding import BodyDecoder
from tracer.wire.ending import EndWatch
from tracer.wire.exchange import Headers, Outcome
from tracer.wire.frames import Closed, Frame, Opened, RequestData, ResponseData, ResponseStarted
from tracer.wire.redact import BodyMasker, Query, Redactor, account_tag


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
    ) -> None:
        """Emits `Opened`. `keep_bodies=False` keeps sizes and times only, for calls that are not ours."""
        self.key = key
        self._sink = sink
        self._redactor = Redactor(path=path, query=query, headers=headers)
        whose = "" if routes.match(method, path, query) else "other call: "
        self._notes: list[str] = [] if keep_bodies else [f"{whose}bodies are not kept"]
        self._max_body = max_body if keep_bodies else 0
        self._keep_bodies = keep_bodies
        self._is_get = method.upper() == "GET"
        self._request = self._body("request", headers)
        self._request_pieces: list[bytes] | None = []
        self._response: _Body | None = None
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

    def request_data(self, data: bytes) -> None:
        """A piece of the request body; kept until the request is whole, since its JSON is redacted as one."""
        if self._request_pieces is not None and data:
            self._request_pieces.append(self._request.take(data))

    def request_end(self) -> None:
        """The request is whole: emits its body."""
        if self._request_pieces is None or self._closed:
            return
        body = b"".join(self._request_pieces)
        self._request_pieces = None
        self._request.note_rest()
        try:
            body = self._redactor.request_body(body)
        except WireError as error:
            self._notes.append(f"request: {error}")
            body = b""
        if self._request.wire_size:
            self._sink(RequestData(key=self.key, data=body, wire_size=self._request.wire_size))

    def response_started(self, at_us: int, status: int, headers: Headers) -> None:
        """Status line and headers arrived."""
        if self._closed:
            return
        redacted = self._redactor.headers(headers)
        self._response = self._body("response", headers)
        self._watch.active = (_header(headers, "content-type") or "").lower().startswith("text/event-stream")
        length = _header(headers, "content-length") or ""
        self._response_left = int(length) if length.isdecimal() and int(length) else None
        self._sink(ResponseStarted(key=self.key, at_us=at_us, status=status, headers=redacted))

    def response_data(self, at_us: int, data: bytes) -> None:
        """A piece of the response body as it crossed; closes the exchange if it completes the `[DONE]` event."""
        if self._closed or self._response is None or not data:
            return
        if self._request_pieces is not None and self._masker is None:
            self._learn_request()
        if self._response_left is not None:
            self._response_left -= len(data)
        decoded = self._response.take(data)
        self._watch.feed(decoded)
        if self._masker is None:
            self._masker = self._redactor.response_body(asked=self._is_get, events=self._watch.active)
        self._last_at_us = at_us
        if self._keep_bodies:
            masked = self._masker.feed(decoded)
            self._sink(ResponseData(key=self.key, at_us=at_us, data=masked, wire_size=len(data)))
        if self._watch.done and self._response.ended:
            self._close(at_us, Outcome.COMPLETE, None)

    def response_end(self, at_us: int) -> None:
        """The response ended as its framing says."""
        self._close(at_us, Outcome.COMPLETE, None)

    def failed(self, at_us: int, outcome: Outcome, error: str | None) -> None:
        """The exchange broke off; after the end was seen it is complete all the same."""
        if self.saw_end and outcome in (Outcome.CLIENT_GONE, Outcome.CUT):
            self._close(at_us, Outcome.COMPLETE, None)
        else:
            self._close(at_us, outcome, error)

    def _body(self, side: str, headers: Headers) -> _Body:
        encoding = _header(headers, "content-encoding") if self._keep_bodies else None
        return _Body(side, encoding, self._max_body, self._notes)

    def _learn_request(self) -> None:
        # An answer before the request is whole: what it hides so far is learned, so that no echo of it passes.
        try:
            self._redactor.request_body(b"".join(self._request_pieces or ()))
        except WireError:
            return

    def _close(self, at_us: int, outcome: Outcome, error: str | None) -> None:
        if self._closed:
            return
        self.request_end()
        self._closed = True
        if self._response is not None:
            self._flush_response(self._response)
        sentence = self._redactor.text(error) if error else None
        self._sink(
            Closed(key=self.key, at_us=at_us, outcome=outcome, error=sentence, notes=tuple(self._notes)),
        )

    def _flush_response(self, response: _Body) -> None:
        if self._masker is None:
            return
        response.note_rest()
        try:
            rest = self._masker.finish()
        except WireError as error:
            self._notes.append(f"response: {error}")
            rest = b""
        if not self._keep_bodies:
            self._sink(ResponseData(key=self.key, at_us=self._last_at_us, data=b"", wire_size=response.wire_size))
        elif rest:
            self._sink(ResponseData(key=self.key, at_us=self._last_at_us, data=rest, wire_size=0))


class _Body:
    """Decodes one body up to a limit. What is past it is counted and hashed, as it crossed."""

    def __init__(self, side: str, encoding: str | None, limit: int, notes: list[str]) -> None:
        self._side = side
        self._limit = limit
        self._notes = notes
        self.wire_size = 0
        self._decoded_size = 0
        self._dropped_size = 0
        self._dropped_hash = hashlib.sha256()
        self._full = False
        try:
            self._decoder = BodyDecoder(encoding, limit)
        except WireError as error:
            # Nobody could say what is in it, so no secret could be taken out of it.
            notes.append(f"{side}: {error}; not kept")
            self._decoder = BodyDecoder(None, limit)
            self._full = True

    @property
    def ended(self) -> bool:
        return self._decoder.ended or self._full

    def take(self, data: bytes) -> bytes:
        """What of this piece may be kept, decoded."""
        self.wire_size += len(data)
        if self._full:
            self._drop(data)
            return b""
        try:
            decoded = self._decoder.feed(data)
        except WireError as error:
            self._full = True
            self._notes.append(f"{self._side}: {error}")
            self._drop(data)
            return b""
        self._decoded_size += len(decoded)
        if self._decoder.overflowed:
            self._full = True
            # Of an encoded piece it can't be said which of its bytes gave the kept part: all of it counts as rest.
            self._drop(data if self._decoder.names else data[len(decoded) :])
        return decoded

    def note_rest(self) -> None:
        """Notes what was left out, once the body has ended."""
        if self._dropped_size and self._limit:
            self._notes.append(
                f"{self._side}: the body is kept up to {self._decoded_size} bytes; the rest has "
                f"{self._dropped_size} bytes on the wire and sha256 {self._dropped_hash.hexdigest()}"
            )
            self._dropped_size = 0

    def _drop(self, data: bytes) -> None:
        self._dropped_size += len(data)
        if self._limit:
            self._dropped_hash.update(data)


def _header(headers: Headers, name: str) -> str | None:
    values = [value for header, value in headers if header.lower() == name]
    return ", ".join(values) if values else None
