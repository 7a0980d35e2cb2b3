"""What goes into a player and what comes out, whether it is asked over a socket or inside the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tracer.wire.exchange import Headers


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the player sees it. The path has no query; the body is content-decoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """All values of a header joined with `, `, or None."""
        values = [value for header, value in self.headers if header.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class ReplyChunk:
    """Bytes to send, and how long to wait before sending them, in microseconds."""

    delay_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. Headers hold no framing (`content-length`, `transfer-encoding`): who sends it adds that."""

    status: int
    headers: Headers
    chunks: tuple[ReplyChunk, ...]
    cut: bool = False
    """The connection breaks after the last chunk instead of ending well."""
    reset: bool = False
    """It breaks with a reset (RST), before the status line if there is no chunk."""

    @property
    def body(self) -> bytes:
        """All chunks joined."""
        return b"".join(chunk.data for chunk in self.chunks)


class Player(Protocol):
    """Answers calls like the service. `now_us` is Unix time; a player keeps state but never waits or reads a clock."""

    def answer(self, call: Call, now_us: int) -> Reply:
        """The reply to a call. Raises ReplayMiss if a tape holds no answer."""
        ...
