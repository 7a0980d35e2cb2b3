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
        self._pending: list[bytes] = []
        self._pending_size = 0
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
        events: list[ServerSentEvent] = []
        if b"\n" in data or b"\r" in data:
            # `bytes.splitlines` knows exactly the three line ends of the format.
            lines = b"".join([*self._pending, data]).splitlines(keepends=True)
            self._keep(b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop())
            self._skip_lf = not self._pending and lines[-1].endswith(b"\r")
            for line in lines:
                content = line.rstrip(b"\r\n")
                events.extend(self._take_line(content, self._position + len(content) + 1))
                self._position += len(line)
        elif data:
            self._pending.append(data)
            self._pending_size += len(data)
        if self._data_size + self._pending_size > self._limit:
            raise WireError(f"a server-sent event exceeds {self._limit} bytes; the stream was not read further")
        return events

    def close(self) -> list[ServerSentEvent]:
        """The events left when the body ends without a last empty line."""
        events: list[ServerSentEvent] = []
        rest = b"".join(self._pending)
        self._keep(b"")
        if rest:
            self._position += len(rest)
            events.extend(self._take_line(rest, self._position))
        events.extend(self._dispatch(self._position))
        return events

    def _keep(self, line: bytes) -> None:
        self._pending, self._pending_size = [line] if line else [], len(line)

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
