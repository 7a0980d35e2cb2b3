"""Exchanges -> Interaction, cost included: the one door for ingest, decode and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tracer import pricing
from tracer.fold import Readings, milliseconds, rfc3339, understand
from tracer.records.interaction import ExchangeSummary, Interaction, State, Timing
from tracer.wire import routes
from tracer.wire.exchange import Exchange, Outcome

if TYPE_CHECKING:
    from tracer.pricing import Prices

_DAY_US = 86_400_000_000
RETENTION_DAYS = {"free": 1, "paid": 55}
"""Tier -> how long the service keeps a stored interaction."""


def normalize(
    exchanges: Sequence[Exchange],
    *,
    key: str | None = None,
    tags: Mapping[str, str] | None = None,
    tier: str | None = None,
    prices: Prices | None = None,
    known: Readings | None = None,
) -> Interaction:
    """The record of the interaction that these exchanges are; at least one. Never raises.

    `key` is the record's key if it is not that of its first exchange. `tier` (`free`, `paid`) tells how long the
    service keeps it. `known` spares reading again what was read for an earlier record. A mistake of ours in folding
    becomes a note on a record of what is known without it.
    """
    first = min(exchanges, key=lambda exchange: (exchange.started_at_us, exchange.key))
    try:
        folded = understand(exchanges, known)
        record = folded.record
        record.cost = pricing.cost(
            record.usage,
            record.model or record.agent,
            service_tier=folded.service_tier,
            at_us=first.started_at_us,
            prices=prices,
        )
        record.expires_at = _expires_at(record, first.started_at_us, tier)
    except Exception as bug:
        record = _bare(exchanges, first, not_understood(bug))
    record.key = key or first.key
    record.tags = dict(tags or {})
    return record


def unread(
    exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None, note: str
) -> Interaction:
    """The record of exchanges whose bodies nobody looks into; `note` says why."""
    first = min(exchanges, key=lambda exchange: (exchange.started_at_us, exchange.key))
    record = _bare(exchanges, first, note)
    record.key = key or first.key
    record.tags = dict(tags or {})
    return record


def not_understood(bug: Exception) -> str:
    """The note about a mistake of ours."""
    return f"could not be understood ({type(bug).__name__}: {bug}); its bytes are kept"


def _expires_at(record: Interaction, started_at_us: int, tier: str | None) -> str | None:
    days = RETENTION_DAYS.get(tier or "")
    if days is None or not record.store or record.id is None:
        return None
    return rfc3339(started_at_us + days * _DAY_US)


def _bare(exchanges: Sequence[Exchange], first: Exchange, note: str) -> Interaction:
    return Interaction(
        key=first.key,
        upstream=first.origin,
        project=first.project,
        run=first.run,
        account=first.account,
        state=_state(exchanges),
        timing=Timing(started_at=rfc3339(first.started_at_us)),
        exchanges=[_summary(exchange) for exchange in sorted(exchanges, key=lambda one: (one.started_at_us, one.key))],
        notes=[note],
    )


def _state(exchanges: Sequence[Exchange]) -> State:
    last = max(exchanges, key=lambda exchange: (exchange.started_at_us, exchange.key))
    if any(exchange.outcome is Outcome.OPEN for exchange in exchanges):
        return "in_flight"
    return "interrupted" if last.outcome is Outcome.INTERRUPTED else "complete"


def _summary(exchange: Exchange) -> ExchangeSummary:
    route = routes.match(exchange.method, exchange.path, exchange.query)
    return ExchangeSummary(
        key=exchange.key,
        operation=route.operation if route else "create",
        method=exchange.method,
        path=exchange.path,
        http_status=exchange.status,
        started_at=rfc3339(exchange.started_at_us),
        duration_ms=milliseconds(exchange.ended_at_us),
    )
