"""An exchange of a recording made fit to be kept: the same redaction and the same limits as of live traffic."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

from tracer.errors import WireError
from tracer.wire.exchange import Exchange, Headers, Outcome
from tracer.wire.keys import content_key
from tracer.wire.redact import REDACTED, Redactor, account_tag

OTHER_CALL = "other call: bodies are not kept"
_NO_RESPONSE = "the recording holds no response"
_YEAR_2100_US = 4_102_444_800_000_000
_MOST = 1 << 53
_CHANGED = "redaction changed the body after its chunks were measured, so their times are left out"


def redacted(found: Exchange, account_key: bytes, max_body: int) -> Exchange:
    """The exchange without its secrets, bodies up to `max_body` bytes; what has no end is ended.

    Of a redacted exchange it gives the same again.
    """
    found = _encodable(found)
    redactor = Redactor(path=found.path, query=found.query, headers=found.request_headers)
    notes = list(found.notes)
    request = _request(redactor, found.request_body, max_body, notes)
    # In the order of live traffic: what the response's headers set is masked in its body.
    response_headers = redactor.headers(found.response_headers)
    response = _response(redactor, found, max_body, notes)
    whole = sum(chunk.size for chunk in found.chunks) == len(response)
    if found.chunks and not whole:
        notes.append(_CHANGED)
    outcome, error = _end(found)
    secret = redactor.account_secret
    return replace(
        found,
        account=account_tag(secret, account_key) if secret and secret != REDACTED else None,
        origin=_without_user(found.origin),
        path=redactor.path(found.path),
        query=redactor.query(found.query),
        request_headers=redactor.headers(found.request_headers),
        request_body=request,
        response_headers=response_headers,
        response_body=response,
        chunks=found.chunks if whole else (),
        outcome=outcome,
        error=redactor.text(error) if error else None,
        notes=tuple(redactor.text(note) for note in dict.fromkeys(notes)),
    )


def is_possible(exchange: Exchange) -> bool:
    """Whether its values can be real: an edited recording may hold any, and a database can't."""
    texts = (exchange.key, exchange.method, *(text for pair in exchange.request_headers for text in pair))
    numbers = [exchange.request_size, exchange.response_size, exchange.headers_at_us or 0, exchange.ended_at_us or 0]
    numbers += [number for chunk in exchange.chunks for number in (chunk.at_us, chunk.wire_size, chunk.size)]
    return (
        all(isinstance(text, str) for text in texts)
        and _is_within(exchange.started_at_us, _YEAR_2100_US)
        and _is_within(exchange.status or 0, 1000)
        and all(_is_within(number, _MOST) for number in numbers)
    )


def _is_within(number: object, limit: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < limit


def without_bodies(exchange: Exchange) -> Exchange:
    """A call of another API: when, where, status and sizes, but not what was said."""
    notes = exchange.notes if OTHER_CALL in exchange.notes else (*exchange.notes, OTHER_CALL)
    return replace(exchange, request_body=b"", response_body=b"", chunks=(), notes=notes)


class Keys:
    """Keys for the exchanges of one file: from content and time, and of equal ones from their order."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def keyed(self, exchange: Exchange) -> Exchange:
        """The exchange with its own key, or else with one that the same file always gives it."""
        if exchange.key:
            return exchange
        query = "&".join(f"{name}={value}" for name, value in exchange.query)
        texts = (exchange.method, exchange.origin, exchange.path, query, str(exchange.status))
        parts = [text.encode("utf-8", "surrogateescape") for text in texts]
        parts += [exchange.request_body, exchange.response_body]
        key = content_key(exchange.started_at_us, *parts)
        self._seen[key] += 1
        if self._seen[key] > 1:
            key = content_key(exchange.started_at_us, key.encode(), self._seen[key].to_bytes(4))
        return replace(exchange, key=key)


def _encodable(found: Exchange) -> Exchange:
    # JSON can hold half a character. Bytes that are no UTF-8 are lone surrogates too, but those that can be undone.
    return replace(
        found,
        key=_text(found.key),
        method=_text(found.method),
        origin=_text(found.origin),
        path=_text(found.path),
        query=_pairs(found.query),
        request_headers=_pairs(found.request_headers),
        response_headers=_pairs(found.response_headers),
        error=None if found.error is None else _text(found.error),
        notes=tuple(map(_text, found.notes)),
    )


def _pairs(pairs: Headers) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in pairs)


def _text(text: str) -> str:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _request(redactor: Redactor, body: bytes, limit: int, notes: list[str]) -> bytes:
    try:
        body = redactor.request_body(body)
    except WireError as error:
        notes.append(f"request: {error}")
        return b""
    return _limited("request", body, limit, notes)


def _response(redactor: Redactor, found: Exchange, limit: int, notes: list[str]) -> bytes:
    events = (found.response_header("content-type") or "").lower().startswith("text/event-stream")
    masker = redactor.response_body(asked=found.method.upper() == "GET", events=events)
    body = masker.feed(found.response_body) + masker.finish()
    if masker.problem is not None:
        notes.append(f"response: {masker.problem}")
    return _limited("response", body, limit, notes)


def _limited(side: str, body: bytes, limit: int, notes: list[str]) -> bytes:
    if len(body) <= limit:
        return body
    rest = hashlib.sha256(body[limit:]).hexdigest()
    notes.append(
        f"{side}: the body is kept up to {limit} bytes; the rest has {len(body) - limit} bytes and sha256 {rest}"
    )
    return body[:limit]


def _end(found: Exchange) -> tuple[Outcome, str | None]:
    if found.outcome is Outcome.OPEN:
        return Outcome.INTERRUPTED, found.error
    if found.status is None and found.outcome is Outcome.COMPLETE:
        return Outcome.FAILED, found.error or _NO_RESPONSE
    return found.outcome, found.error


def _without_user(origin: str) -> str:
    # A recorder may have kept `https://user:password@host`.
    scheme, separator, authority = origin.partition("://")
    return f"{scheme}{separator}{authority.rsplit('@', 1)[-1]}" if separator else origin
