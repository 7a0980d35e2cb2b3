"""Exchanges -> what happened when: requests, the steps of a stream, gaps, and the time that the app took for itself.

All times are microseconds after the first request of what is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from tracer.dialects import DialectName, detect, reader
from tracer.events import StepDelta, StepStarted, StepStopped, StreamFailed
from tracer.store.rows import InteractionRow
from tracer.wire.exchange import Exchange
from tui.data import Whole
from tui.raw import is_stream, timed_events
from tui.text import duration

type SpanKind = Literal["request", "step", "thought", "tool", "app", "gap", "turn", "failed"]

GAP_US = 250_000
"""A shorter silence in a stream is no gap."""
GAP_PART = 0.08
"""Nor is one that takes less than this part of the whole."""
POLLS_FROM = 4
"""So many like requests in a row stand on one line."""
PAYLOAD_CHARACTERS = 2_000


@dataclass(slots=True)
class Span:
    """One bar."""

    kind: SpanKind
    label: str
    start_us: int
    end_us: int
    waited_us: int = 0
    """Of its beginning, until the first byte or output."""
    note: str = ""
    marks: list[int] = field(default_factory=list)
    """When its pieces came."""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at an instant."""

    at_us: int
    name: str
    text: str
    step: tuple[int, int] | None = None
    """Exchange and step that it belongs to."""
    said: int = 0
    """Characters of its step's text so far."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars from top to bottom, moments by time."""

    spans: list[Span]
    moments: list[Moment]
    texts: dict[tuple[int, int], str]
    """Whole text of each step; a moment says how much of it was there."""
    end_us: int


def timeline(whole: Whole, family: Sequence[InteractionRow] = ()) -> Timeline:
    """One interaction: its requests, what its streams said, and the wait for the next turn."""
    if not whole.exchanges:
        return Timeline([], [], {}, 0)
    origin = whole.exchanges[0].started_at_us
    spans: list[Span] = []
    moments: list[Moment] = []
    texts: dict[tuple[int, int], str] = {}
    for _, alike in groupby(enumerate(whole.exchanges), key=lambda pair: _like(pair[1])):
        group = list(alike)
        if len(group) >= POLLS_FROM:
            spans.append(_polls([exchange for _, exchange in group], origin))
            moments += [_moment(exchange, origin) for _, exchange in group]
            continue
        for number, exchange in group:
            spans.append(_request(exchange, origin))
            moments += _edges(exchange, origin)
            if is_stream(exchange):
                steps = _Stream(exchange, number, origin)
                spans += steps.spans()
                moments += steps.moments
                texts |= {place: "".join(pieces) for place, pieces in steps.texts.items()}
    end = max([span.end_us for span in spans])
    if (app := _app_time(whole.row, family, origin, end)) is not None:
        spans.append(app)
    moments.sort(key=lambda moment: moment.at_us)
    end = max([end, *(span.end_us for span in spans), *(moment.at_us for moment in moments)])
    return Timeline(spans + _gaps(whole.exchanges, origin, end, spans), moments, texts, max(end, 1))


def branch(row: InteractionRow, family: Iterable[InteractionRow]) -> Timeline:
    """The turns from the root to an interaction and on to its newest leaf, with what the app did between them."""
    by_key = {other.key: other for other in family if not other.ghost}
    by_key[row.key] = row
    newest = {other.parent_key: other for other in sorted(by_key.values(), key=lambda other: other.started_at_us)}
    chain: list[InteractionRow] = []
    at: InteractionRow | None = row
    while at is not None and at not in chain:
        chain.append(at)
        at = by_key.get(at.parent_key or "")
    chain.reverse()
    while (after := newest.get(chain[-1].key)) is not None and after not in chain:
        chain.append(after)
    origin = chain[0].started_at_us
    spans: list[Span] = []
    for before, turn in zip([None, *chain[:-1]], chain, strict=True):
        start = turn.started_at_us - origin
        if before is not None and (ended := before.started_at_us - origin + (before.duration_us or 0)) < start:
            tools = f"app runs {before.tools}" if before.tools else "app, or its user"
            spans.append(Span("app", tools, ended, start, note=duration(start - ended)))
        failed = turn.state == "error" or turn.status == "failed"
        took = turn.duration_us or 0
        waited = min(turn.first_output_us or 0, took) if turn.stream else 0
        note = duration(turn.duration_us)
        spans.append(Span("failed" if failed else "turn", turn.prompt or "no input", start, start + took, waited, note))
    moments = [Moment(span.start_us, span.kind, span.label) for span in spans]
    return Timeline(spans, moments, {}, max(1, *(span.end_us for span in spans)))


def _like(exchange: Exchange) -> tuple[str, str, int | None]:
    return exchange.method, exchange.path, exchange.status


def _ended(exchange: Exchange) -> int:
    if exchange.ended_at_us is not None:
        return exchange.ended_at_us
    return exchange.chunks[-1].at_us if exchange.chunks else exchange.headers_at_us or 0


def _request(exchange: Exchange, origin: int) -> Span:
    start = exchange.started_at_us - origin
    waited = exchange.chunks[0].at_us if exchange.chunks else _ended(exchange)
    failed = exchange.status is None or exchange.status >= 400
    said = str(exchange.status or exchange.outcome)
    note = f"{said} · {duration(_ended(exchange))}"
    if exchange.chunks and _ended(exchange) - waited > 1_000:
        note += f" · first byte {duration(waited)}"
    label = f"{exchange.method} {exchange.path}"
    return Span("failed" if failed else "request", label, start, start + _ended(exchange), waited, note)


