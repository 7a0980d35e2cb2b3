"""What an exchange tells about which interaction it belongs to, read from its request line, headers and bodies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from tracer.errors import WireError
from tracer.wire import routes, sse
from tracer.wire.exchange import Exchange, Outcome

RETRY_GAP_US = 10_000_000
"""How long after a failed attempt the next one may start."""
RETRY_SLACK_US = 5_000_000
"""What an announced wait may be exceeded by."""

_RETRIED_STATUSES = frozenset({408, 409, 429})
_FIRST_PIECE = 2 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What identity needs to know of one Interactions exchange. Times are Unix microseconds."""

    key: str
    project: str
    origin: str
    operation: routes.Operation
    interaction_id: str | None = None
    """The id that a create's response told, so far; of any other operation the one in its path. Never empty."""
    previous_id: str | None = None
    """`previous_interaction_id`: of a create what it asked for, of others what the response said."""
    fingerprint: str | None = None
    """Of a create: hash of run, scope, client, account, method, path, query and body."""
    sent_token: str | None = None
    given_tokens: tuple[str, ...] = ()
    started_at_us: int
    ended_at_us: int | None = None
    retry_until_us: int | None = None
    """Set if the attempt failed in a way that clients try again after: a retry starts before this moment."""
    first_attempt: bool = False
    """The client itself says that this is no retry (`x-stainless-retry-count: 0`)."""

    @property
    def scope(self) -> tuple[str, str]:
        """Where an id means one thing: project and upstream origin."""
        return self.project, self.origin

    @property
    def order(self) -> tuple[int, bool, str]:
        """Sorts by start; a create before what else happened at the same instant."""
        return self.started_at_us, self.operation != "create", self.key


def read(exchange: Exchange) -> Facts | None:
    """The facts of an exchange as far as it has come, or None if it is no Interactions call. Never raises."""
    route = routes.match(exchange.method, exchange.path, exchange.query)
    if route is None:
        return None
    told = _Told.by(exchange)
    ended = None if exchange.ended_at_us is None else exchange.started_at_us + exchange.ended_at_us
    common: dict[str, Any] = {
        "key": exchange.key,
        "project": exchange.project or "",
        "origin": exchange.origin,
        "operation": route.operation,
        "started_at_us": exchange.started_at_us,
        "ended_at_us": ended,
    }
    if route.operation != "create":
        named = storable(unquote(route.interaction_id or "", errors="replace")) or None
        return Facts(**common, interaction_id=named, previous_id=told.previous_id)
    asked = _json_object(exchange.request_body)
    return Facts(
        **common,
        interaction_id=told.interaction_id,
        previous_id=_text(asked.get("previous_interaction_id")),
        fingerprint=_fingerprint(exchange),
        sent_token=_text(asked.get("continuation_token")),
        given_tokens=told.tokens,
        retry_until_us=_retry_until(exchange, _over_at(exchange, ended), told),
        first_attempt=exchange.request_header("x-stainless-retry-count") == "0",
    )


def storable(text: str) -> str:
    """Text without lone surrogates, which JSON can hold and UTF-8 can't."""
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class _Told:
    """What a response says about identity."""

    interaction_id: str | None = None
    previous_id: str | None = None
    tokens: tuple[str, ...] = ()
    output: bool = False
    """Something of the answer reached the client."""

    @classmethod
    def by(cls, exchange: Exchange) -> _Told:
        body = exchange.response_body
        if exchange.status is None or exchange.status >= 400 or not body:
            return cls()
        if "event-stream" not in (exchange.response_header("content-type") or ""):
            return cls.by_objects([_json_object(body)], output=False)
        # A whole stream is only read for what is not in its first events.
        whole = b"continuation_token" in body or exchange.outcome is Outcome.CUT
        return cls.by_objects(_payloads(body, whole), output=exchange.outcome is not Outcome.CUT)

    @classmethod
    def by_objects(cls, objects: Iterable[dict[str, Any]], *, output: bool) -> _Told:
        interaction_id = previous_id = None
        tokens: list[str] = []
        for value in objects:
            inner = value.get("interaction")
            body: dict[str, Any] = inner if isinstance(inner, dict) else {}
            named = body.get("id") or value.get("interaction_id") or (value.get("id") if not body else None)
            interaction_id = interaction_id or _text(named)
            previous_id = previous_id or _text((body or value).get("previous_interaction_id"))
            tokens += [token for part in (body, value) if (token := _text(part.get("continuation_token")))]
            output = output or str(value.get("event_type")).startswith(("step.", "content."))
        return cls(interaction_id, previous_id, tuple(dict.fromkeys(tokens)), output)


