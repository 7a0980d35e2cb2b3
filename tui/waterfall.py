"""Spans -> bars at a zoom. Pure; a row costs its width, not the length of the stream."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.text import clean, cut, duration, fit
from tui.theme import BACKGROUND, S
from tui.timeline import Span, SpanKind

STYLES: dict[SpanKind, Style] = {
    "request": S.focus,
    "turn": S.focus,
    "step": S.done,
    "thought": S.thought,
    "tool": S.tool,
    "app": S.money,
    "gap": S.running,
    "failed": S.failed,
}
DENSITY = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the time is in view."""

    start_us: int
    end_us: int

    def column(self, at_us: int, columns: int) -> int:
        """Where a moment stands among `columns` cells; outside of them if it is out of view."""
        return (at_us - self.start_us) * columns // max(1, self.end_us - self.start_us)


def label_width(width: int) -> int:
    """Cells for the names at the left."""
    return max(16, min(38, width // 3))


def bar(span: Span, view: View, width: int, playhead_us: int | None) -> list[Segment]:
    """One row: its name, its bar, and what there is to say of it where there is room."""
    names = label_width(width)
    label = cut("  " * span.depth + clean(span.label), names - 2)
    segments = [Segment(" " + fit(label, names - 1), S.muted if span.depth else S.plain)]
    return [*segments, *_cells(span, view, width - names, playhead_us)]


def ruler(view: View, width: int, playhead_us: int | None) -> list[Segment]:
    """The times over the bars."""
    names = label_width(width)
    columns = width - names
    marks = [" "] * columns
    for part in range(4):
        at = view.start_us + (view.end_us - view.start_us) * part // 4
        text = duration(at) if at else "0"
        start = columns * part // 4
        marks[start : start + len(text) + 1] = f"▏{text}"[: columns - start]
    here = "" if playhead_us is None else f" at {playhead_us / 1e6:.3f}s"
    shown = "".join(marks)[:columns]
    return [Segment(fit(here, names), S.key), Segment(fit(shown, columns), S.faint)]


def _cells(span: Span, view: View, columns: int, playhead_us: int | None) -> list[Segment]:
    style = STYLES[span.kind]
    first = view.column(span.start_us, columns)
    last = max(first, view.column(span.end_us, columns) - 1)
    answered = view.column(span.start_us + span.waited_us, columns) if span.waited_us else first
    cells: list[tuple[str, Style]] = [(" ", S.plain)] * columns
    density = _density(span, view, columns)
    for column in range(max(0, first), min(columns, last + 1)):
        if span.kind in ("app", "gap"):
            cells[column] = ("┄", style)
        elif column < answered:
            cells[column] = ("░", style)
        else:
            cells[column] = (density.get(column, "▁") if span.marks else "█", style)
    solid = span.kind not in ("app", "gap")
    inside = None if span.marks else Style(color=BACKGROUND, bgcolor=style.color) if solid else style
    _write(cells, span.note, first, last, inside)
    if playhead_us is not None and 0 <= (at := view.column(playhead_us, columns)) < columns:
        text, style = cells[at]
        cells[at] = ("│" if text == " " else text, style + S.playhead)
    return _joined(cells)


def _density(span: Span, view: View, columns: int) -> dict[int, str]:
    """Pieces per cell, drawn as heights."""
    if not span.marks:
        return {}
    counts: dict[int, int] = {}
    low = bisect_left(span.marks, view.start_us)
    high = bisect_left(span.marks, view.end_us + 1)
    for mark in span.marks[low:high]:
        column = min(view.column(mark, columns), columns - 1)
        counts[column] = counts.get(column, 0) + 1
    most = max(counts.values(), default=1)
    return {column: DENSITY[max(1, len(DENSITY) * count // most - 1)] for column, count in counts.items()}


def _write(cells: list[tuple[str, Style]], note: str, first: int, last: int, inside: Style | None) -> None:
    """The note right of the bar, else left of it, else inside if there is a style for that; as much of it as fits."""
    words = clean(note).split(" · ")
    for kept in range(len(words), 0, -1):
        if _written(cells, " · ".join(words[:kept]), first, last, inside):
            return


def _written(cells: list[tuple[str, Style]], note: str, first: int, last: int, inside: Style | None) -> bool:
    size, columns = cell_len(note), len(cells)
    style = S.faint
    start = last + 2 if last + 2 + size <= columns else first - size - 1
    if start < 0 and inside is not None:
        start, style = min(last, columns - 1) - size, inside
    if not note or size != len(note) or start < 0 or start + size > columns:
        return False
    for at, character in enumerate(note, start):
        cells[at] = (character, style)
    return True


def _joined(cells: list[tuple[str, Style]]) -> list[Segment]:
    """Neighbours of one style in one segment."""
    starts = [0, *(at for at, (left, right) in enumerate(pairwise(cells), 1) if left[1] is not right[1]), len(cells)]
    return [Segment("".join(text for text, _ in cells[a:b]), cells[a][1]) for a, b in pairwise(starts) if b > a]
