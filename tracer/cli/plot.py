"""Groups of interactions as bars in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tracer.cli import rendering

if TYPE_CHECKING:
    from tracer.store.stats import Group

WIDTH = 100
"""Cells of a line where there is no terminal to fill."""
_EIGHTHS = " ▏▎▍▌▋▊▉"

type Figure = tuple[Callable[[Group], float | None], Callable[[float], str]]


def _number(value: float) -> str:
    return rendering.count(round(value))


def _money(value: float) -> str:
    return rendering.money(round(value))


FIGURES: dict[str, Figure] = {
    "count": (lambda group: group.interactions, _number),
    "failed": (lambda group: group.failed, _number),
    "p50": (lambda group: group.duration_us.get(50), rendering.duration),
    "p95": (lambda group: group.duration_us.get(95), rendering.duration),
    "first": (lambda group: group.first_output_us.get(50), rendering.duration),
    "speed": (lambda group: group.tokens_per_second.get(50), lambda value: f"{value:.0f} tok/s"),
    "tokens": (lambda group: group.total_tokens, _number),
    "cost": (lambda group: group.cost_nano, _money),
}
"""What can be drawn -> its value, None where it is not known, and how it is written."""


def bars(groups: Sequence[tuple[str, Group]], figure: str) -> list[str]:
    """A line for each named group: name, bar, value."""
    value_of, written = FIGURES[figure]
    rows = [(name, value_of(group)) for name, group in groups]
    labels = ["?" if value is None else written(value) for _, value in rows]
    names = max(rendering.width(name) for name, _ in rows)
    room = max(8, (rendering.line_width() or WIDTH) - names - max(map(len, labels)) - 4)
    most = max((value for _, value in rows if value), default=0.0)
    return [
        f"{name}{' ' * (names - rendering.width(name))}  {_bar(value or 0, most, room)} {label}".rstrip()
        for (name, value), label in zip(rows, labels, strict=True)
    ]


def _bar(value: float, most: float, room: int) -> str:
    eighths = round(value / most * room * 8) if most else 0
    whole, rest = divmod(max(eighths, 1 if value else 0), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
