"""Exchanges -> documents: the request and the response as they crossed, the events of a stream with their times."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tracer.errors import WireError
from tracer.wire import sse
from tracer.wire.exchange import Chunk, Exchange
from tui.document import Document, Node, add_body, add_json, closed

GROUP_FROM = 3
"""So many deltas of one step in a row are folded into one line."""
_STREAM_STARTS = (b"event:", b"data:", b":", b"id:", b"retry:")


class TimedEvent(NamedTuple):
    """One server-sent event; `at_us` is when its last byte arrived, relative to the exchange's start."""

    name: str
    payload: Any
    """Parsed, or the text if it is no JSON."""
    at_us: int | None
    size: int


def is_stream(exchange: Exchange) -> bool:
    """Whether the response is a stream of events."""
    told = (exchange.response_header("content-type") or "").lower()
    return "event-stream" in told or exchange.response_body.startswith(_STREAM_STARTS)


def timed_events(exchange: Exchange) -> Iterator[TimedEvent]:
    """The events of a response, as far as they can be read."""
    ends = list(accumulate(chunk.size for chunk in exchange.chunks))
    begin = 0
    try:
        for event in sse.events(exchange.response_body):
            payload = _parsed(event.data)
            name = payload.get("event_type") if isinstance(payload, dict) else None
            at_us = _arrival(exchange.chunks, ends, event.end)
            yield TimedEvent(str(name or event.name or "data"), payload, at_us, event.end - begin)
            begin = event.end
    except WireError:
        return


def _arrival(chunks: Sequence[Chunk], ends: list[int], end: int) -> int | None:
    at = bisect_left(ends, end)
    return chunks[min(at, len(chunks) - 1)].at_us if chunks else None


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def request_document(exchange: Exchange) -> Document:
    """What was sent: line, headers (folded), body."""
    query = f"?{urlencode(exchange.query)}" if exchange.query else ""
    nodes = [Node(0, "heading", exchange.method, f"{exchange.path}{query}", 0)]
    nodes.append(Node(0, "header", "to", exchange.origin, 1))
    folded = _headers(nodes, "request headers", exchange.request_headers)
    if exchange.request_body:
        add_body(nodes, exchange.request_body)
    return Document(nodes, folded)


def response_document(exchange: Exchange) -> Document:
    """What came back: status, headers (folded), body or events (each folded)."""
    nodes: list[Node] = []
    if exchange.status is None:
        nodes.append(Node(0, "note", None, f"no response: {exchange.error or exchange.outcome}", 0))
        return Document(nodes)
    kind = (exchange.response_header("content-type") or "").partition(";")[0]
    took = f"   {exchange.ended_at_us / 1e6:.3f}s" if exchange.ended_at_us is not None else "   running"
    nodes.append(Node(0, "heading", str(exchange.status), f"{kind}{took}   {exchange.response_size:,} bytes", 0))
    folded = _headers(nodes, "response headers", exchange.response_headers)
    if is_stream(exchange):
        folded += _events(nodes, list(timed_events(exchange)))
    elif exchange.response_body:
        add_body(nodes, exchange.response_body)
    if exchange.error:
        nodes.append(Node(0, "note", None, f"{exchange.outcome}: {exchange.error}", len(nodes)))
    for note in exchange.notes:
        nodes.append(Node(0, "note", None, note, len(nodes)))
    return Document(nodes, folded)


def record_document(record: dict[str, Any]) -> Document:
    """The normalised record."""
    nodes = [Node(0, "heading", "record", f"dialect {record['dialect']}, as `tracer show --json` prints it", 0)]
    add_json(nodes, record)
    return Document(nodes)


def _headers(nodes: list[Node], title: str, headers: Sequence[tuple[str, str]]) -> list[int]:
    if not headers:
        return []
    opened = len(nodes)
    nodes.append(Node(0, "heading", title, None, opened))
    nodes += [Node(1, "header", name, value, opened + 1 + at) for at, (name, value) in enumerate(headers)]
    closed(nodes, opened, len(headers))
    return [opened]


def _events(nodes: list[Node], events: list[TimedEvent]) -> list[int]:
    folded: list[int] = []
    at = 0
    while at < len(events):
        last = at + 1
        while last < len(events) and _same_delta(events[at], events[last]):
            last += 1
        if last - at >= GROUP_FROM:
            folded.append(len(nodes))
            opened = len(nodes)
            span = f"{_seconds(events[at].at_us)} … {_seconds(events[last - 1].at_us)}"
            nodes.append(Node(0, "event", f"{events[at].name} x{last - at}", (_place(events[at]), span), opened))
            folded.extend(_event(nodes, event, 1) for event in events[at:last])
            closed(nodes, opened, last - at)
        else:
            folded += [_event(nodes, event, 0) for event in events[at:last]]
        at = last
    return folded


def _event(nodes: list[Node], event: TimedEvent, depth: int) -> int:
    opened = len(nodes)
    nodes.append(Node(depth, "event", event.name, (_gist(event), _seconds(event.at_us)), opened))
    if isinstance(event.payload, str):
        nodes.append(Node(depth + 1, "text", None, event.payload, len(nodes)))
    else:
        add_json(nodes, event.payload, depth + 1)
    closed(nodes, opened)
    return opened


def _same_delta(first: TimedEvent, other: TimedEvent) -> bool:
    return first.name.endswith(".delta") and first.name == other.name and _place(first) == _place(other)


def _place(event: TimedEvent) -> str:
    if not isinstance(event.payload, dict) or "index" not in event.payload:
        return ""
    delta = event.payload.get("delta")
    kind = delta.get("type", "") if isinstance(delta, dict) else ""
    return f"[{event.payload['index']}] {kind}".rstrip()


def _gist(event: TimedEvent) -> str:
    """What an event says, in a few words."""
    payload = event.payload
    if not isinstance(payload, dict):
        return str(payload)[:200]
    for name in ("delta", "step", "content", "interaction", "error"):
        inner = payload.get(name)
        if isinstance(inner, dict):
            said = inner.get("text") or inner.get("arguments") or inner.get("status") or inner.get("message")
            place, kind = _place(event), str(inner.get("type", ""))
            said = json.dumps(said, ensure_ascii=False)[:200] if said else "" if place.endswith(f" {kind}") else kind
            return f"{place} {said}".strip()
    return str(payload.get("status") or _place(event))


def _seconds(at_us: int | None) -> str:
    return "" if at_us is None else f"+{at_us / 1e6:.3f}"
