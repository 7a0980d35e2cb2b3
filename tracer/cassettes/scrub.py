"""What a project wants out of its cassettes beside keys, and the last check before one is written.

Exchanges arrive redacted. A project's own rules (`[tool.tracer] scrub`, regular expressions) are applied on top, to
recordings and to the requests that are compared with them. The check catches what redaction could not know, such as a
key that the app put into a prompt in another test, and refuses instead of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import quote

from tracer.errors import CassetteError, UsageError
from tracer.player.reply import Call
from tracer.wire.exchange import Chunk, Exchange, Headers
from tracer.wire.redact import REDACTED

SHORTEST_SECRET = 8
"""Shorter values are words that stand in a text by chance."""


class Scrubber:
    """Replaces what the rules match by `[redacted]`: in paths, queries, header values and bodies."""

    def __init__(self, rules: Sequence[str]) -> None:
        """Raises UsageError for a rule that is no regular expression, or matches the empty text."""
        try:
            self._rules = [re.compile(rule.encode()) for rule in rules]
        except re.error as error:
            raise UsageError(f"[tool.tracer] scrub holds {error.pattern!r}, no regular expression: {error}") from error
        for rule in self._rules:
            if rule.match(b""):
                raise UsageError(f"[tool.tracer] scrub holds {rule.pattern.decode()!r}, which matches everything")

    def __bool__(self) -> bool:
        return bool(self._rules)

    def call(self, call: Call) -> Call:
        """The call as its recording was scrubbed."""
        return Call(
            call.method, self._text(call.path), self._pairs(call.query), self._pairs(call.headers), self.body(call.body)
        )

    def exchange(self, exchange: Exchange) -> Exchange:
        """The exchange scrubbed; its chunks keep their times."""
        body, chunks = exchange.response_body, exchange.chunks
        for rule in self._rules:
            chunks = _moved(chunks, [found.span() for found in rule.finditer(body)])
            body = rule.sub(REDACTED.encode(), body)
        return replace(
            exchange,
            path=self._text(exchange.path),
            query=self._pairs(exchange.query),
            request_headers=self._pairs(exchange.request_headers),
            request_body=self.body(exchange.request_body),
            response_headers=self._pairs(exchange.response_headers),
            response_body=body,
            chunks=chunks,
            error=exchange.error and self._text(exchange.error),
        )

    def body(self, body: bytes) -> bytes:
        """Any bytes scrubbed."""
        for rule in self._rules:
            body = rule.sub(REDACTED.encode(), body)
        return body

    def _text(self, text: str) -> str:
        return self.body(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def _pairs(self, pairs: Headers) -> Headers:
        return tuple((name, self._text(value)) for name, value in pairs)


def _moved(chunks: tuple[Chunk, ...], spans: Sequence[tuple[int, int]]) -> tuple[Chunk, ...]:
    """The chunks of a body in which the spans were replaced; one that crosses an end goes with where it begins."""
    if not spans or not chunks:
        return chunks
    moved: list[Chunk] = []
    old_end = new_start = shift = place = 0
    for chunk in chunks:
        old_end += chunk.size
        while place < len(spans) and spans[place][0] < old_end:
            start, end = spans[place]
            shift += len(REDACTED) - (end - start)
            place += 1
        inside = spans[place - 1][1] if place else 0
        new_end = max(old_end, inside) + shift
        moved.append(replace(chunk, size=max(new_end - new_start, 0)))
        new_start = max(new_end, new_start)
    return tuple(moved)


def refuse_secrets(text: str, exchanges: Sequence[Exchange], secrets: Iterable[str], name: str) -> None:
    """Raises CassetteError if a secret stands in a cassette's text or in one of its binary bodies."""
    for secret in {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}:
        for spelling in {secret, quote(secret, safe="")}:
            raw = spelling.encode("utf-8", "surrogateescape")
            bodies = (body for exchange in exchanges for body in (exchange.request_body, exchange.response_body))
            if spelling in text or any(raw in body for body in bodies):
                raise CassetteError(
                    f"{name} was not written: it would hold the key that ends in {secret[-4:]!r}; "
                    "take the key out of what the test sends or receives"
                )
