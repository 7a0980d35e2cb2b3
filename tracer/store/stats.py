"""Interactions counted and summed up by what they have in common, and what of the wire was never seen before."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tracer.store.links import FAILED

type Query = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]

GROUPS = {
    "model": "model",
    "agent": "agent",
    "day": "date(started_at_us / 1000000, 'unixepoch')",
    "project": "project",
    "tool": "tools",
    "error": "error_code",
    "client": "client",
}
"""What interactions can be grouped by -> an expression over the columns of `interaction`."""
_NAMED_ONLY = frozenset({"tool", "error", "agent"})
"""Groupings that leave out interactions without any."""
PERCENTILES = (50, 90, 99)
_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "thought_tokens", "total_tokens", "cost_nano")


@dataclass(slots=True)
class Group:
    """Interactions with something in common. Tokens and money are null if no interaction told any."""

    name: str | None
    interactions: int = 0
    failed: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    thought_tokens: int | None = None
    total_tokens: int | None = None
    cost_nano: int | None = None
    unpriced: int = 0
    """Interactions whose cost is not known."""
    durations_us: array[int] = field(default_factory=lambda: array("q"))
    first_outputs_us: array[int] = field(default_factory=lambda: array("q"))

    def add(self, interactions: int, failed: int, priced: int, *sums: int | None) -> None:
        """Count some more interactions."""
        self.interactions += interactions
        self.failed += failed
        self.unpriced += interactions - priced
        for name, value in zip(_SUMS, sums, strict=True):
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)

    def as_json(self) -> dict[str, Any]:
        """One JSON object; times in milliseconds, money in `currency`."""
        told = asdict(self)
        for name in ("durations_us", "first_outputs_us", "cost_nano"):
            del told[name]
        cost = None if self.cost_nano is None else self.cost_nano / 1e9
        return {
            **told,
            "cost": cost,
            "currency": "USD",
            "duration_ms": _percentiles_ms(self.durations_us),
            "first_output_ms": _percentiles_ms(self.first_outputs_us),
        }


@dataclass(slots=True)
class NeverSeen:
    """A field, value or event that no table knows."""

    kind: str
    """`field` or `event`."""
    path: str
    interactions: int = 0
    first_us: int = 0
    last_us: int = 0
    clients: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest of these, which are in order, that so many percent of them do not exceed; None of none."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def groups(query: Query, by: str, where: str, values: Sequence[Any]) -> list[Group]:
    """The groups, the largest first; days in their order."""
    expression = GROUPS[by]
    found: dict[str | None, Group] = {}

    def named(told: str | None) -> list[Group]:
        names: Sequence[str | None] = (told or "").split() if by == "tool" else [told]
        return [found.setdefault(name, Group(name)) for name in names if name is not None or by not in _NAMED_ONLY]

    sums = ", ".join(f"sum({name})" for name in _SUMS)
    for told, *numbers in query(
        f"SELECT {expression}, count(*), sum({FAILED}), count(cost_nano), {sums} FROM interaction"
        f" WHERE {where} GROUP BY 1",
        values,
    ):
        for group in named(told):
            group.add(*numbers)
    times = f"SELECT {expression}, duration_us, first_output_us FROM interaction WHERE {where}"
    members: dict[str | None, list[Group]] = {}
    for told, duration, first in query(times, values):
        those = members.get(told)
        if those is None:
            those = members[told] = named(told)
        for group in those:
            if duration is not None:
                group.durations_us.append(duration)
            if first is not None:
                group.first_outputs_us.append(first)
    for group in found.values():
        group.durations_us = array("q", sorted(group.durations_us))
        group.first_outputs_us = array("q", sorted(group.first_outputs_us))
    if by == "day":
        return sorted(found.values(), key=lambda group: group.name or "")
    return sorted(found.values(), key=lambda group: (-group.interactions, group.name or ""))


def never_seen(query: Query, where: str, values: Sequence[Any]) -> list[NeverSeen]:
    """Everything that no table knows, the latest newcomer first."""
    found: dict[tuple[str, str], NeverSeen] = {}
    rows = query(
        "SELECT unknown.kind, unknown.path, interaction.client, coalesce(interaction.model, interaction.agent),"
        " count(*), min(interaction.started_at_us), max(interaction.started_at_us)"
        " FROM unknown CROSS JOIN interaction ON interaction.seq = unknown.seq"
        f" WHERE unknown.seq IN (SELECT seq FROM interaction WHERE {where}) GROUP BY 1, 2, 3, 4",
        values,
    )
    for kind, path, client, model, count, first, last in rows:
        one = found.setdefault((kind, path), NeverSeen(kind, path, 0, first, last))
        one.interactions += count
        one.first_us, one.last_us = min(one.first_us, first), max(one.last_us, last)
        one.clients[client or "unknown"] += count
        one.models[model or "unknown"] += count
    return sorted(found.values(), key=lambda one: (-one.first_us, one.kind, one.path))


def _percentiles_ms(ordered: Sequence[int]) -> dict[str, float | None]:
    found = {f"p{percent}": percentile(ordered, percent) for percent in PERCENTILES}
    return {name: None if value is None else value / 1000 for name, value in found.items()}
