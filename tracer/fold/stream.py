"""The events of one response body, each with the time of the chunk that completed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

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


class Timed(NamedTuple):
    """An event and where it stood."""

    event: StreamEvent
    at_us: int | None
    """Relative to its exchange's start; None if the chunks' times are not known."""
    event_id: str | None
    usages: Sequence[JsonObject]
    """Token counts that came with the event, under current names; an interaction's own is the last."""


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
    values: int = 0


def read_stream(body: bytes, chunks: Sequence[Chunk]) -> Stream:
    """The events of a body in server-sent framing, or with one JSON object a line. Never raises."""
    stream = Stream()
    ends = list(accumulate(chunk.size for chunk in chunks))
    place, last, reached = 0, len(chunks) - 1, 0
    try:
        for sent in sse.events(body, sse.MAX_EVENT_BYTES):
            while place < last and ends[place] < sent.end:
                place += 1
            if not _take(stream, sent, chunks[place].at_us if chunks else None):
                rest = len(body) - reached
                stream.notes.append(f"the stream was read up to event {len(stream.events)}: {rest} bytes more are kept")
                break
            reached = sent.end
    except WireError as error:
        number = len(stream.events) + 1
        stream.notes.append(f"event {number}: {error}; {len(body) - reached} bytes more are kept")
    if len(stream.kept) > MAX_KEPT:
        last_kept = stream.kept.pop()[0]
        stream.notes.append(f"from event {last_kept} on, what no table knows is counted only; its bytes are kept")
    if (more := len(stream.notes) - MAX_NOTES) > 0:
        stream.notes[MAX_NOTES:] = [f"{more} more notes of the same stream were left out"]
    return stream


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
        stream.events.append(Timed(piece, at_us, event_id, ()))
        return True
    event = _read(stream, sent, payload)
    stream.events.append(Timed(event, at_us, event_id, _usages(event, payload)))
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
    stream.events.append(Timed(Unrecognised(sent.name, sent.data[:_LONGEST_TEXT]), at_us, None, ()))


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
