"""The events of one response body, each with the time of the chunk that completed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tracer.dialects import DialectName, detect, reader
from tracer.dialects.table import current_usage, error_of
from tracer.dialects.words import EVENT_NAMES, KIND_OF, TERMINAL_STATUSES, Kind
from tracer.errors import WireError
from tracer.events import (
    InteractionCreated,
    InteractionEnded,
    Json,
    JsonObject,
    StatusUpdated,
    StepDelta,
    StepStarted,
    StepStopped,
    StreamEvent,
    StreamFailed,
    Unrecognised,
)
from tracer.fold import unknown
from tracer.fold.assembly import Assembled
from tracer.fold.pace import Pace, Timed
from tracer.fold.parse import MAX_VALUES, Unparsed, load, weight
from tracer.wire import sse
from tracer.wire.exchange import Chunk
from tracer.wire.sse import ServerSentEvent

MAX_EVENTS = 100_000
"""Fifty times what a long answer has; a longer stream is read that far."""
MAX_KEPT = 1_000
MAX_NOTES = 50
_LONGEST_TEXT = 2_000
_KINDS: dict[type, Kind] = {
    InteractionCreated: "created",
    StatusUpdated: "status",
    StepStarted: "started",
    StepDelta: "delta",
    StepStopped: "stopped",
    InteractionEnded: "ended",
    StreamFailed: "failed",
}
_DELTAS: dict[str, DialectName] = {name: dialect for dialect, name in EVENT_NAMES["delta"].items()}
_PIECES = {"text": "text", "arguments_delta": "arguments", "thought_signature": "signature"}
_NOTHING: JsonObject = {}


@dataclass(slots=True)
class Stream:
    """What one event stream said."""

    events: list[Timed] = field(default_factory=list)
    ended: bool = False
    """A terminal event was seen: the interaction's end, a terminal status, or an error."""
    failure: JsonObject | None = None
    dialects: list[DialectName] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    unknown_events: dict[str, None] = field(default_factory=dict)
    kept: list[tuple[int, Json]] = field(default_factory=list)
    """What has no place in the record otherwise, with the number of its event, from 1."""
    notes: list[str] = field(default_factory=list)
    told: list[Timed] = field(default_factory=list)
    """The events that speak of the interaction itself."""
    usages: list[tuple[int, JsonObject]] = field(default_factory=list)
    """Token counts that came on the way, under current names, each with the number of its event."""
    values: int = 0
    _assembled: Assembled = field(default_factory=Assembled)
    _pace: Pace = field(default_factory=Pace)

    def steps(self) -> tuple[list[JsonObject], list[JsonObject]]:
        """What the parts make so far, and the list that the last event brought, if it did."""
        return self._assembled.after(self.events)

    def pace(self) -> Pace:
        """When the events came."""
        self._pace.catch_up(self.events)
        return self._pace


class StreamReader:
    """The events of a body in server-sent framing, or with one JSON object a line; a body that grows is read on."""

    def __init__(self) -> None:
        self._stream = Stream()
        self._parser = sse.SseParser(sse.MAX_EVENT_BYTES)
        self._fed = 0
        self._reached = 0
        self._chunk = 0
        self._chunk_end = 0
        self._stopped: str | None = None
        """Why the rest is not read."""

    def read(self, body: bytes, chunks: Sequence[Chunk], *, over: bool) -> Stream:
        """What the body says, which begins with what was given before. Never raises.

        Unless it is `over`, it may end within an event, which is left for later.
        """
        if self._stopped is None:
            fresh = body[self._fed :] if self._fed else body
            self._fed = len(body)
            self._feed(fresh, chunks, over)
        if over:
            self._end(len(body))
        return self._stream

    def _feed(self, data: bytes, chunks: Sequence[Chunk], over: bool) -> None:
        stream, last = self._stream, len(chunks) - 1
        place, end = self._chunk, self._chunk_end or (chunks[0].size if chunks else 0)
        try:
            for sent in self._sent(data, over):
                while place < last and end < sent.end:
                    place += 1
                    end += chunks[place].size
                if not _take(stream, sent, chunks[place].at_us if chunks else None):
                    self._stopped = f"the stream was read up to event {len(stream.events)}:"
                    break
                self._reached = sent.end
        except WireError as error:
            self._stopped = f"event {len(stream.events) + 1}: {error};"
        self._chunk, self._chunk_end = place, end

    def _sent(self, data: bytes, over: bool) -> Iterator[ServerSentEvent]:
        yield from self._parser.scan(data)
        if over:
            yield from self._parser.close()

    def _end(self, size: int) -> None:
        kept, notes = self._stream.kept, self._stream.notes
        if self._stopped is not None:
            notes.append(f"{self._stopped} {size - self._reached} bytes more are kept")
        if len(kept) > MAX_KEPT:
            last_kept = kept.pop()[0]
            notes.append(f"from event {last_kept} on, what no table knows is counted only; its bytes are kept")
        if (more := len(notes) - MAX_NOTES) > 0:
            notes[MAX_NOTES:] = [f"{more} more notes of the same stream were left out"]


