"""What a service that holds the recorded interactions says when one is asked for in a way that was not recorded.

A get (with or without its input), a resume, a cancel or a delete of an interaction that the app has been given is
answered from everything that was recorded of it. A job whose end was never recorded stays unknown: answering
`in_progress` for ever would keep the app polling.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tracer.dialects import DIALECTS, detect, reader
from tracer.dialects.base import Dialect
from tracer.errors import WireError
from tracer.events import InteractionCreated, InteractionEnded, JsonObject, Snapshot
from tracer.normalize import normalize
from tracer.player.failures import error_reply, json_reply
from tracer.player.matching import Request
from tracer.player.reply import Reply, ReplyChunk
from tracer.player.stream import Pace, payloads, sse_reply, stream_events
from tracer.wire import routes, sse
from tracer.wire.exchange import Exchange

GONE = error_reply(404, "not_found", "Interaction not found.")
_UNFINISHED = ("queued", "in_progress")
_TERMINAL = ("interaction.completed", "interaction.complete")


def about(target: str, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges that tell of an interaction, in their order; none of them an error."""
    named = json.dumps(target).encode()
    found: list[Exchange] = []
    for exchange in exchanges:
        route = routes.match(exchange.method, exchange.path, exchange.query)
        if route is None or exchange.status != 200 or not exchange.response_body:
            continue
        made = route.operation == "create" and named in exchange.response_body and normalize([exchange]).id == target
        if made or route.interaction_id == target:
            found.append(exchange)
    return found


def recalled(request: Request, told: Sequence[Exchange]) -> Reply | None:
    """The reply to a request, from what was `told` of its target; None if that does not say."""
    if not told:
        return None
    match request.operation:
        case "get":
            return _got(told, include_input=("include_input", "true") in request.query)
        case "resume":
            return _resumed(told, dict(request.query).get("last_event_id"))
        case "delete":
            return json_reply(200, {})
        case "cancel":
            return _cancelled(told)
    return None


def _got(told: Sequence[Exchange], *, include_input: bool) -> Reply | None:
    dialect, fields = _said(told)
    if fields.get("status") in (None, *_UNFINISHED):
        return None
    record = normalize(told)
    given, made = ([step.model_dump(mode="json") for step in steps] for steps in (record.input, record.output))
    if include_input:
        fields = {**fields, "input": given}
    return json_reply(200, dialect.write_body(Snapshot(fields, [*given, *made] if dialect.name == "steps" else made)))


def _resumed(told: Sequence[Exchange], last_event_id: str | None) -> Reply | None:
    events: dict[str, bytes] = {}
    ended = False
    for exchange in told:
        for event in _events(exchange):
            payload = _parsed(event.data)
            if payload and isinstance(name := payload.get("event_id"), str):
                events.setdefault(name, sse.encode(event.data, event.name))
                ended = ended or payload.get("event_type") in _TERMINAL
    if not events:
        return _streamed(told) if last_event_id is None else None
    if last_event_id is not None and last_event_id not in events:
        return None
    names = list(events)
    rest = [events[name] for name in names[names.index(last_event_id) + 1 if last_event_id else 0 :]]
    pieces = [*rest, sse.encode_done()] if ended else rest
    headers = (("content-type", "text/event-stream"),)
    return Reply(200, headers, tuple(ReplyChunk(0, piece) for piece in pieces), cut=not ended)


def _streamed(told: Sequence[Exchange]) -> Reply | None:
    # Recorded without a stream, it is asked for as one.
    dialect, fields = _said(told)
    if fields.get("status") in (None, *_UNFINISHED):
        return None
    steps = [step.model_dump(mode="json") for step in normalize(told).output]
    opened: JsonObject = {"status": "in_progress"}
    opened |= {name: fields[name] for name in ("id", "object", "model", "agent", "role") if name in fields}
    events = stream_events(opened, steps, fields)
    return sse_reply(payloads(events, dialect), Pace(0, 0), dialect)


def _cancelled(told: Sequence[Exchange]) -> Reply | None:
    if not normalize(told).background:
        return error_reply(400, "failed_precondition", "Only background interactions can be cancelled.")
    dialect, fields = _said(told[:1])
    return json_reply(200, dialect.write_body(Snapshot({**fields, "status": "cancelled"}, [])))


def _said(told: Sequence[Exchange]) -> tuple[Dialect, JsonObject]:
    """The dialect of an interaction, and its fields as they were said last."""
    known = reader("unknown")
    fields: JsonObject = {}
    for exchange in told:
        for payload in _payloads(exchange):
            name = detect(payload)
            known = DIALECTS.get(name, known)
            if "event_type" not in payload:
                fields |= known.read_body(payload).fields
                continue
            event = known.read_event(payload)
            if isinstance(event, InteractionCreated | InteractionEnded):
                fields |= event.fields
    fields.pop("input", None)
    return known, fields


def _payloads(exchange: Exchange) -> Iterator[JsonObject]:
    texts: list[str | bytes] = [event.data for event in _events(exchange)]
    for text in texts or [exchange.response_body]:
        if payload := _parsed(text):
            yield payload


def _events(exchange: Exchange) -> list[sse.ServerSentEvent]:
    if "event-stream" not in (exchange.response_header("content-type") or ""):
        return []
    try:
        return list(sse.SseParser().feed(exchange.response_body))
    except WireError:
        return []


def _parsed(text: str | bytes) -> JsonObject | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
