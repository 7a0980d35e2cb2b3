"""The events of one response body, each with the time of the chunk that completed it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from tracer.dialects import DialectName, detect, reader
from tracer.dialects.table import error_of
from tracer.dialects.words import DELTA_FIELDS, EVENT_FIELDS, KNOWN_DELTAS, LOOSE_DELTAS, TERMINAL_STATUSES
from tracer.errors import WireError
from tracer.events import (
    InteractionEnded,
    JsonObject,
    StatusUpdated,
    StepDelta,
    StreamEvent,
    StreamFailed,
    Unrecognised,
)
from tracer.fold.parse import Unparsed, load
from tracer.wire.exchange import Chunk
from tracer.wire.sse import DONE, ServerSentEvent, SseParser


class Timed(NamedTuple):
    """An event and where it stood."""

    event: StreamEvent
    at_us: int | None
    """Relative to its exchange's start; None if the chunks' times are not known."""
    event_id: str | None
    usage: JsonObject | None
    """A running total that came with the event."""


@dataclass(slots=True)
class Stream:
    """What one event stream said."""

    events: list[Timed] = field(default_factory=list)
    done: bool = False
    """The end marker was seen."""
    ended: bool = False
    """A terminal event was seen: the interaction's end, a terminal status, or an error."""
    failure: JsonObject | None = None
    dialects: list[DialectName] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    unknown_events: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_stream(body: bytes, chunks: Sequence[Chunk]) -> Stream:
    """The events of a body in server-sent framing, or with one JSON object a line. Never raises."""
    stream = Stream()
    parser = SseParser()
    try:
        found = [*parser.feed(body), *parser.close()]
    except WireError as error:
        stream.notes.append(str(error))
        return stream
    ends = list(accumulate(chunk.size for chunk in chunks))
    for sent in found:
        at_us = chunks[min(bisect_left(ends, sent.end), len(chunks) - 1)].at_us if chunks else None
        _take(stream, sent, at_us)
    return stream


def _take(stream: Stream, sent: ServerSentEvent, at_us: int | None) -> None:
    if sent.data.strip() == DONE:
        stream.done = True
        return
    payload = load(sent.data)
    if not isinstance(payload, dict):
        reason = payload.reason if isinstance(payload, Unparsed) else "not an object"
        size = len(sent.data.encode("utf-8", "replace"))
        stream.notes.append(f"the event that ends at byte {sent.end} is {reason}: {size} bytes kept")
        stream.unknown_events[sent.name or "(no name)"] = None
        stream.events.append(Timed(Unrecognised(sent.name, sent.data), at_us, None, None))
        return
    event = _read(stream, sent, payload)
    event_id = payload.get("event_id")
    usage = _running_usage(payload) if "usage" in payload or "metadata" in payload else None
    stream.events.append(Timed(event, at_us, event_id if isinstance(event_id, str) else None, usage))


def _read(stream: Stream, sent: ServerSentEvent, payload: JsonObject) -> StreamEvent:
    if "event_type" not in payload:
        if sent.bare and "error" in payload:
            stream.notes.append("an error stood in the stream as a bare line, which clients ignore")
            return _failed(stream, StreamFailed(error_of(payload)))
        if sent.name is not None:
            payload = {"event_type": sent.name, **payload}
    dialect = detect(payload)
    if dialect != "unknown" and dialect not in stream.dialects:
        stream.dialects.append(dialect)
    event = reader(dialect).read_event(payload)
    if not payload.keys() <= EVENT_FIELDS and not isinstance(event, Unrecognised):
        stream.unknown_fields.update(f"{payload['event_type']}.{name}" for name in payload.keys() - EVENT_FIELDS)
    match event:
        case StepDelta():
            _check_delta(stream, event.delta)
        case InteractionEnded():
            stream.ended = True
        case StatusUpdated() if event.status in TERMINAL_STATUSES:
            stream.ended = True
        case StreamFailed():
            return _failed(stream, event)
        case Unrecognised():
            stream.unknown_events[event.name or "(no name)"] = None
        case _:
            pass
    return event


def _failed(stream: Stream, event: StreamFailed) -> StreamFailed:
    stream.ended, stream.failure = True, event.error
    return event


def _check_delta(stream: Stream, delta: JsonObject) -> None:
    kind = delta.get("type")
    if not isinstance(kind, str) or kind not in KNOWN_DELTAS:
        stream.unknown_fields.add(f"delta[type={kind}]")
    elif kind in LOOSE_DELTAS and not delta.keys() <= DELTA_FIELDS:
        stream.unknown_fields.update(f"delta.{name}" for name in delta.keys() - DELTA_FIELDS)


def _running_usage(payload: JsonObject) -> JsonObject | None:
    metadata = payload.get("metadata")
    told = [payload.get("usage")]
    if isinstance(metadata, dict):
        told += [metadata.get("total_usage"), metadata.get("usage")]
    return next((usage for usage in told if isinstance(usage, dict)), None)
