"""What a cassette's metadata says of a recording: what vcrpy's format has no place for."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tracer.cassettes.literal import Row
from tracer.dialects import detect
from tracer.errors import WireError
from tracer.wire.exchange import Exchange
from tracer.wire.sse import SseParser

_HASH = re.compile(r"b2:[0-9a-f]{32}")


def facts_of(exchange: Exchange) -> dict[str, Any]:
    """Times, lengths, end, dialect and hash of a recording; what is unknown or empty is left out."""
    started = datetime.fromtimestamp(exchange.started_at_us // 1_000_000, UTC).replace(
        microsecond=exchange.started_at_us % 1_000_000
    )
    facts: dict[str, Any] = {
        "started_at": started.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "headers_us": exchange.headers_at_us,
        "ended_us": exchange.ended_at_us,
        "outcome": exchange.outcome.value,
        "error": exchange.error,
        "dialect": _dialect(exchange),
        "sdk": exchange.request_header("x-goog-api-client") or exchange.request_header("user-agent"),
        "notes": list(exchange.notes),
        "request_size": exchange.request_size,
        "chunks": Row([chunk.at_us, chunk.wire_size, chunk.size] for chunk in exchange.chunks),
        # The last one, and never left out: where it is whole, nothing of the file is missing.
        "body_hash": body_hash(exchange.response_body),
    }
    return {name: value for name, value in facts.items() if value not in (None, [])}


def body_hash(body: bytes) -> str:
    """The tagged hash that ties measurements to a body."""
    return "b2:" + hashlib.blake2b(body, digest_size=16).hexdigest()


def is_whole(facts: object) -> bool:
    """Whether a recording's facts were written to their end."""
    return isinstance(facts, dict) and _HASH.fullmatch(str(facts.get("body_hash"))) is not None


def microseconds(text: str) -> int:
    """A moment in ISO 8601 as Unix microseconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def _dialect(exchange: Exchange) -> str | None:
    """The dialect that the response gives away, None if it does not tell."""
    body = exchange.response_body
    if "event-stream" in (exchange.response_header("content-type") or ""):
        with suppress(WireError):
            payloads = (event.data for event in SseParser().feed(body))
            return next((name for payload in payloads if (name := _told(payload))), None)
    return _told(body)


def _told(payload: str | bytes) -> str | None:
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    name = detect(value) if isinstance(value, dict) else "unknown"
    return None if name == "unknown" else name