def _payloads(body: bytes, whole: bool) -> list[dict[str, Any]]:
    """The events of a stream; unless `whole`, up to the first that names the interaction."""
    parser = sse.SseParser()
    found: list[dict[str, Any]] = []
    try:
        # The first event mostly names the interaction.
        for start, size in _pieces(len(body)):
            for event in parser.feed(body[start : start + size]):
                payload = _json_object(event.data.encode("utf-8", "replace"))
                found.append(payload)
                if not whole and ("interaction" in payload or "interaction_id" in payload):
                    return found
        return found + [_json_object(event.data.encode("utf-8", "replace")) for event in parser.close()]
    except WireError:
        return found


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    yield 0, _FIRST_PIECE
    yield from ((start, _PIECE) for start in range(_FIRST_PIECE, length, _PIECE))


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data) if data else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return storable(value) if isinstance(value, str) and value else None


def _fingerprint(exchange: Exchange) -> str:
    client = exchange.request_header("x-goog-api-client") or exchange.request_header("user-agent")
    sender = [exchange.run, exchange.project, exchange.origin, exchange.account, client]
    target = [exchange.method, exchange.path, sorted(exchange.query), exchange.request_size]
    head = json.dumps([*sender, *target]).encode()
    return hashlib.blake2b(head + b"\0" + exchange.request_body, digest_size=16).hexdigest()


def _over_at(exchange: Exchange, ended_at_us: int | None) -> int | None:
    # Recordings of other tools tell no ends; what is whole was over before the next call in the file.
    untold = ended_at_us is None and exchange.outcome is Outcome.COMPLETE
    return exchange.started_at_us if untold else ended_at_us


def _retry_until(exchange: Exchange, ended_at_us: int | None, told: _Told) -> int | None:
    if ended_at_us is None or not _is_retried(exchange, told):
        return None
    wait = _announced_wait(exchange, ended_at_us)
    return ended_at_us + max(RETRY_GAP_US, 0 if wait is None else wait + RETRY_SLACK_US)


def _is_retried(exchange: Exchange, told: _Told) -> bool:
    advice = (exchange.response_header("x-should-retry") or "").lower()
    if advice in ("true", "false"):
        return advice == "true"
    if exchange.status is None:
        return exchange.outcome in (Outcome.FAILED, Outcome.CUT, Outcome.CLIENT_GONE)
    if exchange.status in _RETRIED_STATUSES or exchange.status >= 500:
        return True
    return exchange.outcome is Outcome.CUT and not told.output


def _announced_wait(exchange: Exchange, ended_at_us: int) -> int | None:
    """Microseconds, from `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3)."""
    for name, unit in (("retry-after-ms", 1_000), ("retry-after", 1_000_000)):
        value = exchange.response_header(name)
        if value is None:
            continue
        try:
            return max(0, min(int(float(value) * unit), 24 * 3600 * 1_000_000))
        except (ValueError, OverflowError):
            pass
        try:
            return max(
                0, min(int(parsedate_to_datetime(value).timestamp() * 1_000_000) - ended_at_us, 24 * 3600 * 1_000_000)
            )
        except (ValueError, OverflowError, OSError):
            continue
    return None
