"""The events of a recorded stream, each with the time of the chunk that completed it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tracer.cli.rendering import clean, cut, line_width, milliseconds, one_line, width
from tracer.errors import WireError
from tracer.wire.exchange import Exchange
from tracer.wire.sse import SseParser

_DATA_CELLS = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    exchange: str
    number: int
    at_us: int | None
    """Since the start of the exchange; None for a recording without times."""
    name: str | None
    data: str

    def as_json(self) -> dict[str, Any]:
        """One JSON object; `data` is parsed where it is JSON."""
        at_ms = None if self.at_us is None else self.at_us / 1000
        try:
            data = json.loads(self.data)
        except (ValueError, RecursionError):
            data = self.data
        return {"exchange": self.exchange, "number": self.number, "at_ms": at_ms, "event": self.name, "data": data}


def events(exchange: Exchange) -> list[Event]:
    """The events of a response; none if it was no stream. What follows an oversized event is left out."""
    if "event-stream" not in (exchange.response_header("content-type") or ""):
        return []
    ends = list(accumulate(chunk.size for chunk in exchange.chunks))
    parser = SseParser()
    try:
        sent = [*parser.feed(exchange.response_body), *parser.close()]
    except WireError:
        sent = []
    found: list[Event] = []
    place = 0
    for number, one in enumerate(sent, 1):
        while place < len(ends) - 1 and ends[place] < one.end:
            place += 1
        at_us = exchange.chunks[place].at_us if ends else None
        found.append(Event(exchange.key, number, at_us, one.name, one.data))
    return found


def page(exchange: Exchange, found: Sequence[Event]) -> list[str]:
    """A headline and a line for each event, safe for a terminal."""
    told = "no response" if exchange.status is None else str(exchange.status)
    lines = [one_line(f"{exchange.method} {exchange.path} -> {told}" + ("" if found else ", no stream"))]
    before = 0
    for event in found:
        gap = "" if event.at_us is None else f"+{milliseconds((event.at_us - before) / 1000)}"
        at = "" if event.at_us is None else milliseconds(event.at_us / 1000)
        before = event.at_us or 0
        head = f"  {event.number:>4}  {at:>9}  {gap:>9}  {one_line(event.name or ''):<26}  "
        available = line_width()
        room = _DATA_CELLS if available is None else max(12, available - width(head))
        lines.append(head + cut(clean(" ".join(event.data.split())), room))
    return lines
