"""Rows of a conversation -> the lines of its tree, with the sums of each branch, and linear chains folded.

A chain of turns stays in its column, as in a drawing of a version history; only a fork moves to the right. So
indentation means a branch, and a chat of a hundred turns does not leave the screen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tracer.store.rows import InteractionRow
from tracer.tree import conversation, from_here, from_root, lanes

FOLD_FROM = 5
"""A shorter run of turns that nothing distinguishes is not worth a line that hides it."""


class Sums(NamedTuple):
    """Turns added up; ghosts count for nothing."""

    turns: int
    failed: int
    tokens: int
    cost_nano: int
    priced: int
    """Turns whose cost is known."""


@dataclass(frozen=True, slots=True)
class Branch:
    """An interaction, the guide characters before it, and what its branch took."""

    row: InteractionRow
    head: str
    """Guides left of the status sign."""
    tail: str
    """Guides of a second line, the sign's own column included."""
    children: int
    so_far: Sums
    """From the root to here."""
    onward: Sums
    """Here and all that continues from here."""
    begins: bool
    """A root, or one of several that continue the same turn."""
    brings_results: bool = False
    """It answers the tool calls of its parent."""
    hidden: tuple[InteractionRow, ...] = ()
    """Turns that this line stands for, its own row the first of them."""

    @property
    def fork(self) -> bool:
        """More than one interaction continues from here."""
        return self.children > 1


def outline(rows: Sequence[InteractionRow]) -> list[Branch]:
    """Every row once, parents before children, brothers by start time. A row whose parent is not among them is a
    root; so is, after all others, the first of a circle."""
    nodes = conversation(rows)
    present = {row.key: row for row in rows}
    forks = {node.row.key for node in nodes if node.fork}
    return [
        Branch(
            node.row,
            lane.head,
            lane.tail,
            node.children,
            Sums(*so_far),
            Sums(*onward),
            node.depth == 0 or node.row.parent_key in forks,
            _brings_results(node.row, present),
        )
        for node, lane, so_far, onward in zip(
            nodes, lanes(nodes), from_root(nodes, _numbers), from_here(nodes, _numbers), strict=True
        )
    ]


def folded(branches: Sequence[Branch], shown: Collection[str] = ()) -> list[Branch]:
    """The tree with one line for each run of turns of which each has one before and one after it, and nothing went
    wrong. The keys in `shown` are never hidden."""
    lines: list[Branch] = []
    for run in _runs(branches, shown):
        if len(run) < FOLD_FROM:
            lines += run
        else:
            lines.append(replace(run[0], hidden=tuple(branch.row for branch in run)))
    return lines


def _runs(branches: Sequence[Branch], shown: Collection[str]) -> Iterator[list[Branch]]:
    run: list[Branch] = []
    for branch in branches:
        if _ordinary(branch) and branch.row.key not in shown:
            run.append(branch)
            continue
        if run:
            yield run
            run = []
        yield [branch]
    if run:
        yield run


def _ordinary(branch: Branch) -> bool:
    row = branch.row
    ended = row.state == "complete" and row.status in ("completed", "requires_action")
    return branch.children == 1 and not branch.begins and not row.ghost and ended


def failed(row: InteractionRow) -> bool:
    """Whether a turn went wrong, by the service's word or on the way."""
    return row.state in ("error", "interrupted", "truncated") or row.status == "failed"


def _numbers(row: InteractionRow) -> tuple[int, ...]:
    if row.ghost:
        return Sums(0, 0, 0, 0, 0)
    return Sums(1, failed(row), row.total_tokens or 0, row.cost_nano or 0, row.cost_nano is not None)


def _brings_results(row: InteractionRow, present: Mapping[str, InteractionRow]) -> bool:
    parent = present.get(row.parent_key or "")
    return parent is not None and row.prompt.startswith(tuple(f"{name}:" for name in parent.tools.split()))
