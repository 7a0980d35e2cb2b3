"""The tree of one conversation, drawn like a version history: a chain is a column, a fork opens another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment

from tracer.store.rows import InteractionRow
from tui.data import RUNNING
from tui.outline import Branch
from tui.text import clean, count, cut, duration, fit, money, short_model
from tui.theme import S, glyph
from tui.widgets.virtual_list import Hint, VirtualList

COLUMNS_FROM = 76
"""Width at which an interaction fits into one line."""
TOKENS_FROM = 44
"""Width at which tokens have a column beside time and cost."""
FORK = "⋎"
"""U+2442, the fork proper, is in hardly any monospace font."""


class ConversationTree(VirtualList):
    """Every interaction of the chosen conversation."""

    TITLE = "Tree"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("↵", "steps"),
        ("r", "raw"),
        ("w", "waterfall"),
        ("d", "diff"),
        ("y e", "copy, export"),
        (":", "commands"),
        ("?", "keys"),
        ("q", "quit"),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.root_key: str | None = None
        self.nodes: list[Branch] = []
        self.matching: set[str] | None = None

    @property
    def chosen(self) -> InteractionRow | None:
        """The interaction under the cursor."""
        return self.nodes[self.cursor].row if self.nodes else None

    @property
    def family(self) -> list[InteractionRow]:
        """Every interaction of the tree."""
        return [node.row for node in self.nodes]

    def show(
        self, root_key: str | None, nodes: Sequence[Branch], *, at: str | None, matching: set[str] | None = None
    ) -> None:
        """A tree with the cursor on the interaction `at`; else on the newest that is `matching`, or the newest of all.
        What doesn't match is dimmed."""
        if root_key != self.root_key:
            self.cursor = 0
        self.root_key, self.nodes, self.matching = root_key, list(nodes), matching
        self.set_total(len(nodes))
        where = next((index for index, node in enumerate(nodes) if node.row.key == at), None)
        if where is None and nodes:
            where = max(range(len(nodes)), key=lambda index: self._order(nodes[index].row))
        self.cursor = where or 0
        self.show_row(self.cursor)

    def _order(self, row: InteractionRow) -> tuple[bool, int, int]:
        return self.matching is not None and row.key in self.matching, row.started_at_us, row.seq

    def lines_per_row(self, width: int) -> int:
        """One line where the columns fit, else two."""
        return 1 if width >= COLUMNS_FROM else 2

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """An interaction and its guides."""
        node = self.nodes[index]
        if width >= COLUMNS_FROM:
            drawn = one_line(node, width)
        else:
            drawn = first_line(node, width) if part == 0 else second_line(node, width)
        if self.matching is None or node.row.key in self.matching:
            return drawn
        return [Segment(segment.text, S.faint) for segment in drawn]

    def column_titles(self, width: int) -> str:
        """Names over the columns."""
        if not self.nodes:
            return ""
        names = f"{'tokens' if width >= TOKENS_FROM else '':>{_tokens_width(width)}} {'time':>6} {'cost':>8} "
        return f"{'model':<10} {names}" if width >= COLUMNS_FROM else names


def one_line(node: Branch, width: int) -> list[Segment]:
    """Guides, sign, what was asked, model, tokens, time, cost."""
    columns = [Segment(" " + fit(_model(node.row), 10), S.muted), *_columns(node.row, width)]
    return [*_head(node, width - sum(len(segment.text) for segment in columns)), *columns]


def first_line(node: Branch, width: int) -> list[Segment]:
    """Guides, sign, what was asked."""
    return _head(node, width)


def second_line(node: Branch, width: int) -> list[Segment]:
    """Guides, model; tokens, time and cost in columns at the right edge."""
    tail = " " + _guides(node.tail, width // 2) + " "
    row = node.row
    if row.ghost:
        return [Segment(tail, S.faint), Segment(cut(clean(row.id or ""), width - len(tail)), S.ghost)]
    columns = _columns(row, width)
    room = width - len(tail) - sum(len(segment.text) for segment in columns)
    return [Segment(tail, S.faint), Segment(fit(_model(row), room), S.muted), *columns]


def _head(node: Branch, width: int) -> list[Segment]:
    row = node.row
    sign, style = glyph(row.status, row.state, ghost=row.ghost)
    guides = " " + _guides(node.head, width // 2)
    room = width - cell_len(guides) - 3
    tools = cut(" ".join(f"⚙ {tool}" for tool in clean(row.tools).split()), room // 2)
    after = [Segment("  " + tools, S.tool)] if tools else []
    if node.fork:
        after.append(Segment(f"  {FORK} {node.children}", S.key))
    room -= sum(cell_len(segment.text) for segment in after)
    style_of_text = S.ghost if row.ghost else S.muted if node.brings_results else S.plain
    text = Segment(fit(_asked(node), room), style_of_text)
    return [Segment(guides, S.faint), Segment(sign + " ", style), text, *after, Segment(" ")]


def _asked(node: Branch) -> str:
    if node.row.ghost:
        return "not recorded"
    return ("↳ " if node.brings_results else "") + (clean(node.row.prompt) or "no input")


def _model(row: InteractionRow) -> str:
    return short_model(row.model or row.agent)


def _tokens_width(width: int) -> int:
    return 12 if width >= TOKENS_FROM else 0


def _columns(row: InteractionRow, width: int) -> list[Segment]:
    produced = _produced(row)
    unknown = row.input_tokens is produced is None or width < TOKENS_FROM
    tokens = "" if unknown else f"{count(row.input_tokens)}→{count(produced)}"
    if row.duration_us is not None:
        took = duration(row.duration_us)
    else:
        took = "…" if row.state == "in_flight" or row.status in RUNNING else ""
    cost = "" if row.cost_nano is None else money(row.cost_nano)
    return [Segment(f"{tokens:>{_tokens_width(width)}} {took:>6}", S.muted), Segment(f" {cost:>8} ", S.money)]


def _produced(row: InteractionRow) -> int | None:
    if row.output_tokens is row.thought_tokens is None:
        return None
    return (row.output_tokens or 0) + (row.thought_tokens or 0)


def _guides(guides: str, room: int) -> str:
    """Guides deeper than the pane allows lose their left part."""
    return guides if len(guides) <= room else "⋯" + guides[len(guides) - room + 1 :]
