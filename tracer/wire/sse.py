"""Server-sent events, both ways (WIRE.md section 10; https://html.spec.whatwg.org/multipage/server-sent-events.html).

The parser takes bytes cut anywhere and returns whole events with the offset at which each ended, so that a chunk's
time can be given to it. It keeps what browsers drop: JSON without a field name is an event of its own
(js-genai#1973), since the service was seen to report refusals that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from tracer.errors import WireError

MAX_EVENT_BYTES = 128 * 1024 * 1024
MAX_EVENT_LINES = 100_000
DONE = "[DONE]"

_FRAME = re.compile(rb"(?:event: ?+([^\r\n]*+)\n)?data: ?+([^\r\n]*+)\n\n")
"""An event as the service frames it. What looks different is read line by line, with the same result."""
_NOTHING = re.compile(rb"(?::[^\r\n]*+\n|\n)++")
"""Comments and empty lines between events; some gateways send them all the time to keep a connection open."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LARGE = 64 * 1024


class ServerSentEvent(NamedTuple):
    """One event: its `event:` name if it had one, its joined `data:` lines, and where its bytes end in the body."""

    name: str | None
    data: str
    end: int
    bare: bool = False
    """The data was JSON without a field name, in one line or indented over several."""


class SseParser:
    """Bytes in, events out. Lines end in LF, CR LF or CR; comments, `id:` and `retry:` are skipped."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._position = 0
        self._skip_lf = False
        self._name: str | None = None
        self._data: list[str] = []
        self._data_size = 0
        self._bare: list[str] = []
        self._bare_end = 0

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete. Raises WireError once an event exceeds the limit."""
        return list(self.scan(data))

    def scan(self, data: bytes) -> Iterator[ServerSentEvent]:
        """`feed`, one event at a time; to be read to its end before the next bytes are given."""
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == 0x0A:
                data = data[1:]
                self._position += 1
        if self._pending and (b"\n" in data or b"\r" in data):
            data = b"".join([*self._pending, data])
            self._keep(b"")
        if self._pending:
            self._pending.append(data)
            self._pending_size += len(data)
        else:
            yield from self._scan_lines(data)
        if self._data_size + self._pending_size > self._limit:
            self._refuse()

    def close(self) -> list[ServerSentEvent]:
        """The events left when the body ends without a last empty line."""
        events: list[ServerSentEvent] = []
        rest = b"".join(self._pending)
        self._keep(b"")
        if rest:
            self._position += len(rest)
            events.extend(self._take_line(rest, self._position))
        events.extend(self._end_bare())
        events.extend(self._dispatch(self._position))
        return events

    def _scan_lines(self, data: bytes) -> Iterator[ServerSentEvent]:
        base, start = self._position, 0
        while True:
            if not self._data and not self._bare and self._name is None:
                if (nothing := _NOTHING.match(data, start)) is not None:
                    start = nothing.end()
                while (frame := _FRAME.match(data, start)) is not None:
                    begin, end = frame.span(2)
                    if end - begin > self._limit:
                        self._refuse()
                    start = end + 2
                    name = None if frame[1] is None else frame[1].decode("utf-8", "replace")
                    text = frame[2].decode("utf-8", "replace") if end - begin < _LARGE else _text(data, begin, end)
                    yield ServerSentEvent(name, text, base + start)
            found = _LINE_END.search(data, start)
            if found is None:
                break
            yield from self._take_line(data[start : found.start()], base + found.start() + 1)
            start = found.end()
            self._skip_lf = start == len(data) and data[-1] == 0x0D
            if self._data_size > self._limit:
                self._refuse()
            if len(self._data) + len(self._bare) > MAX_EVENT_LINES:
                raise WireError(f"a server-sent event exceeds {MAX_EVENT_LINES} lines; the stream was not read further")
        self._position = base + start
        self._keep(data[start:])

    def _refuse(self) -> None:
        raise WireError(f"a server-sent event exceeds {self._limit} bytes; the stream was not read further")

    def _keep(self, line: bytes) -> None:
        self._pending, self._pending_size = [line] if line else [], len(line)

    def _take_line(self, line: bytes, end: int) -> Iterator[ServerSentEvent]:
        if self._bare:
            if line.startswith((b" ", b"\t", b"}", b"]")):
                self._add_bare(line, end)
                return
            yield from self._end_bare()
        if not line:
            yield from self._dispatch(end)
            return
        field, _, value = line.partition(b":") if len(line) < _LARGE else (line[: line.find(b":")], b"", b"")
        if field == b"data":
            start = 6 if line[5:6] == b" " else 5
            self._data.append(_text(line, start, len(line)))
            self._data_size += len(line)
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif line.lstrip().startswith((b"{", b"[")):
            yield from self._dispatch(end - len(line) - 1)
            self._add_bare(line, end)

    def _add_bare(self, line: bytes, end: int) -> None:
        self._bare.append(line.decode("utf-8", "replace"))
        self._bare_end = end
        self._data_size += len(line)

    def _end_bare(self) -> list[ServerSentEvent]:
        bare, self._bare, self._data_size = self._bare, [], 0
        return [ServerSentEvent(None, "\n".join(bare), self._bare_end, bare=True)] if bare else []

    def _dispatch(self, end: int) -> list[ServerSentEvent]:
        name, data = self._name, self._data
        self._name, self._data, self._data_size = None, [], 0
        return [ServerSentEvent(name, "\n".join(data), end)] if data else []


def events(body: bytes, max_event_bytes: int = MAX_EVENT_BYTES) -> Iterator[ServerSentEvent]:
    """The events of a whole body, one at a time. Raises WireError once one exceeds the limit."""
    parser = SseParser(max_event_bytes)
    return chain(parser.scan(body), _late(parser))


def _late(parser: SseParser) -> Iterator[ServerSentEvent]:
    yield from parser.close()


def _text(data: bytes, start: int, end: int) -> str:
    # A picture may be one line of many megabytes: then the slice is worth avoiding.
    if end - start < _LARGE:
        return data[start:end].decode("utf-8", "replace")
    return str(memoryview(data)[start:end], "utf-8", "replace")


def encode(data: str, name: str | None = None) -> bytes:
    """An event's bytes as the service frames them: `event:`, `data:` per line, an empty line."""
    head = f"event: {name}\n" if name else ""
    body = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{head}{body}\n".encode()


def encode_done() -> bytes:
    """The service's end marker."""
    return encode(DONE, "done")
