"""Interactions counted and summed up by what they have in common, and what of the wire was never seen before.

Everything is counted by SQLite, so that a million interactions cost no memory and hold up nobody else's thread.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tracer.store.rows import FAILED

type Query = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]

GROUPS = {
    "model": "coalesce(model, agent)",
    "agent": "agent",
    "day": "date(started_at_us / 1000000, 'unixepoch')",
    "project": "project",
    "label": "label_name",
    "tool": "tool_name",
    "error": "error_code",
    "client": "client",
}
"""What interactions can be grouped by -> an expression over the columns of `interaction` and what is joined to it."""
_NAMED_ONLY = frozenset({"tool", "error", "agent", "label"})
"""Groupings that leave out interactions without any."""
_LABELS = (
    " JOIN (SELECT run.run AS label_run, tag.key || '=' || tag.value AS label_name"
    " FROM run, json_each(run.tags) AS tag) ON label_run = interaction.run"
)
_TOOLS = (
    " JOIN (SELECT json_extract(pair.value, '$[0]') AS tool_names, json_extract(pair.value, '$[1]') AS tool_name"
    " FROM json_each(?) AS pair) ON tool_names = interaction.tools"
)
PERCENTILES = (50, 90, 95, 99)
_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "thought_tokens", "total_tokens", "cost_nano")
_PRODUCED = "(coalesce(output_tokens, 0) + coalesce(thought_tokens, 0))"
MEASURES = {
    "duration_us": "duration_us",
    "first_output_us": "first_output_us",
    "tokens_per_second": f"CASE WHEN stream = 1 AND first_output_us IS NOT NULL AND duration_us > first_output_us"
    f" AND {_PRODUCED} > 0 THEN {_PRODUCED} * 1000000.0 / (duration_us - first_output_us) END",
}
"""What percentiles are taken of -> an expression over the columns of `interaction`."""
_WHY = "iif(state IN ('interrupted', 'truncated'), state, status)"


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
    duration_us: dict[int, float] = field(default_factory=dict)
    """Percent -> the smallest duration that so many percent do not exceed; empty if none is known."""
    first_output_us: dict[int, float] = field(default_factory=dict)
    """The same of the time to the first output; of streams."""
    tokens_per_second: dict[int, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    """Code, or what it ended as without one -> how many failed with it, the most frequent first."""

    def as_json(self) -> dict[str, Any]:
        """One JSON object; times in milliseconds, money in `currency`."""
        told = asdict(self)
        for name in ("duration_us", "first_output_us", "tokens_per_second", "cost_nano"):
            del told[name]
        cost = None if self.cost_nano is None else self.cost_nano / 1e9
        return {
            **told,
            "cost": cost,
            "currency": "USD",
            "duration_ms": _named(self.duration_us, 1000),
            "first_output_ms": _named(self.first_output_us, 1000),
            "tokens_per_second": _named(self.tokens_per_second, 1),
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


def groups(query: Query, by: str, where: str, values: Sequence[Any]) -> list[Group]:
    """The groups, the largest first; days in their order."""
    table, parameters = _members(query, by, where, values)
    name = GROUPS[by]
    named = f"{table} WHERE {name} IS NOT NULL" if by in _NAMED_ONLY else table
    found: dict[str | None, Group] = {}
    known: dict[str, dict[str | None, int]] = {measure: {} for measure in MEASURES}
    sums = ", ".join(f"sum({column})" for column in _SUMS)
    counts = ", ".join(f"count({expression})" for expression in MEASURES.values())
    for told, count, failed, priced, *numbers in query(
        f"SELECT {name}, count(*), sum({FAILED}), count(cost_nano), {sums}, {counts} FROM {named} GROUP BY 1",
        parameters,
    ):
        found[told] = Group(told, count, failed, unpriced=count - priced)
        for column, number in zip(_SUMS, numbers, strict=False):
            setattr(found[told], column, number)
        for measure, of in zip(MEASURES, numbers[len(_SUMS) :], strict=True):
            known[measure][told] = of
    failures = f"{named} {'AND' if by in _NAMED_ONLY else 'WHERE'} {FAILED}"
    for told, code, count in query(
        f"SELECT {name}, coalesce(error_code, {_WHY}, state), count(*) FROM {failures} GROUP BY 1, 2 ORDER BY 3 DESC",
        parameters,
    ):
        found[told].errors[str(code)] = count
    for measure, expression in MEASURES.items():
        values_of = f"SELECT {name} AS name, {expression} AS value FROM {named}"
        for told, percent, value in _percentiles(query, values_of, parameters, known[measure]):
            getattr(found[told], measure)[percent] = value
    if by == "day":
        return sorted(found.values(), key=lambda group: group.name or "")
    return sorted(found.values(), key=lambda group: (-group.interactions, group.name or ""))


def course(
    query: Query, by: str, where: str, values: Sequence[Any], buckets: int
) -> dict[str | None, list[float | None]]:
    """For each group the mean duration, in microseconds, in equal spans of its time; None where there was nothing."""
    table, parameters = _members(query, by, where, values)
    rows = query(
        f"SELECT name, (at - first) / ((last - first) / ? + 1), avg(value) FROM ("
        f"SELECT {GROUPS[by]} AS name, started_at_us AS at, duration_us AS value,"
        f" min(started_at_us) OVER (PARTITION BY {GROUPS[by]}) AS first,"
        f" max(started_at_us) OVER (PARTITION BY {GROUPS[by]}) AS last"
        f" FROM {table} WHERE duration_us IS NOT NULL) GROUP BY 1, 2",
        [buckets, *parameters],
    )
    found: dict[str | None, list[float | None]] = {}
    for name, place, mean in rows:
        found.setdefault(name, [None] * buckets)[place] = mean
    return found


def _members(query: Query, by: str, where: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """A table expression of the interactions with what they are grouped by, and its parameters."""
    table = f"(SELECT * FROM interaction WHERE {where}) AS interaction"
    if by == "label":
        return f"(SELECT * FROM {table}{_LABELS})", list(values)
    if by == "tool":
        told = [names for (names,) in query(f"SELECT DISTINCT tools FROM interaction WHERE {where}", values)]
        pairs = [[names, name] for names in told for name in dict.fromkeys(names.split())]
        return f"(SELECT * FROM {table}{_TOOLS})", [*values, json.dumps(pairs)]
    return table, list(values)


def _percentiles(
    query: Query, values_of: str, parameters: Sequence[Any], known: dict[str | None, int]
) -> Iterator[tuple[str | None, int, float]]:
    """The nearest rank of each group: the smallest value that so many percent do not exceed. `known` counts values."""
    ranks = {name: {percent: -(-count * percent // 100) for percent in PERCENTILES} for name, count in known.items()}
    places = sorted({place for of in ranks.values() for place in of.values() if place})
    if not places:
        return
    # SQLite sorts and numbers; counting the members there too would make it hold them all.
    numbered = (
        f"SELECT name, value, row_number() OVER (PARTITION BY name ORDER BY value) AS place"
        f" FROM ({values_of}) WHERE value IS NOT NULL"
    )
    wanted = "SELECT value FROM json_each(?)"
    for name, value, place in query(
        f"SELECT name, value, place FROM ({numbered}) WHERE place IN ({wanted})", [*parameters, json.dumps(places)]
    ):
        for percent, rank in ranks[name].items():
            if rank == place:
                yield name, percent, value


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


def _named(percentiles: dict[int, float], unit: int) -> dict[str, float | None]:
    found = {f"p{percent}": percentiles.get(percent) for percent in PERCENTILES}
    return {name: None if value is None else value / unit for name, value in found.items()}
