"""Statistics -> drawn lines: what runs, then the models, then the days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tracer.store.rows import InteractionRow
from tui.data import MAX_COUNTED, RUNNING, Statistics
from tui.figures import Group, by_day, by_model, percentile, sparkline
from tui.text import age, clean, count, cut, duration, fit, money, short_model
from tui.theme import S, glyph

WIDE_FROM = 110
"""Width from which the table has a column for the course of the latency, and for tokens per second."""
DAYS = 14


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line, and the interaction it speaks of."""

    segments: list[Segment]
    row: InteractionRow | None = None


def page(statistics: Statistics, width: int, now_us: int) -> list[Drawn]:
    """The whole page."""
    rows = statistics.rows
    running = [row for row in rows if row.state == "in_flight" or row.status in RUNNING]
    lines = [_title("Running", f"{len(running)}" if running else "nothing")]
    for row in running[: len(statistics.tails)]:
        lines += _running(row, statistics.tails.get(row.key, ""), width, now_us)
    lines.append(Drawn([]))
    counted = f"the newest {len(rows):,} interactions" if len(rows) == MAX_COUNTED else f"{len(rows):,} interactions"
    lines.append(_title("Models and agents", counted))
    lines += _table("model", by_model(rows), width)
    lines += [Drawn([]), _title("Days", "")]
    lines += _table("day", by_day(rows)[:DAYS], width)
    return lines


def _title(text: str, note: str) -> Drawn:
    return Drawn([Segment(f" {text}", S.bright), Segment(f"   {note}", S.faint)])


def _running(row: InteractionRow, tail: str, width: int, now_us: int) -> Iterator[Drawn]:
    sign, style = glyph(row.status, row.state)
    polls = f"  {row.polls} polls" if row.polls else ""
    told = f"  {short_model(row.model or row.agent)}  {age(row.started_at_us, now_us)}{polls}"
    prompt = cut(clean(row.prompt), width - len(told) - 6)
    yield Drawn([Segment(f"   {sign} ", style), Segment(prompt, S.plain), Segment(told, S.muted)], row)
    if tail:
        # Its end is what is new.
        shown = clean(tail)
        while cell_len(shown) > width - 8:
            shown = shown[max(1, (cell_len(shown) - width + 8) // 2) :]
        yield Drawn([Segment("     "), Segment(shown + "▏", S.muted)], row)


type _Column = tuple[str, int, Style]


def _table(name: str, groups: list[Group], width: int) -> Iterator[Drawn]:
    wide = width >= WIDE_FROM
    columns: list[_Column] = [("calls", 6, S.plain), ("p50", 7, S.plain), ("p95", 7, S.plain)]
    columns += [("course", 17, S.focus)] if wide and name == "model" else []
    columns += [("first", 7, S.plain), ("tok/s", 6, S.plain)] if wide else []
    columns += [("tokens", 7, S.muted), ("cost", 9, S.money)]
    room = min(34, width - sum(size + 1 for _, size, _ in columns) - 16)
    heads = [Segment(f" {title:>{size}}", S.faint) for title, size, _ in columns]
    yield Drawn([Segment(f"   {fit(name, room)}", S.faint), *heads, Segment("  failed", S.faint)])
    for group in groups:
        values = _values(group)
        cells = [Segment(f" {values[title]:>{size}}", style) for title, size, style in columns]
        label = short_model(group.name) if name == "model" else group.name
        yield Drawn([Segment(f"   {fit(label, room)}", S.plain), *cells, *_failures(group, width)])
    if not groups:
        yield Drawn([Segment("   nothing recorded yet", S.muted)])


def _values(group: Group) -> dict[str, str]:
    rate = percentile(group.rates, 0.5)
    return {
        "calls": f"{group.count:,}",
        "p50": _time(percentile(group.durations, 0.5)),
        "p95": _time(percentile(group.durations, 0.95)),
        "course": sparkline(group.starts),
        "first": _time(percentile(group.firsts, 0.5)),
        "tok/s": "-" if rate is None else f"{rate:,.0f}",
        "tokens": count(group.tokens),
        "cost": money(group.cost_nano),
    }


def _time(us: float | None) -> str:
    return duration(None if us is None else round(us))


def _failures(group: Group, width: int) -> list[Segment]:
    if not group.failed:
        return [Segment("      -", S.faint)]
    why = ", ".join(f"{code} x{times}" for code, times in group.errors.most_common(2))
    shown = f"  ✖ {group.failed}" + (f"  {clean(why)}" if width >= WIDE_FROM else "")
    return [Segment(shown, S.failed)]
