"""Conversation trees: rows in the order they are drawn, with their guide characters and the sums of each branch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Turn(Protocol):
    """What a row must tell to find its place."""

    @property
    def key(self) -> str:
        """Its own name."""

    @property
    def parent_key(self) -> str | None:
        """What it continues."""

    @property
    def started_at_us(self) -> int:
        """When it began, in microseconds."""


@dataclass(frozen=True, slots=True)
class Node[T]:
    """A row at its place in the tree."""

    row: T
    depth: int
    last: bool
    """No sibling follows."""
    children: int
    rails: tuple[bool, ...]
    """For each level between the root and this node: whether a line runs on there."""

    @property
    def fork(self) -> bool:
        """Two or more interactions continue this one."""
        return self.children > 1

    def guide(self, *, tee: str = "├─ ", corner: str = "└─ ", rail: str = "│  ", blank: str = "   ") -> str:
        """The guide characters before the row; none for a root."""
        if self.depth == 0:
            return ""
        lines = "".join(rail if runs else blank for runs in self.rails)
        return lines + (corner if self.last else tee)


def arrange[T](
    rows: Iterable[T],
    *,
    key: Callable[[T], Hashable],
    parent: Callable[[T], Hashable | None],
    order: Callable[[T], tuple[int | str, ...]],
) -> list[Node[T]]:
    """Rows depth first, siblings and roots by `order`. Deep chains don't recurse.

    A row whose parent is not among them is a root. Every row comes out once, even if parents went in a circle: the
    earliest of a circle is then taken for its root.
    """
    ordered = sorted(rows, key=order)
    present = {key(row) for row in ordered}
    below: dict[Hashable, list[T]] = {}
    roots: list[T] = []
    for row in ordered:
        above = parent(row)
        if above is None or above not in present or above == key(row):
            roots.append(row)
        else:
            below.setdefault(above, []).append(row)
    drawn: set[Hashable] = set()
    nodes: list[Node[T]] = []
    for row in [*roots, *ordered]:
        if key(row) not in drawn:
            _draw(row, below, key, drawn, nodes)
    return nodes


def conversation[T: Turn](rows: Iterable[T]) -> list[Node[T]]:
    """The turns of a conversation, brothers by their start."""
    return arrange(
        rows,
        key=lambda row: row.key,
        parent=lambda row: row.parent_key,
        order=lambda row: (row.started_at_us, row.key),
    )


class Lane(NamedTuple):
    """Guide characters of a node."""

    head: str
    """Before it."""
    tail: str
    """Before a second line of it, the column of its own sign included."""


def lanes[T](nodes: Iterable[Node[T]], *, tee: str = "├─", corner: str = "╰─", rail: str = "│ ") -> list[Lane]:
    """Guides for arranged nodes in which a chain stays in its column and only a fork moves to the right.

    So indentation means a branch, and a chat of a hundred turns does not leave the screen.
    """
    guides: list[Lane] = []
    trunks: list[tuple[str, bool]] = []
    blank = " " * len(rail)
    for node in nodes:
        del trunks[node.depth :]
        trunk, forked = trunks[-1] if trunks else ("", False)
        head, inner = trunk, trunk
        if forked:
            head, inner = trunk + (corner if node.last else tee), trunk + (blank if node.last else rail)
        guides.append(Lane(head, inner + (rail if node.children else blank)))
        trunks.append((inner, node.fork))
    return guides


def from_root[T](nodes: Iterable[Node[T]], numbers: Callable[[T], tuple[int, ...]]) -> list[tuple[int, ...]]:
    """For each arranged node, the sums of `numbers` over the way from its root to itself."""
    sums: list[tuple[int, ...]] = []
    way: list[tuple[int, ...]] = []
    for node in nodes:
        del way[node.depth :]
        own = numbers(node.row)
        way.append(_plus(way[-1], own) if way else own)
        sums.append(way[-1])
    return sums


def from_here[T](nodes: Sequence[Node[T]], numbers: Callable[[T], tuple[int, ...]]) -> list[tuple[int, ...]]:
    """For each arranged node, the sums of `numbers` over itself and all that continues from it."""
    sums: list[tuple[int, ...]] = []
    waiting: list[tuple[int, tuple[int, ...]]] = []
    for node in reversed(nodes):
        own = numbers(node.row)
        while waiting and waiting[-1][0] > node.depth:
            own = _plus(own, waiting.pop()[1])
        waiting.append((node.depth, own))
        sums.append(own)
    return sums[::-1]


def _plus(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


def _draw[T](
    root: T, below: dict[Hashable, list[T]], key: Callable[[T], Hashable], drawn: set[Hashable], nodes: list[Node[T]]
) -> None:
    waiting: list[tuple[T, int, bool, tuple[bool, ...]]] = [(root, 0, True, ())]
    drawn.add(key(root))
    while waiting:
        row, depth, last, rails = waiting.pop()
        children = [child for child in below.get(key(row), ()) if key(child) not in drawn]
        drawn.update(key(child) for child in children)
        nodes.append(Node(row, depth, last, len(children), rails))
        inner = (*rails, not last) if depth else ()
        waiting += [
            (child, depth + 1, place == len(children) - 1, inner)
            for place, child in reversed(list(enumerate(children)))
        ]
