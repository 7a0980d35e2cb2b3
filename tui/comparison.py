"""A difference -> drawn lines: side by side where there is room, else one below the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tracer.diff import Change, Difference, Figure, StepPair, Words
from tui.text import clean, cut, dollars, duration, fit, lines_of
from tui.theme import S

BESIDE_FROM = 90
"""Width at which A and B stand side by side."""
MAX_LINES = 400
"""Of one step's text."""

type Line = list[Segment]


@dataclass(frozen=True, slots=True)
class Shown:
    """A drawn line; `starts` says that a difference begins here."""

    segments: Line
    starts: bool = False


_SIGNS: dict[str, tuple[str, Style]] = {
    "same": ("=", S.faint),
    "changed": ("~", S.running),
    "added": ("+", S.done),
    "removed": ("-", S.failed),
}


def compared(found: Difference, width: int, *, asked_only: bool = False) -> list[Shown]:
    """The whole comparison, at most `width` cells a line; without figures and output if one was never answered."""
    lines = [] if asked_only else [*_figures(found, width), Shown([])]
    lines += _section("Parameters", bool(found.parameters), (Shown(_change(c, width), True) for c in found.parameters))
    lines += _section("Tools", bool(found.tools), _tools(found, width))
    for side in ("input",) if asked_only else ("input", "output"):
        steps = [step for step in found.steps if step.side == side]
        differ = any(step.kind != "same" for step in steps)
        lines += _section(side.capitalize(), differ, (line for step in steps for line in _step(step, width)))
    return lines


def _section(title: str, differs: bool, body: Iterator[Shown]) -> Iterator[Shown]:
    yield Shown([Segment(f" {title}", S.bright), Segment("" if differs else "   the same", S.faint)])
    yield from body
    yield Shown([])


def _figures(found: Difference, width: int) -> Iterator[Shown]:
    column = max(12, min(34, (width - 34) // 2))
    for figure in found.figures:
        differs = figure.before != figure.after
        values = [fit(clean(_told(figure.name, value)), column) for value in (figure.before, figure.after)]
        style = S.plain if differs else S.faint
        name = figure.name.removesuffix("_ms").replace("_", " ")
        delta = Segment(f" {_delta(figure)}", S.money)
        yield Shown([Segment(f"   {name:<18}", S.muted), Segment(" ".join(values), style), delta])


def _told(name: str, value: Any) -> str:
    """The value of a figure in its unit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _value(value)
    if name.endswith("_ms"):
        return duration(round(value * 1000))
    if name == "cost":
        return dollars(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _delta(figure: Figure) -> str:
    if not figure.delta:
        return ""
    told = f"{'+' if figure.delta > 0 else '-'}{_told(figure.name, abs(figure.delta))}"
    if not figure.before:
        return told
    share = figure.delta / figure.before
    return f"{told}  {share:+.1%}" if abs(share) < 0.1 else f"{told}  {share:+.0%}"


def _change(change: Change, width: int, indent: int = 3) -> Line:
    sign, style = _SIGNS[change.kind]
    path = cut(clean(change.path), width // 2)
    line = [Segment(" " * indent), Segment(f"{sign} ", style), Segment(path + ": ", S.focus)]
    room = width - indent - 4 - cell_len(path)
    if change.kind == "changed":
        before = cut(clean(_value(change.before)), room // 2 - 2)
        line += [Segment(before, S.failed), Segment(" → ", S.faint)]
        return [*line, Segment(cut(clean(_value(change.after)), room - cell_len(before) - 3), S.done)]
    return [*line, Segment(cut(clean(_value(change.before if change.after is None else change.after)), room), style)]


def _tools(found: Difference, width: int) -> Iterator[Shown]:
    for tool in found.tools:
        sign, style = _SIGNS[tool.kind]
        yield Shown([Segment(f"   {sign} ", style), Segment(cut(clean(tool.name), width - 6), S.tool)], True)
        yield from (Shown(_change(change, width, 7)) for change in tool.changes)


def _step(step: StepPair, width: int) -> Iterator[Shown]:
    sign, style = _SIGNS[step.kind]
    title = cut(clean(step.title), width - 8)
    plain = S.faint if step.kind == "same" else S.strong
    yield Shown([Segment(f"   {sign} ", style), Segment(title, plain)], step.kind != "same")
    for change in step.changes:
        yield Shown(_change(change, width, 7))
    if step.kind == "same":
        return
    if step.words and width >= BESIDE_FROM:
        yield from map(Shown, _beside(step.words, width))
        return
    pieces = step.words or (Words("added" if step.before is None else "removed", step.after or step.before or ""),)
    if not step.words and step.before is not None and step.after is not None:
        return
    for line in _wrapped(pieces, width - 8)[:MAX_LINES]:
        yield Shown([Segment("       "), *line])


def _beside(words: tuple[Words, ...], width: int) -> Iterator[Line]:
    room = (width - 8) // 2
    left = _wrapped(tuple(piece for piece in words if piece.kind != "added"), room)
    right = _wrapped(tuple(piece for piece in words if piece.kind != "removed"), room)
    nothing: Line = []
    for one, other in list(zip_longest(left, right, fillvalue=nothing))[:MAX_LINES]:
        used = sum(cell_len(segment.text) for segment in one)
        yield [Segment("     "), *one, Segment(" " * (room - used)), Segment(" │ ", S.line), *other]


_TEXT_STYLES = {"same": S.plain, "removed": S.removed, "added": S.added}


def _wrapped(words: tuple[Words, ...], width: int) -> list[Line]:
    """Text in styles, broken where a piece no longer fits."""
    lines: list[Line] = [[]]
    used = 0
    for piece in words:
        style = _TEXT_STYLES[piece.kind]
        for number, part in enumerate(lines_of(piece.text)):
            if number:
                lines.append([])
                used = 0
            for word in _pieces(part, width):
                size = cell_len(word)
                if used and used + size > width:
                    lines.append([])
                    used = 0
                lines[-1].append(Segment(word, style))
                used += size
    return lines


def _pieces(text: str, width: int) -> Iterator[str]:
    for word in text.replace(" ", " \0").split("\0"):
        rest = word
        while cell_len(rest) > width:
            yield (head := rest[: max(1, width // 2)])
            rest = rest[len(head) :]
        if rest:
            yield rest


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    return value if isinstance(value, str) else "-" if value is None else json.dumps(value, ensure_ascii=False)
