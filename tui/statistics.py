"""Statistics -> drawn lines: what runs, then the models, then the days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tracer.cassettes.verdicts import Verdict
from tracer.store.rows import InteractionRow
from tracer.store.stats import Group
from tui.data import COURSE_POINTS, Counted, Running
from tui.text import age, clean, count, cut, duration, fit, money, short_model
from tui.theme import S, glyph

WIDE_FROM = 110
"""Width from which the table has a column for the course of the latency, and for tokens per second."""
DAYS = 14
CASSETTES = 8
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line, and the interaction it speaks of."""

    segments: list[Segment]
    row: InteractionRow | None = None
    miss: tuple[str, str] | None = None
    """A recording, and the request of a test that missed it."""


def page(
    running: Running, counted: Counted | None, cassettes: Sequence[Verdict], width: int, now_us: int
) -> list[Drawn]:
    """The whole page; what is not counted yet is said."""
    lines = [_title("Running", f"{len(running.rows)}" if running.rows else "nothing")]
    for row in running.rows[: len(running.tails)]:
        lines += _running(row, running.tails.get(row.key, ""), width, now_us)
    lines.append(Drawn([]))
    if cassettes:
        lines += [*_cassettes(cassettes, width, now_us), Drawn([])]
    if counted is None:
        return [*lines, _title("Models and agents", "counting …")]
    number = sum(group.interactions for group in counted.models)
    lines.append(_title("Models and agents", f"{number:,} interactions"))
    lines += _table("model", counted.models, width, counted)
    lines += [Drawn([]), _title("Days", "UTC")]
    lines += _table("day", counted.days[:DAYS], width, counted)
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


def _cassettes(cassettes: Sequence[Verdict], width: int, now_us: int) -> Iterator[Drawn]:
    yield _title("Cassettes", "as the tests last used them")
    for one in cassettes[:CASSETTES]:
        hits = f"{one.replayed}/{one.replayed + one.missed} hit" if one.replayed + one.missed else "unused"
        also = [f"{one.recorded} recorded"] if one.recorded else []
        also += [f"{one.unplayed} unplayed"] if one.unplayed else []
        told = f"  {age(one.at_us, now_us):>5}  {', '.join([hits, *also])}"
        missed = f", {one.missed} missed{': d shows why' if one.compare else ''}" if one.missed else ""
        sign, style = ("✖", S.failed) if one.missed else ("●", S.done)
        name = cut(clean(Path(one.cassette).name), width - cell_len(told + missed) - 6)
        segments = [Segment(f"   {sign} ", style), Segment(name, S.plain), Segment(told, S.muted)]
        yield Drawn([*segments, Segment(missed, S.failed)], miss=one.compare[0] if one.compare else None)


type _Column = tuple[str, int, Style]


def _table(name: str, groups: list[Group], width: int, counted: Counted) -> Iterator[Drawn]:
    wide = width >= WIDE_FROM
    columns: list[_Column] = [("calls", 9, S.plain), ("p50", 7, S.plain), ("p95", 7, S.plain)]
    columns += [("course", 17, S.focus)] if wide and name == "model" else []
    columns += [("first", 7, S.plain), ("tok/s", 6, S.plain)] if wide else []
    columns += [("tokens", 7, S.muted), ("cost", 9, S.money)]
    room = min(34, width - sum(size + 1 for _, size, _ in columns) - 16)
    titles = [f"{title:<{COURSE_POINTS}}" if title == "course" else title for title, _, _ in columns]
    heads = [Segment(f" {title:>{size}}", S.faint) for title, (_, size, _) in zip(titles, columns, strict=True)]
    yield Drawn([Segment(f"   {fit(name, room)}", S.faint), *heads, Segment("  failed", S.faint)])
    for group in groups:
        values = _values(group, counted.course.get(group.name, []))
        cells = [Segment(f" {values[title]:>{size}}", style) for title, size, style in columns]
        label = short_model(group.name) if name == "model" else group.name
        yield Drawn([Segment(f"   {fit(label or 'unknown', room)}", S.plain), *cells, *_failures(group, width)])
    if not groups:
        yield Drawn([Segment("   nothing recorded yet", S.muted)])


def _values(group: Group, course: list[float | None]) -> dict[str, str]:
    rate = group.tokens_per_second.get(50)
    return {
        "calls": f"{group.interactions:,}",
        "p50": _time(group.duration_us.get(50)),
        "p95": _time(group.duration_us.get(95)),
        "course": f"{sparkline(course):<{COURSE_POINTS}}",
        "first": _time(group.first_output_us.get(50)),
        "tok/s": "-" if rate is None else f"{rate:,.0f}",
        "tokens": count(group.total_tokens),
        "cost": money(group.cost_nano),
    }


def sparkline(points: list[float | None]) -> str:
    """Values as heights; a blank where there is none."""
    most = max((point for point in points if point), default=0.0)
    return "".join(
        " " if point is None else BARS[int(point / most * (len(BARS) - 1)) if most else 0] for point in points
    ).rstrip()


def _time(us: float | None) -> str:
    return duration(None if us is None else round(us))


def _failures(group: Group, width: int) -> list[Segment]:
    if not group.failed:
        return [Segment("      -", S.faint)]
    why = ", ".join(f"{code} x{times}" for code, times in list(group.errors.items())[:2])
    shown = f"  ✖ {group.failed}" + (f"  {clean(why)}" if width >= WIDE_FROM else "")
    return [Segment(shown, S.failed)]
