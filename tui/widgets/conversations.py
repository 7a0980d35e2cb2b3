"""The list of conversations: two lines each in a narrow pane, aligned columns in a wide one."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.message import Message

from tracer.store.rows import ConversationRow
from tui.pages import Pages
from tui.text import age, clean, count, cut, fit, money, short_model
from tui.theme import S
from tui.widgets.virtual_list import Hint, VirtualList

COLUMNS_FROM = 64
"""Width at which a conversation fits into one line."""
WIDE_FROM = 90
"""Width at which it also has a column for the models."""
MODEL_FROM = 12
"""Cells that a model's name needs to be of any use."""
AHEAD = 64
"""Rows fetched before the cursor gets there."""


class ConversationList(VirtualList):
    """Every conversation of the database, of which only the looked-at ones are in memory."""

    TITLE = "Conversations"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("↵", "open"),
        ("/", "filter"),
        ("F", "follow"),
        ("L", "live"),
        ("y e", "copy, export"),
        (":", "commands"),
        ("?", "keys"),
        ("q", "quit"),
    )

    @dataclass
    class Wanted(Message):
        """Rows came into view that are not in memory."""

        seqs: array[int]

    def __init__(self, now_us: Callable[[], int], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.pages = Pages()
        self.unseen = 0
        """New conversations above the view."""
        self._empty_text: tuple[str, ...] = ()
        self._now_us = now_us

    def say_when_empty(self, text: tuple[str, ...]) -> None:
        """What to show in place of rows."""
        if text != self._empty_text:
            self._empty_text = text
            self.refresh()

    @property
    def chosen(self) -> int | None:
        """The `seq` under the cursor."""
        return self.pages.seqs[self.cursor] if self.total else None

    @property
    def chosen_row(self) -> ConversationRow | None:
        """The row under the cursor, None while it is being fetched."""
        return self.pages.row(self.cursor) if self.total else None

    def show(self, seqs: array[int], *, same: bool = False) -> None:
        """Another list, or a newer state of the `same` one. The cursor stays on its conversation, and that where it
        is on the screen; only if it is gone the cursor goes elsewhere."""
        before, kept = self.cursor, self.chosen
        newest = self.pages.seqs[0] if len(self.pages) else None
        self.pages.replace(seqs)
        self.set_total(len(seqs))
        at = None if kept is None else self.pages.index(kept)
        if at is None:
            self.cursor = min(before, max(0, len(seqs) - 1)) if same else 0
        else:
            self.cursor = at
        moved_by = (self.cursor - before) * self.row_height
        self.scroll_to(y=self.scroll_offset.y + moved_by, animate=False, force=True)
        self.show_row(self.cursor)
        arrived = (self.pages.index(newest) or 0) if same and newest is not None else 0
        self.unseen = 0 if not same or self.scroll_offset.y == 0 else self.unseen + arrived
        self.want_around()
        if at is None:
            self.post_message(self.Moved(self, self.cursor, by_user=False))

    def add(self, seqs: Sequence[int]) -> None:
        """New conversations on top, newest first; view and cursor stay where they are."""
        self.show(array("q", seqs) + self.pages.seqs, same=True)

    def drop(self, seqs: Collection[int]) -> None:
        """Conversations that are no more; the cursor stays on its own, or goes to the one that takes its place."""
        kept = array("q", (seq for seq in self.pages.seqs if seq not in seqs))
        if len(kept) < self.total:
            self.show(kept, same=True)

    def put(self, seqs: Sequence[int], rows: Sequence[ConversationRow]) -> None:
        """Rows that were wanted."""
        self.pages.put(seqs, rows)
        self.refresh()

    def update_rows(self, rows: Sequence[ConversationRow]) -> None:
        """Newer versions of rows."""
        self.pages.update(rows)
        self.refresh()

    def want_around(self) -> None:
        """Have the rows fetched that the next keys will show."""
        for index in (self.cursor, self.cursor + AHEAD, self.cursor - AHEAD):
            self._want(index)

    def _want(self, index: int) -> None:
        if (seqs := self.pages.wanted(index)) is not None:
            self.post_message(self.Wanted(seqs))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the top, nothing is unseen."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) == 0:
            self.unseen = 0

    def lines_per_row(self, width: int) -> int:
        """One line where the columns fit, else two."""
        return 1 if width >= COLUMNS_FROM else 2

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A conversation; dots until its row arrives."""
        row = self.pages.row(index)
        if row is None:
            self._want(index)
            return [Segment("  ·", S.line)]
        if width >= COLUMNS_FROM:
            return one_line(row, width, self._now_us())
        return (first_line if part == 0 else second_line)(row, width, self._now_us())

    def blank(self, y: int, width: int) -> list[Segment]:
        """An empty list says what to do."""
        if self.total or not 1 <= y <= len(self._empty_text):
            return []
        text = self._empty_text[y - 1]
        return [Segment("  " + text, S.key if text.startswith("  ") else S.muted)]

    def column_titles(self, width: int) -> str:
        """Names over the columns of the wide form."""
        return f"{'turns':>5}  {'tokens':>6}  {'cost':>8}  {'age':>6} " if width >= COLUMNS_FROM else ""


def sign(row: ConversationRow) -> tuple[str, Style]:
    """The status sign of a conversation: runs, has failures, done."""
    if row.running:
        return "◐", S.running
    return ("✖", S.failed) if row.failed else ("●", S.done)


def one_line(row: ConversationRow, width: int, now_us: int) -> list[Segment]:
    """Sign, title, model, turns, tokens, cost, age."""
    glyph, style = sign(row)
    model_width = 16 if width >= WIDE_FROM else 0
    rest = width - 3 - model_width - 34
    segments = [Segment(f" {glyph} ", style), Segment(fit(_title(row), rest), S.plain)]
    if model_width:
        segments.append(Segment(" " + fit(_models(row), model_width - 1), S.muted))
    return [
        *segments,
        Segment(f"  {row.interactions:>5}", S.muted),
        Segment(f"  {count(row.total_tokens) if row.total_tokens else '':>6}", S.muted),
        Segment(f"  {_cost(row):>8}", S.money),
        Segment(f"  {age(row.last_at_us, now_us):>6} ", S.muted),
    ]


def first_line(row: ConversationRow, width: int, now_us: int) -> list[Segment]:
    """Sign, title, age."""
    glyph, style = sign(row)
    ago = age(row.last_at_us, now_us)
    title = fit(_title(row), width - 5 - len(ago))
    return [Segment(f" {glyph} ", style), Segment(title, S.plain), Segment(f" {ago} ", S.muted)]


def second_line(row: ConversationRow, width: int, now_us: int) -> list[Segment]:
    """Turns, tokens and cost in columns; where that is too wide no tokens, where there is room the models."""
    turns = f"   {row.interactions:>3} {'turn ' if row.interactions == 1 else 'turns'}"
    tokens = f"  {count(row.total_tokens):>5} tok" if row.total_tokens else " " * 11
    cost = f"  {_cost(row):>8}"
    if len(turns + tokens + cost) > width:
        tokens = ""
    room = width - len(turns + tokens + cost) - 3
    models = "  " + cut(_models(row), room) if room >= MODEL_FROM else ""
    return [Segment(turns, S.muted), Segment(tokens, S.muted), Segment(cost, S.money), Segment(models, S.faint)]


def _title(row: ConversationRow) -> str:
    return clean(row.title) or "untitled"


def _cost(row: ConversationRow) -> str:
    return "" if row.cost_nano is None else money(row.cost_nano)


def _models(row: ConversationRow) -> str:
    return " ".join(short_model(name) for name in row.models.split())
