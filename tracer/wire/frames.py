"""What a recorder emits while an exchange runs, and how frames become an exchange again.

A recorder (`wire/recorder.py`) sees raw bytes, decodes and redacts them and emits frames. The proxy appends frames
to the journal and the ingester assembles them; in a test process they are assembled at once. Both therefore
make the same `Exchange`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tracer.wire.exchange import Chunk, Exchange, Headers, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A request began. `at_us` is wall clock; every later frame's is relative to it."""

    key: str
    at_us: int
    run: str | None
    project: str | None
    account: str | None
    origin: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestData:
    """A decoded, redacted piece of the request body, and how long it was on the wire."""

    key: str
    data: bytes
    wire_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStarted:
    """Status line and headers arrived."""

    key: str
    at_us: int
    status: int
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseData:
    """A decoded, redacted piece of the response body, and how long it was on the wire."""

    key: str
    at_us: int
    data: bytes
    wire_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The exchange ended; the last frame of its key."""

    key: str
    at_us: int
    outcome: Outcome
    error: str | None = None
    notes: tuple[str, ...] = ()


type Frame = Opened | RequestData | ResponseStarted | ResponseData | Closed


@dataclass(slots=True)
class ExchangeAssembler:
    """Collects the frames of one exchange; `exchange()` may be asked at any time."""

    opened: Opened
    started: ResponseStarted | None = None
    closed: Closed | None = None
    _request: list[bytes] = field(default_factory=list)
    _request_size: int = 0
    _response: list[bytes] = field(default_factory=list)
    _response_size: int = 0
    _chunks: list[Chunk] = field(default_factory=list)

    def feed(self, frame: Frame) -> None:
        """Take the next frame of this key. Frames of an exchange come in order."""
        match frame:
            case RequestData():
                self._request.append(frame.data)
                self._request_size += frame.wire_size
            case ResponseStarted():
                self.started = frame
            case ResponseData():
                self._response.append(frame.data)
                self._response_size += frame.wire_size
                self._chunks.append(Chunk(frame.at_us, frame.wire_size, len(frame.data)))
            case Closed():
                self.closed = frame
            case Opened():
                self.opened = frame

    @property
    def done(self) -> bool:
        """Whether the closing frame has arrived."""
        return self.closed is not None

    def exchange(self, *, interrupted: bool = False) -> Exchange:
        """The exchange as far as it is known; `interrupted` says that no more frames will come."""
        opened, started, closed = self.opened, self.started, self.closed
        open_outcome = Outcome.INTERRUPTED if interrupted else Outcome.OPEN
        return Exchange(
            key=opened.key,
            run=opened.run,
            project=opened.project,
            account=opened.account,
            origin=opened.origin,
            started_at_us=opened.at_us,
            method=opened.method,
            path=opened.path,
            query=opened.query,
            request_headers=opened.headers,
            request_body=b"".join(self._request),
            request_size=self._request_size,
            status=started.status if started else None,
            response_headers=started.headers if started else (),
            headers_at_us=started.at_us if started else None,
            response_body=b"".join(self._response),
            response_size=self._response_size,
            chunks=tuple(self._chunks),
            ended_at_us=closed.at_us if closed else None,
            outcome=closed.outcome if closed else open_outcome,
            error=closed.error if closed else None,
            notes=closed.notes if closed else (),
        )
