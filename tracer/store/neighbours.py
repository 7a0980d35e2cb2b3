"""What a change can touch: the stored exchanges whose grouping may differ once some exchanges are new or have grown.

The set is closed: grouping it alone gives the groups that grouping everything would give. Only what changed looks
around (by its facts of before and now); whatever that finds brings along the records it was part of, whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from tracer.identity import Facts
from tracer.store.exchange_rows import Known
from tracer.store.exchanges import Exchanges

_FOREVER = 1 << 62


def neighbourhood(exchanges: Exchanges, project: str, changed: Iterable[Facts]) -> dict[str, Known]:
    """Key -> facts and present record of every exchange to regroup. The changed ones must be stored already."""
    found: dict[str, Known] = {}
    for facts in changed:
        for known in _around(exchanges, facts):
            found[known.facts.key] = known
    for record in {known.record for known in found.values() if known.record}:
        others = "project = ? AND record = ? AND key NOT IN (SELECT value FROM json_each(?))"
        for known in exchanges.known(others, (project, record, json.dumps(list(found)))):
            found[known.facts.key] = known
    return found


def _around(exchanges: Exchanges, facts: Facts) -> Iterator[Known]:
    scope = facts.scope
    yield from exchanges.known("project = ? AND key = ?", (facts.project, facts.key))
    if facts.interaction_id:
        low, high = span_of_id(exchanges, facts)
        yield from exchanges.known(
            "project = ? AND origin = ? AND interaction_id = ? AND started_at_us BETWEEN ? AND ?",
            (*scope, facts.interaction_id, low, high),
        )
    if facts.fingerprint:
        yield from exchanges.known(
            "fingerprint = ? AND started_at_us BETWEEN ? AND ?", (facts.fingerprint, *_retry_span(exchanges, facts))
        )
    if facts.sent_token:
        givers = "SELECT key FROM given_token WHERE project = ? AND origin = ? AND token = ?"
        yield from exchanges.known(f"project = ? AND key IN ({givers})", (facts.project, *scope, facts.sent_token))
    for token in facts.given_tokens:
        yield from exchanges.known("project = ? AND origin = ? AND sent_token = ?", (*scope, token))


def span_of_id(exchanges: Exchanges, facts: Facts) -> tuple[int, int]:
    """The time from the create before to the create after that were given the same id, both included."""
    creates = "project = ? AND origin = ? AND interaction_id = ? AND operation = 'create' AND started_at_us"
    values = (*facts.scope, facts.interaction_id, facts.started_at_us)
    before, after = exchanges.row(
        f"SELECT (SELECT max(started_at_us) FROM exchange WHERE {creates} < ?),"
        f" (SELECT min(started_at_us) FROM exchange WHERE {creates} > ?)",
        (*values, *values),
    )
    return -_FOREVER if before is None else before, _FOREVER if after is None else after


def _retry_span(exchanges: Exchanges, facts: Facts) -> tuple[int, int]:
    """The time in which attempts of this fingerprint compete for what they retry."""
    low = facts.started_at_us
    high = max(low, facts.retry_until_us or low)
    while True:
        earliest, latest = exchanges.row(
            "SELECT min(started_at_us), max(retry_until_us) FROM exchange"
            " WHERE fingerprint = ? AND retry_until_us >= ? AND started_at_us <= ?",
            (facts.fingerprint, low, high),
        )
        wider = (min(low, low if earliest is None else earliest), max(high, high if latest is None else latest))
        if wider == (low, high):
            return wider
        low, high = wider
