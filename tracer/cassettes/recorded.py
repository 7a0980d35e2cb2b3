"""What a recording leaves in a cassette: which exchanges are good enough, and which old ones they replace."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.errors import CassetteError
from tracer.player import matching
from tracer.player.tape import is_retryable
from tracer.wire.exchange import Exchange


def admitted(exchanges: Sequence[Exchange], *, errors: bool, name: str) -> list[Exchange]:
    """The exchanges to keep, in order of their start.

    Failed attempts stay as long as a later attempt of the same request succeeded. Any other answer of 400 or above
    raises CassetteError unless `errors` says that the test wants it. Requests without any response are left out.
    """
    kept: list[Exchange] = []
    succeeded: set[str] = set()
    for exchange in sorted(exchanges, key=lambda exchange: (exchange.started_at_us, exchange.key), reverse=True):
        if exchange.status is None:
            continue
        key = fingerprint(exchange)
        if exchange.status < 400:
            succeeded.add(key)
        elif not errors and not (is_retryable(exchange.status) and key in succeeded):
            raise CassetteError(
                f"{name} was not written: the service answered {exchange.status} to {exchange.method} {exchange.path}; "
                "mend the request, or mark the test with `errors=True` if it is about errors"
            )
        kept.append(exchange)
    return kept[::-1]


def merged(old: Sequence[Exchange], new: Sequence[Exchange], *, replace: bool) -> list[Exchange]:
    """Old recordings and then new ones; with `replace` without the old ones of requests that were recorded anew."""
    again = {fingerprint(exchange) for exchange in new} if replace else set()
    known = {exchange.key for exchange in new}
    return [
        *(exchange for exchange in old if exchange.key not in known and fingerprint(exchange) not in again),
        *new,
    ]


def fingerprint(exchange: Exchange) -> str:
    """The key by which a tape finds this recording."""
    return matching.canonical(matching.call_of(exchange)).key
