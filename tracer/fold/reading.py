"""One exchange, understood: what was asked, what was answered, and how the transport fared."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from tracer.dialects import DialectName, detect, reader
from tracer.dialects.words import TERMINAL_STATUSES
from tracer.events import InteractionCreated, InteractionEnded, JsonObject, Snapshot, StatusUpdated
from tracer.fold import failure, unknown
from tracer.fold.parse import Unparsed, load
from tracer.fold.stream import Stream, StreamReader
from tracer.records.interaction import InteractionError, State
from tracer.wire import routes
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.routes import Operation

_OWN_WORDS = frozenset({"id", "object", "status", "steps", "outputs", "event_type"})
"""Fields that an interaction object has and a mere error body does not."""
_STREAM_STARTS = (b"event:", b"data:", b":", b"id:", b"retry:")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A moment at which the service said something of the interaction. `at_us` is Unix time."""

    at_us: int
    fields: JsonObject
    """The interaction's fields as far as they were told."""
    whole: bool
    """They are those of an interaction object that speaks for the whole, its usage included."""

    @property
    def status(self) -> str | None:
        """The status told, if it is a word."""
        status = self.fields.get("status")
        return status if isinstance(status, str) and status else None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request body, understood."""

    request: JsonObject
    unknown_fields: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """An exchange and everything it says. Either `body` or `stream` is set, or neither."""

    exchange: Exchange
    operation: Operation
    route: routes.Route | None
    request: JsonObject
    body: Snapshot | None = None
    stream: Stream | None = None
    error: InteractionError | None = None
    """Of an HTTP error, of an error body, or of the transport."""
    dialects: list[DialectName] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    """What was told of the interaction, in order of time."""
    unknown_fields: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    asked: Asked = field(default_factory=lambda: Asked({}))
    """What `request`, and parts of `unknown_fields` and `notes`, come from."""
    reader: StreamReader | None = None
    """Goes on where `stream` ends."""

    def ended_at_us(self) -> int:
        """Unix time of the last thing known to have happened in this exchange."""
        exchange = self.exchange
        last = exchange.ended_at_us
        if last is None:
            last = exchange.chunks[-1].at_us if exchange.chunks else exchange.headers_at_us
        return exchange.started_at_us + (last or 0)

    def timed(self) -> bool:
        """Whether any moment but the start is known; an imported exchange may have none."""
        return bool(self.exchange.chunks) or self.exchange.ended_at_us is not None

    def state(self) -> State:
        """How the transport fared. A stream is complete with its terminal event, whatever came after."""
        exchange = self.exchange
        if self.error is not None:
            return "in_flight" if exchange.outcome is Outcome.OPEN else "error"
        if self.stream is not None and self.stream.failure is not None:
            return "error"
        if self.stream.ended if self.stream is not None else self.body is not None:
            return "complete"
        return _UNFINISHED[exchange.outcome] if self.stream is None else _UNFINISHED_STREAM[exchange.outcome]

    def token(self) -> str | None:
        """The continuation token that the request carried."""
        token = self.request.get("continuation_token")
        return token if isinstance(token, str) else None


_UNFINISHED: dict[Outcome, State] = {
    Outcome.OPEN: "in_flight",
    Outcome.COMPLETE: "complete",
    Outcome.CLIENT_GONE: "truncated",
    Outcome.CUT: "truncated",
    Outcome.FAILED: "error",
    Outcome.INTERRUPTED: "interrupted",
}
_UNFINISHED_STREAM: dict[Outcome, State] = {**_UNFINISHED, Outcome.COMPLETE: "truncated"}


def read(exchange: Exchange, before: Reading | None = None) -> Reading:
    """Understand an exchange as far as it has come. Never raises.

    `before` is what was understood when it was shorter: then only what came since is read, and `before` is spent.
    """
    route = routes.match(exchange.method, exchange.path, exchange.query)
    reading = Reading(exchange, _operation(exchange, route), route, {}, notes=list(exchange.notes))
    same = before is not None and before.exchange.request_body == exchange.request_body
    reading.asked = before.asked if before is not None and same else _asked(reading)
    reading.request = reading.asked.request
    reading.unknown_fields |= reading.asked.unknown_fields
    reading.notes += reading.asked.notes
    if exchange.status is not None and exchange.status >= 400:
        reading.error = failure.from_http(exchange.status, exchange.response_body)
    elif _is_stream(exchange):
        going_on = before.reader if before is not None and _has_grown(before.exchange, exchange) else None
        reading.reader = going_on or StreamReader()
        over = exchange.outcome is not Outcome.OPEN
        reading.stream = stream = reading.reader.read(exchange.response_body, exchange.chunks, over=over)
        reading.dialects = stream.dialects
        reading.unknown_fields |= stream.unknown_fields
        reading.notes += [f"the stream of the {reading.operation}: {note}" for note in stream.notes]
    elif exchange.response_body:
        _read_body(reading)
    elif exchange.outcome is Outcome.FAILED:
        reading.error = InteractionError(message=exchange.error or "no response arrived")
    if exchange.error and reading.state() != "complete":
        # Clients hang up right after the end marker; what the transport says then is no news.
        reading.notes.append(exchange.error)
    reading.sightings = _sightings(reading)
    return reading


def told_id(reading: Reading) -> str | None:
    """The interaction id that the answer told, else the one in the path; an empty one is none."""
    for sighting in reversed(reading.sightings):
        found = sighting.fields.get("id")
        if isinstance(found, str) and found:
            return found
    return unquote(reading.route.interaction_id) if reading.route and reading.route.interaction_id else None


def is_terminal(status: str | None) -> bool:
    """Whether nothing more happens to an interaction of this status."""
    return status in TERMINAL_STATUSES


def _operation(exchange: Exchange, route: routes.Route | None) -> Operation:
    if route is not None:
        return route.operation
    method = exchange.method.upper()
    return "create" if method == "POST" else "delete" if method == "DELETE" else "get"


def _has_grown(before: Exchange, now: Exchange) -> bool:
    return (
        before.outcome is Outcome.OPEN
        and now.response_body.startswith(before.response_body)
        and now.chunks[: len(before.chunks)] == before.chunks
    )


def _asked(reading: Reading) -> Asked:
    data = reading.exchange.request_body
    if not data:
        return Asked({})
    value = load(data)
    if isinstance(value, dict):
        return Asked(value, frozenset(unknown.in_request(value)) if reading.operation == "create" else frozenset())
    if reading.exchange.outcome is Outcome.OPEN and reading.exchange.status is None:
        # A large one comes in pieces.
        return Asked({})
    why = value.reason if isinstance(value, Unparsed) else "JSON, but no object"
    return Asked({}, notes=(f"the request body of the {reading.operation} is {why}: {len(data)} bytes kept",))


def _read_body(reading: Reading) -> None:
    exchange = reading.exchange
    value = load(exchange.response_body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        if exchange.outcome is not Outcome.OPEN:
            why = value.reason if isinstance(value, Unparsed) else "JSON, but no object"
            size = len(exchange.response_body)
            reading.notes.append(f"the response body of the {reading.operation} is {why}: {size} bytes kept")
        return
    error = failure.from_object(value.get("error"), beside=value)
    if error is not None and _OWN_WORDS.isdisjoint(value):
        # Gateways were seen to answer 200 with an error.
        reading.error = error.model_copy(update={"http_status": exchange.status})
        return
    dialect = detect(value)
    reading.dialects = [] if dialect == "unknown" else [dialect]
    reading.body = reader(dialect).read_body(value)
    reading.unknown_fields |= unknown.in_body(value)


def _sightings(reading: Reading) -> list[Sighting]:
    if reading.body is not None:
        return [Sighting(reading.ended_at_us(), reading.body.fields, True)]
    start = reading.exchange.started_at_us
    told: list[Sighting] = []
    for event, at_us, _ in reading.stream.told if reading.stream else []:
        match event:
            case InteractionCreated(fields):
                told.append(Sighting(start + (at_us or 0), fields, False))
            case InteractionEnded(fields):
                told.append(Sighting(start + (at_us or 0), fields, True))
            case StatusUpdated(interaction_id, status, extra):
                named = {"id": interaction_id} if interaction_id else {}
                told.append(Sighting(start + (at_us or 0), {**extra, **named, "status": status}, False))
            case _:
                pass
    return told


def _is_stream(exchange: Exchange) -> bool:
    # The body decides where the header is missing or wrong; a whole JSON object sent as a stream is an error body.
    body = exchange.response_body
    start = body[:64].lstrip()
    if (exchange.response_header("content-type") or "").lower().startswith("text/event-stream"):
        return not start.startswith((b"{", b"[")) or isinstance(load(body), Unparsed)
    return start.startswith(_STREAM_STARTS)
