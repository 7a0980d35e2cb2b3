"""Interactions counted: percentiles, rates, money and failures by model and by day. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tracer.store.rows import InteractionRow
from tui.text import local

BUCKETS = 16
"""Points of a sparkline."""
BARS = "▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Group:
    """What was counted under one name. Times in microseconds."""

    name: str
    count: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    """Tokens per second."""
    tokens: int = 0
    cost_nano: int | None = None
    starts: list[tuple[int, int]] = field(default_factory=list)
    """Start and duration, for the sparkline."""

    def add(self, row: InteractionRow) -> None:
        """Count one."""
        self.count += 1
        self.tokens += row.total_tokens or 0
        if row.cost_nano is not None:
            self.cost_nano = (self.cost_nano or 0) + row.cost_nano
        if row.state in ("error", "interrupted", "truncated") or row.status == "failed":
            self.failed += 1
            self.errors[str(row.error_code or row.status or row.state)] += 1
            return
        if row.duration_us is None:
            return
        self.durations.append(row.duration_us)
        self.starts.append((row.started_at_us, row.duration_us))
        if row.first_output_us is not None and row.stream:
            self.firsts.append(row.first_output_us)
            produced, took = (row.output_tokens or 0) + (row.thought_tokens or 0), row.duration_us - row.first_output_us
            if produced and took > 0:
                self.rates.append(produced * 1_000_000 / took)


def by_model(rows: Iterable[InteractionRow]) -> list[Group]:
    """One group for each model or agent, the most used first."""
    return _grouped((row.model or row.agent or "unknown", row) for row in rows)


def by_day(rows: Iterable[InteractionRow]) -> list[Group]:
    """One group for each local day, the newest first."""
    groups = _grouped((f"{local(row.started_at_us):%Y-%m-%d}", row) for row in rows)
    return sorted(groups, key=lambda group: group.name, reverse=True)


def _grouped(named: Iterable[tuple[str, InteractionRow]]) -> list[Group]:
    groups: dict[str, Group] = {}
    for name, row in named:
        if not row.ghost:
            groups.setdefault(name, Group(name)).add(row)
    return sorted(groups.values(), key=lambda group: -group.count)


def percentile(values: Sequence[float], part: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def sparkline(points: Sequence[tuple[int, int]], buckets: int = BUCKETS) -> str:
    """Medians over equal spans of time, as heights; a blank where there is nothing."""
    if not points:
        return ""
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    width = max(1, (last - first) // buckets + 1)
    sorted_in: dict[int, list[int]] = defaultdict(list)
    for at, value in points:
        sorted_in[(at - first) // width].append(value)
    medians = {place: percentile(values, 0.5) or 0 for place, values in sorted_in.items()}
    most = max(medians.values()) or 1
    used = range(max(medians) + 1)
    return "".join(BARS[int(medians[at] / most * (len(BARS) - 1))] if at in medians else " " for at in used)
