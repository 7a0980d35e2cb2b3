"""The tree of one conversation, drawn like a version history: a chain is a column, a fork opens another."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType

from tracer.store.rows import InteractionRow
from tui.data import is_running
from tui.outline import Branch, failed, folded
from tui.text import clean, count, cut, duration, fit, money, short_model
from tui.theme import S, glyph
from tui.widgets.virtual_list import Hint, VirtualList

COLUMNS_FROM = 76
"""Width at which an interaction fits into one line."""
TOKENS_FROM = 44
"""Width at which tokens have a column beside time and cost."""
WORDS_CELLS = 36
"""Cells that a line's own words should have before sums stand beside them."""
SIGNS_CELLS = 10
"""Cells for the signs around them."""
MODEL_CELLS = 10
"""Of a model's name, before polls and sums make room for it."""
FOLDED_CELLS = 40
"""For the sums of a folded chain where it stands on one line."""
FORK = "⋎"
"""U+2442, the fork proper, is in hardly any monospace font."""


class ConversationTree(VirtualList):
    """Every interaction of the chosen conversation; long chains are folded until `z` opens them."""

    TITLE = "Tree"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("↵", "steps"),
        ("z", "chains"),
        ("C", "context"),
        ("r w", "raw, waterfall"),
        ("d", "diff"),
        ("y e", "copy, export"),
        ("?", "keys"),
        ("q", "quit"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z", "chains", "fold or open chains of turns", show=False),
    ]

    def __init__(self, now_us: Callable[[], int], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.root_key: str | None = None
        self.branches: list[Branch] = []
        """The whole tree."""
        self.nodes: list[Branch] = []
        """The lines of it that are shown."""
        self.matching: set[str] | None = None
        self.chains_folded = True
        self._opened: set[str] = set()
        self._now_us = now_us

    @property
    def chosen(self) -> InteractionRow | None:
        """The interaction under the cursor, the first of them on a folded chain."""
        return self.nodes[self.cursor].row if self.nodes else None

    @property
    def family(self) -> list[InteractionRow]:
        """Every interaction of the tree."""
        return [branch.row for branch in self.branches]

    @property
    def chosen_branch(self) -> Branch | None:
        """The line under the cursor."""
        return self.nodes[self.cursor] if self.nodes else None

    def show(
        self, root_key: str | None, nodes: Sequence[Branch], *, at: str | None, matching: set[str] | None = None
    ) -> None:
        """A tree with the cursor on the interaction `at`; else on the newest that is `matching`, or the newest of all.
        What doesn't match is dimmed."""
        if root_key != self.root_key:
            self.cursor = 0
            self._opened.clear()
        self.root_key, self.branches, self.matching = root_key, list(nodes), matching
        if at is None and nodes:
            at = max(nodes, key=lambda branch: self._order(branch.row)).row.key
        self._show_lines(at)

    def _show_lines(self, at: str | None) -> None:
        """Fold what is to be folded, with the cursor on an interaction or the line that stands for it."""
        shown = self._opened | (self.matching or set())
        self.nodes = folded(self.branches, shown) if self.chains_folded else self.branches
        self.set_total(len(self.nodes))
        self.cursor = next((index for index, node in enumerate(self.nodes) if _stands_for(node, at)), 0)
        self.show_row(self.cursor)

    def _order(self, row: InteractionRow) -> tuple[bool, bool, int, int]:
        return self.matching is not None and row.key in self.matching, not row.ghost, row.started_at_us, row.seq

    def next_match(self, step: int) -> str:
        """To the next turn for which the filter holds, round and round; returns what to say."""
        matching = [at for at, node in enumerate(self.nodes) if node.row.key in (self.matching or ())]
        if not matching:
            return "no turn of this conversation matches"
        ahead, behind = bisect_right(matching, self.cursor), bisect_left(matching, self.cursor)
        place = (ahead + step - 1 if step > 0 else behind + step) % len(matching)
        self.move_to(matching[place])
        return f"match {place + 1} of {len(matching)}"

    def action_chains(self) -> None:
        """Fold every long chain of turns, or open them all; the cursor stays on its turn."""
        at = self.chosen
        self.chains_folded = not self.chains_folded
        self._opened.clear()
        self._show_lines(None if at is None else at.key)

    def action_open(self) -> None:
        """Open the chain under the cursor; on a turn, go on to its steps."""
        if self.nodes and (hidden := self.nodes[self.cursor].hidden):
            self.take_count()
            self._opened.update(row.key for row in hidden)
            self._show_lines(hidden[0].key)
        else:
            super().action_open()

    def tick(self) -> None:
        """Time goes on for what runs."""
        for index, node in enumerate(self.nodes):
            if is_running(node.row):
                self.refresh_row(index)

    def lines_per_row(self, width: int) -> int:
        """One line where the columns fit, else two."""
        return 1 if width >= COLUMNS_FROM else 2

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """An interaction and its guides, or a folded chain."""
        node = self.nodes[index]
        if node.hidden:
            if width >= COLUMNS_FROM:
                return [*folded_line(node, width - FOLDED_CELLS), *folded_sums(node, FOLDED_CELLS, tail="")]
            return folded_line(node, width) if part == 0 else folded_sums(node, width)
        now = self._now_us()
        if width >= COLUMNS_FROM:
            drawn = one_line(node, width, now)
        else:
            drawn = first_line(node, width) if part == 0 else second_line(node, width, now)
        if self.matching is None or node.row.key in self.matching:
            return drawn
        return [Segment(segment.text, S.faint) for segment in drawn]

    def column_titles(self, width: int) -> str:
        """Names over the columns."""
        if not self.nodes:
            return ""
        names = f"{'tokens' if width >= TOKENS_FROM else '':>{_tokens_width(width)}} {'time':>6} {'cost':>8} "
        return f" {'model':<10}{names}" if width >= COLUMNS_FROM else names


def one_line(node: Branch, width: int, now_us: int) -> list[Segment]:
    """Guides, sign, what was asked, model, tokens, time, cost."""
    columns = [Segment(" " + fit(_model(node.row), 10), S.muted), *_columns(node.row, width, now_us)]
    room = width - sum(len(segment.text) for segment in columns)
    effort: list[Segment] = []
    for extra in _extras(node):
        # What was asked comes first; of the sums, money is what is asked for next.
        for text in (extra.text, re.sub(r"Σ \S+ ", "Σ ", extra.text)):
            taken = sum(cell_len(segment.text) for segment in effort) + cell_len(text) + 2
            least = WORDS_CELLS // (3 if "Σ" not in text else 1) if text == extra.text else WORDS_CELLS * 2 // 3
            if room - taken >= min(least, cell_len(node.head) + cell_len(_asked(node)) + SIGNS_CELLS):
                effort.append(Segment("  " + text, extra.style))
                break
    room -= sum(cell_len(segment.text) for segment in effort)
    return [*_head(node, room), *effort, *columns]


def first_line(node: Branch, width: int) -> list[Segment]:
    """Guides, sign, what was asked."""
    return _head(node, width)


def second_line(node: Branch, width: int, now_us: int) -> list[Segment]:
    """Guides, model, polls or the sums of the branch; tokens, time and cost in columns at the right edge."""
    tail = " " + _guides(node.tail, width // 2) + " "
    row = node.row
    if row.ghost:
        return [Segment(tail, S.faint), Segment(cut(clean(row.id or ""), width - len(tail)), S.ghost)]
    columns = _columns(row, width, now_us)
    room = width - len(tail) - sum(len(segment.text) for segment in columns)
    effort: list[Segment] = []
    for extra in _extras(node):
        # Of the sums, money is what is asked for first.
        for text in (extra.text, re.sub(r"Σ \S+ ", "Σ ", extra.text)):
            if cell_len(text) + 2 <= room - min(len(_model(row)), MODEL_CELLS):
                effort.append(Segment("  " + text, extra.style))
                room -= cell_len(text) + 2
                break
    return [Segment(tail, S.faint), Segment(fit(_model(row), room), S.muted), *effort, *columns]


def folded_line(node: Branch, width: int) -> list[Segment]:
    """How many turns are hidden, from which to which."""
    guides = " " + _guides(node.head, width // 2)
    turns = f"⋯ {len(node.hidden)} turns  "
    room = width - cell_len(guides) - len(turns) - 1
    said = clean(node.row.prompt) or "no input"
    return [Segment(guides, S.faint), Segment(turns, S.key), Segment(fit(said, room), S.faint), Segment(" ")]


def folded_sums(node: Branch, width: int, tail: str | None = None) -> list[Segment]:
    """What the hidden turns took, and the last of them."""
    tail = " " + _guides(node.tail, width // 2) + " " if tail is None else tail
    known = [row.cost_nano for row in node.hidden if row.cost_nano is not None]
    tokens = count(sum(row.total_tokens or 0 for row in node.hidden))
    cost = money(sum(known)) if known else ""
    last = cut("… " + clean(node.hidden[-1].prompt), width - len(tail) - len(tokens) - len(cost) - 9)
    left = [Segment(tail, S.faint), Segment(last, S.faint)]
    room = width - sum(cell_len(segment.text) for segment in left) - len(cost) - 2
    return [*left, Segment(f"Σ {tokens} ".rjust(room), S.muted), Segment(f" {cost} ", S.money)]


def _stands_for(node: Branch, key: str | None) -> bool:
    return node.row.key == key or any(row.key == key for row in node.hidden)


def _head(node: Branch, width: int) -> list[Segment]:
    row = node.row
    sign, style = glyph(row.status, row.state, ghost=row.ghost)
    guides = " " + _guides(node.head, width // 2)
    room = width - cell_len(guides) - 3
    tools = cut(" ".join(f"⚙ {tool}" for tool in clean(row.tools).split()), room // 2)
    after = [Segment("  " + tools, S.tool)] if tools else []
    if node.fork:
        after.append(Segment(f"  {FORK} {node.children}", S.key))
    if (node.begins or node.fork) and (below := node.onward.failed - failed(row)):
        after.append(Segment(f"  ✖ {below}", S.failed))
    room -= sum(cell_len(segment.text) for segment in after)
    style_of_text = S.ghost if row.ghost else S.muted if node.brings_results else S.plain
    text = Segment(fit(_asked(node), room), style_of_text)
    return [Segment(guides, S.faint), Segment(sign + " ", style), text, *after, Segment(" ")]


def _extras(node: Branch) -> list[Segment]:
    """What a job took to be heard of, and the sums of a branch of several turns where it begins."""
    row, sums = node.row, node.onward
    found = []
    if row.polls or row.retries or row.hops > 1:
        effort = ((row.polls, "poll"), (row.retries, "retry"), (row.hops if row.hops > 1 else 0, "hop"))
        said = " ".join(f"{number} {_plural(word, number)}" for number, word in effort if number)
        found.append(Segment(said, S.running if is_running(row) else S.muted))
    if node.begins and sums.turns > 1:
        cost = f" {money(sums.cost_nano)}" if sums.priced else ""
        found.append(Segment(f"Σ {count(sums.tokens)}{cost}", S.money))
    return found


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"


def _asked(node: Branch) -> str:
    if node.row.ghost:
        return "not recorded"
    return ("↳ " if node.brings_results else "") + (clean(node.row.prompt) or "no input")


def _model(row: InteractionRow) -> str:
    return short_model(row.model or row.agent)


def _tokens_width(width: int) -> int:
    return 12 if width >= TOKENS_FROM else 0


def _columns(row: InteractionRow, width: int, now_us: int) -> list[Segment]:
    produced = _produced(row)
    unknown = row.input_tokens is produced is None or width < TOKENS_FROM
    tokens = "" if unknown else f"{count(row.input_tokens)}→{count(produced)}"
    took, style = duration(row.duration_us) if row.duration_us is not None else "", S.muted
    if row.duration_us is None and is_running(row):
        took, style = duration(max(0, now_us - row.started_at_us)), S.running
    cost = "" if row.cost_nano is None else money(row.cost_nano)
    return [
        Segment(f"{tokens:>{_tokens_width(width)}} ", S.muted),
        Segment(f"{took:>6}", style),
        Segment(f" {cost:>8} ", S.money),
    ]


def _produced(row: InteractionRow) -> int | None:
    if row.output_tokens is row.thought_tokens is None:
        return None
    return (row.output_tokens or 0) + (row.thought_tokens or 0)


def _guides(guides: str, room: int) -> str:
    """Guides deeper than the pane allows lose their left part."""
    return guides if len(guides) <= room else "⋯" + guides[len(guides) - room + 1 :]
