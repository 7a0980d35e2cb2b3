"""One HTTP request and its response as they crossed.

An exchange is immutable and already redacted. Bodies are content-decoded; the sizes of the encoded bytes are
kept per chunk. Times are integer microseconds: `started_at_us` on the wall clock (Unix time), everything else
relative to it, from a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

type Headers = tuple[tuple[str, str], ...]
"""Every header line in wire order and spelling; a name may repeat."""


class Outcome(StrEnum):
    """How an exchange ended."""

    OPEN = "open"
    """Still running."""
    COMPLETE = "complete"
    """The response arrived whole, or its terminal event did."""
    CLIENT_GONE = "client_gone"
    """The app closed its connection before the response was whole."""
    CUT = "cut"
    """The upstream closed or reset in the middle of the response."""
    FAILED = "failed"
    """There was no response: connection refused, name not found, timeout."""
    INTERRUPTED = "interrupted"
    """The recorder died while the exchange was running."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the response body as the network delivered it."""

    at_us: int
    """Arrival, relative to the exchange's start."""
    wire_size: int
    """Length on the wire, still content-encoded."""
    size: int
    """How many bytes of `Exchange.response_body` it brought (0 while a decoder or redactor holds them back)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its response; see the module for units and what is redacted."""

    key: str
    """uuid7 as 32 hex digits; sorts by start."""
    run: str | None = None
    project: str | None = None
    account: str | None = None
    """`k:` and a keyed hash of the API key; tells accounts apart, says nothing else."""
    origin: str
    """Scheme, host and port of the upstream, such as `https://generativelanguage.googleapis.com`."""
    started_at_us: int
    method: str
    path: str
    """Path at the upstream, without the query, percent-encoding as sent."""
    query: tuple[tuple[str, str], ...] = ()
    request_headers: Headers = ()
    request_body: bytes = b""
    request_size: int = 0
    """Length of the whole request body on the wire, also of what was not kept."""
    status: int | None = None
    response_headers: Headers = ()
    headers_at_us: int | None = None
    response_body: bytes = b""
    response_size: int = 0
    """Length of the whole response body on the wire, also of what was not kept."""
    chunks: tuple[Chunk, ...] = ()
    ended_at_us: int | None = None
    outcome: Outcome = Outcome.OPEN
    error: str | None = None
    """What the transport said when the outcome is not `complete`."""
    notes: tuple[str, ...] = ()
    """What the recorder could not keep or decode, one sentence each."""

    def request_header(self, name: str) -> str | None:
        """All values of a request header joined with `, ` (RFC 9110 section 5.3), or None."""
        return _joined(self.request_headers, name)

    def response_header(self, name: str) -> str | None:
        """All values of a response header joined with `, `, or None."""
        return _joined(self.response_headers, name)


def _joined(headers: Headers, name: str) -> str | None:
    wanted = name.lower()
    values = [value for header, value in headers if header.lower() == wanted]
    return ", ".join(values) if values else None
