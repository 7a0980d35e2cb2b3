"""Rows of a conversation -> the lines of its tree.

A chain of turns stays in its column, as in a drawing of a version history; only a fork moves to the right. So
indentation means a branch, and a chat of a hundred turns does not leave the screen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.store.rows import InteractionRow


@dataclass(frozen=True, slots=True)
class Branch:
    """An interaction and the guide characters before it."""

    row: InteractionRow
    head: str
    """Guides left of the status sign."""
    tail: str
    """Guides of a second line, the sign's own column included."""
    children: int
    brings_results: bool = False
    """It answers the tool calls of its parent."""

    @property
    def fork(self) -> bool:
        """More than one interaction continues from here."""
        return self.children > 1


def outline(rows: Sequence[InteractionRow]) -> list[Branch]:
    """Every row once, parents before children, brothers by start time. A row whose parent is not among them is a
    root; so is, after all others, the first of a circle."""
    ordered = sorted(rows, key=lambda row: (row.started_at_us, row.seq))
    present = {row.key: row for row in rows}
    below: dict[str | None, list[InteractionRow]] = defaultdict(list)
    for row in ordered:
        below[row.parent_key if row.parent_key in present else None].append(row)
    drawn: dict[str, Branch] = {}
    for root in (*below[None], *ordered):
        _walk(root, below, present, drawn)
    return list(drawn.values())


def _walk(
    root: InteractionRow,
    below: Mapping[str | None, list[InteractionRow]],
    present: Mapping[str, InteractionRow],
    drawn: dict[str, Branch],
) -> None:
    # A stack of our own, for a chain may be longer than the interpreter's.
    waiting = [(root, "", "")]
    while waiting:
        row, head, trunk = waiting.pop()
        if row.key in drawn:
            continue
        children = below.get(row.key, ())
        tail = trunk + ("│ " if children else "  ")
        drawn[row.key] = Branch(row, head, tail, len(children), _brings_results(row, present))
        if len(children) == 1:
            waiting.append((children[0], trunk, trunk))
            continue
        for place, child in reversed(list(enumerate(children, 1))):
            branch, rail = ("╰─", "  ") if place == len(children) else ("├─", "│ ")
            waiting.append((child, trunk + branch, trunk + rail))


def _brings_results(row: InteractionRow, present: Mapping[str, InteractionRow]) -> bool:
    parent = present.get(row.parent_key or "")
    return parent is not None and row.prompt.startswith(tuple(f"{name}:" for name in parent.tools.split()))
