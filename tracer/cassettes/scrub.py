"""The last check before a cassette is written: no known key is in it.

Exchanges arrive redacted; this catches what redaction could not know, such as a key that the app put into a prompt in
another test, and refuses instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from tracer.errors import CassetteError
from tracer.wire.exchange import Exchange

SHORTEST_SECRET = 8
"""Shorter values are words that stand in a text by chance."""


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