def _polls(exchanges: Sequence[Exchange], origin: int) -> Span:
    first, last = exchanges[0], exchanges[-1]
    marks = [exchange.started_at_us - origin for exchange in exchanges]
    label = f"{first.method} x{len(exchanges)} {first.path}"
    end = last.started_at_us - origin + _ended(last)
    return Span("request", label, marks[0], end, 0, f"{first.status} · {len(exchanges)} polls", marks)


def _moment(exchange: Exchange, origin: int) -> Moment:
    return Moment(
        exchange.started_at_us - origin, exchange.method, f"{exchange.path} -> {exchange.status or exchange.outcome}"
    )


def _edges(exchange: Exchange, origin: int) -> Iterator[Moment]:
    start = exchange.started_at_us - origin
    yield Moment(start, "request", f"{exchange.method} {exchange.path}, {exchange.request_size:,} bytes")
    if exchange.headers_at_us is not None:
        yield Moment(start + exchange.headers_at_us, "headers", f"{exchange.status}")
    if exchange.ended_at_us is not None:
        yield Moment(start + exchange.ended_at_us, "end", f"{exchange.outcome}, {exchange.response_size:,} bytes")


class _Stream:
    """The events of one response, sorted into steps."""

    def __init__(self, exchange: Exchange, number: int, origin: int) -> None:
        self.moments: list[Moment] = []
        self.texts: dict[tuple[int, int], list[str]] = {}
        self._steps: dict[tuple[int, int], Span] = {}
        self._lengths: dict[tuple[int, int], int] = {}
        start = exchange.started_at_us - origin
        dialect: DialectName = "unknown"
        for event in timed_events(exchange):
            at = start + (event.at_us or 0)
            place = None
            if isinstance(event.payload, dict):
                told = detect(event.payload)
                dialect = told if told != "unknown" else dialect
                place = self._take(number, at, reader(dialect).read_event(event.payload))
            text = event.payload if isinstance(event.payload, str) else json.dumps(event.payload, ensure_ascii=False)
            said = self._lengths.get(place, 0) if place else 0
            self.moments.append(Moment(at, event.name, text[:PAYLOAD_CHARACTERS], place, said))

    def _take(self, number: int, at: int, event: Any) -> tuple[int, int] | None:
        if isinstance(event, StreamFailed):
            self._steps[number, -1] = Span("failed", "error", at, at, note=str(event.error.get("message", "")))
        if not isinstance(event, StepStarted | StepDelta | StepStopped):
            return None
        place = (number, event.index)
        span = self._steps.get(place)
        if span is None:
            span = self._steps[place] = Span("step", f"step [{event.index}]", at, at)
            self.texts[place], self._lengths[place] = [], 0
        span.end_us = at
        if isinstance(event, StepStarted):
            kind = str(event.step.get("type", "step"))
            name = event.step.get("name")
            span.label = f"{kind} [{event.index}]" + (f" {name}" if name else "")
            span.kind = "thought" if kind == "thought" else "tool" if kind.endswith(("_call", "_result")) else "step"
        elif isinstance(event, StepDelta):
            span.marks.append(at)
            said = _said(event.delta)
            self.texts[place].append(said)
            self._lengths[place] += len(said)
        return place

    def spans(self) -> list[Span]:
        """The steps by start, with how long they took and in how many pieces."""
        for span in self._steps.values():
            if not span.note:
                pieces = len(span.marks)
                span.note = duration(span.end_us - span.start_us)
                span.note += f" · {pieces} piece{'' if pieces == 1 else 's'}" if pieces else ""
            span.depth = 1
        return sorted(self._steps.values(), key=lambda span: span.start_us)


def _said(delta: dict[str, Any]) -> str:
    for name in ("text", "arguments", "partial_arguments", "content"):
        said = delta.get(name)
        if isinstance(said, dict):
            said = said.get("text")
        if isinstance(said, str):
            return said
    return ""


def _app_time(row: InteractionRow, family: Sequence[InteractionRow], origin: int, end: int) -> Span | None:
    starts = [other.started_at_us - origin for other in family if other.parent_key == row.key and not other.ghost]
    later = [start for start in starts if start >= end]
    if not later or not row.tools:
        return None
    return Span("app", f"app runs {row.tools}", end, min(later), note=f"{duration(min(later) - end)} outside")


def _gaps(exchanges: Sequence[Exchange], origin: int, end: int, spans: Sequence[Span]) -> list[Span]:
    """Silences of streams; one between the call and the result of a tool at the service is named after it."""
    served = {span.end_us: span.label.partition("_call")[0] for span in spans if "_call [" in span.label}
    served = {at: name for at, name in served.items() if name != "function"}
    least = max(GAP_US, round(end * GAP_PART))
    gaps = []
    for exchange in exchanges:
        if not is_stream(exchange):
            continue
        start = exchange.started_at_us - origin
        for before, after in zip(exchange.chunks, exchange.chunks[1:], strict=False):
            if after.at_us - before.at_us >= least:
                took = duration(after.at_us - before.at_us)
                name = served.get(start + before.at_us)
                label = f"{name} at the service" if name else "silence"
                gaps.append(Span("gap", label, start + before.at_us, start + after.at_us, note=took, depth=1))
    return gaps