def _take(stream: Stream, sent: ServerSentEvent, at_us: int | None) -> bool:
    # False once the stream has more than is read of one.
    data = sent.data
    if data == sse.DONE or (len(data) < 20 and data.strip() == sse.DONE):
        return True
    if len(stream.events) >= MAX_EVENTS or stream.values > MAX_VALUES:
        return False
    payload = load(data)
    if not isinstance(payload, dict):
        _keep_unread(stream, sent, payload, at_us)
        return True
    event_id = payload.get("event_id")
    if type(event_id) is not str or not event_id:
        event_id = None
    piece = _read_piece(stream, payload)
    if piece is not None:
        stream.events.append(Timed(piece, at_us, event_id))
        return True
    event = _read(stream, sent, payload)
    timed = Timed(event, at_us, event_id)
    stream.events.append(timed)
    if isinstance(event, InteractionCreated | InteractionEnded | StatusUpdated):
        stream.told.append(timed)
    stream.usages += [(len(stream.events), usage) for usage in _usages(event, payload)]
    return True


def _read_piece(stream: Stream, payload: JsonObject) -> StepDelta | None:
    # Most events of a stream are a piece of text and nothing else, which means the same in every dialect.
    try:
        delta, index = payload["delta"], payload["index"]
        piece = delta[_PIECES[delta["type"]]]
        dialect = _DELTAS[payload["event_type"]]
    except (KeyError, TypeError):
        return None
    alone = len(delta) == 2 and len(payload) == 3 + ("event_id" in payload)
    if not alone or type(piece) is not str or type(index) is not int or index < 0:
        return None
    if dialect not in stream.dialects:
        stream.dialects.append(dialect)
    return StepDelta(index, delta, _NOTHING)


def _keep_unread(stream: Stream, sent: ServerSentEvent, payload: Json, at_us: int | None) -> None:
    number = len(stream.events) + 1
    reason = payload.reason if isinstance(payload, Unparsed) else "JSON, but no object"
    size = len(sent.data.encode("utf-8", "replace"))
    stream.notes.append(f"event {number}, which ends at byte {sent.end}, is {reason}: {size} bytes kept")
    stream.unknown_events[sent.name or "(no name)"] = None
    _keep(stream, number, sent.data[:_LONGEST_TEXT] if isinstance(payload, Unparsed) else payload)
    stream.events.append(Timed(Unrecognised(sent.name, sent.data[:_LONGEST_TEXT]), at_us, None))


def _keep(stream: Stream, number: int, payload: Json) -> None:
    if len(stream.kept) <= MAX_KEPT:
        stream.kept.append((number, payload))


def _read(stream: Stream, sent: ServerSentEvent, payload: JsonObject) -> StreamEvent:
    stream.values += weight(sent.data)
    if "event_type" not in payload:
        if sent.bare and "error" in payload:
            number = len(stream.events) + 1
            stream.notes.append(f"event {number} is an error in a bare line of the stream, which clients ignore")
            return _failed(stream, StreamFailed(error_of(payload)))
        if sent.name is not None:
            payload = {"event_type": sent.name, **payload}
    dialect = detect(payload)
    if dialect != "unknown" and dialect not in stream.dialects:
        stream.dialects.append(dialect)
    event = reader(dialect).read_event(payload)
    # By name; those that are named after a status, by what they say.
    kind = KIND_OF.get(str(payload.get("event_type"))) or _KINDS.get(type(event))
    if kind is None:
        stream.unknown_events[str(payload.get("event_type", "(no name)"))] = None
        _keep(stream, len(stream.events) + 1, payload)
        return event
    found, homeless = unknown.in_event(kind, payload)
    stream.unknown_fields |= found
    if isinstance(event, Unrecognised) or homeless is not None:
        # Of a type that has no meaning here, or without what its type must have.
        _keep(stream, len(stream.events) + 1, payload if isinstance(event, Unrecognised) else homeless)
    if isinstance(event, StreamFailed):
        return _failed(stream, event)
    if isinstance(event, InteractionEnded) or (isinstance(event, StatusUpdated) and event.status in TERMINAL_STATUSES):
        stream.ended = True
    return event


def _failed(stream: Stream, event: StreamFailed) -> StreamFailed:
    stream.ended, stream.failure = True, event.error
    return event


def _usages(event: StreamEvent, payload: JsonObject) -> list[JsonObject]:
    metadata = payload.get("metadata")
    told = [metadata.get("usage"), metadata.get("total_usage")] if isinstance(metadata, dict) else []
    told.append(payload.get("usage"))
    if isinstance(event, InteractionCreated | InteractionEnded):
        told.append(event.fields.get("usage"))
    return [current_usage(usage) for usage in told if isinstance(usage, dict)]
