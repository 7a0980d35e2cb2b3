"""Rows of a conversation -> the lines of its tree.

A chain of turns stays in its column, as in a drawing of a version history; only a fork moves to the right. So
indentation means a branch, and a chat of a hundred turns does not leave the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.store.rows import InteractionRow
from tracer.tree import arrange


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
    """Every row once, parents before children, brothers by start time."""
    nodes = arrange(
        rows, key=lambda row: row.key, parent=lambda row: row.parent_key, order=lambda row: (row.started_at_us, row.seq)
    )
    drawn: list[Branch] = []
    trunks: dict[str, str] = {}
    forks = {node.row.key for node in nodes if node.fork}
    tools = {node.row.key: tuple(f"{name}:" for name in node.row.tools.split()) for node in nodes if node.row.tools}
    for node in nodes:
        above = node.row.parent_key if node.depth else None
        trunk = head = trunks.get(above, "") if above is not None else ""
        if above in forks:
            head, trunk = (trunk + "╰─", trunk + "  ") if node.last else (trunk + "├─", trunk + "│ ")
        trunks[node.row.key] = trunk
        tail = trunk + ("│ " if node.children else "  ")
        brings = node.row.prompt.startswith(tools.get(above or "", ())) if above else False
        drawn.append(Branch(node.row, head, tail, node.children, brings))
    return drawn
