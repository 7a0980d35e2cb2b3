"""Server-sent events, both ways (WIRE.md section 10; https://html.spec.whatwg.org/multipage/server-sent-events.html).

The parser takes bytes cut anywhere and returns whole events with the offset at which each ended, so that a chunk's
time can be given to it. It keeps what browsers drop: a bare JSON line without a field name is an event of its own
(js-genai#1973), since the service was seen to report refusals that way.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.errors import WireError

MAX_EVENT_BYTES = 128 * 1024 * 1024
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its `event:` name if it had one, its joined `data:` lines, and where its bytes end in the body."""

    name: str | None
    data: str
    end: int
    bare: bool = False
    """The data was a line without a field name."""


class SseParser:
    """Bytes in, events out. Lines end in LF, CR LF or CR; comments, `id:` and `retry:` are skipped."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._position = 0
        self._skip_lf = False
        self._name: str | None = None
        self._data: list[str] = []
        self._data_size = 0

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete. Raises WireError once an event exceeds the limit."""
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == 0x0A:
                data = data[1:]
                self._position += 1
        self._buffer += data
        events: list[ServerSentEvent] = []
        start = 0
        while (line := self._next_line(start)) is not None:
            content, end, start = line
            events.extend(self._take_line(content, self._position + end))
        del self._buffer[:start]
        self._position += start
        self._scanned = len(self._buffer)
        if self._data_size + len(self._buffer) > self._limit:
            raise WireError(f"a server-sent event exceeds {self._limit} bytes; the stream was not read further")
        return events

    def close(self) -> list[ServerSentEvent]:
        """The events left when the body ends without a last empty line."""
        events: list[ServerSentEvent] = []
        if self._buffer:
            content, end = bytes(self._buffer), self._position + len(self._buffer)
            self._buffer.clear()
            self._position = end
            events.extend(self._take_line(content.rstrip(b"\r"), end))
        events.extend(self._dispatch(self._position))
        return events

    def _next_line(self, start: int) -> tuple[bytes, int, int] | None:
        # A line, the offset just after its first terminator byte, and where the next line begins.
        buffer = self._buffer
        search_from = max(start, self._scanned)
        lf = buffer.find(b"\n", search_from)
        cr = buffer.find(b"\r", search_from, lf if lf >= 0 else len(buffer))
        end = cr if cr >= 0 else lf
        if end < 0:
            return None
        self._scanned = 0
        after = end + 1
        if cr >= 0 and after < len(buffer):
            after += buffer[after] == 0x0A
        else:
            self._skip_lf = cr >= 0
        return bytes(buffer[start:end]), end + 1, after

    def _take_line(self, line: bytes, end: int) -> list[ServerSentEvent]:
        if not line:
            return self._dispatch(end)
        if line.startswith(b":"):
            return []
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            self._data_size += len(line)
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif line.lstrip().startswith((b"{", b"[")):
            before = self._dispatch(end - len(line) - 1)
            return [*before, ServerSentEvent(None, line.decode("utf-8", "replace"), end, bare=True)]
        return []

    def _dispatch(self, end: int) -> list[ServerSentEvent]:
        name, data = self._name, self._data
        self._name, self._data, self._data_size = None, [], 0
        return [ServerSentEvent(name, "\n".join(data), end)] if data else []


def encode(data: str, name: str | None = None) -> bytes:
    """An event's bytes as the service frames them: `event:`, `data:` per line, an empty line."""
    head = f"event: {name}\n" if name else ""
    body = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{head}{body}\n".encode()


def encode_done() -> bytes:
    """The service's end marker."""
    return encode(DONE, "done")
