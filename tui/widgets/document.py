"""A foldable document: JSON, headers, events. Only the lines in view are drawn."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType

from tui.document import Document
from tui.document_lines import draw
from tui.widgets.virtual_list import Hint, VirtualList


class DocumentView(VirtualList):
    """Left folds, then goes to what a line is in; right opens, then goes into it."""

    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("↵", "fold"),
        ("h l", "out, in"),
        ("tab", "other side"),
        ("/ n N", "search"),
        ("W", "wire / record"),
        ("[ ]", "exchange"),
        ("y", "copy"),
        ("esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "open", "fold", show=False),
        Binding("h,left", "out", "fold, then out", show=False),
        Binding("l,right", "into", "open, then in", show=False),
        Binding("c", "fold_all(True)", "fold all", show=False),
        Binding("x", "fold_all(False)", "open all", show=False),
    ]

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title = title
        self.document = Document()

    def show(self, document: Document, title: str, *, same: bool = False) -> None:
        """Another document; with `same` it is a newer state of the one shown, and cursor and folds stay."""
        if same and document.nodes and self.document.nodes:
            kept = {at for at in self.document.folded if at < len(document.nodes)}
            fresh = {at for at in document.folded if at >= len(self.document.nodes)}
            document = Document(document.nodes, {at for at in kept | fresh if document.nodes[at].end > at})
        self.document, self.title = document, title
        if not same:
            self.cursor = 0
            self.scroll_to(y=0, animate=False, force=True)
        self.set_total(len(document))

    @property
    def place(self) -> int:
        """The node under the cursor."""
        return self.document.visible[self.cursor]

    async def seek(self, words: str, step: int) -> str:
        """The next node with the words, folded or not, in a thread, for a body may have half a million lines."""
        self.lit = words
        self.refresh()
        if not words or not self.total:
            return ""
        place: int | None = self.place
        for _ in range(abs(step)):
            if place is not None:
                place = await asyncio.to_thread(self.document.search, words, place, 1 if step > 0 else -1)
        if place is None:
            return f"not found here: {words}"
        line = self.document.reveal(place)
        self.set_total(len(self.document))
        self.move_to(line)
        return f"{words}: line {line + 1:,}"

    def action_open(self) -> None:
        """Fold or open what begins on this line; on a closing line, what it closes."""
        self.take_count()
        if not self.total:
            return
        if self.document.opens(self.cursor):
            self._fold(not self.document.is_folded(self.cursor))
        elif self.document.node(self.cursor).kind == "close":
            self.action_out()

    def action_out(self) -> None:
        """Fold what is open here, else go to what this line is in."""
        if not self.total:
            return
        if self.document.opens(self.cursor) and not self.document.is_folded(self.cursor):
            self._fold(True)
        elif (above := self.document.parent(self.place)) is not None:
            self.move_to(self.document.line_of(above), by_user=True)

    def action_into(self) -> None:
        """Open what is folded here, else go to its first line."""
        if not self.total or not self.document.opens(self.cursor):
            return
        if self.document.is_folded(self.cursor):
            self._fold(False)
        else:
            self.move_to(self.cursor + 1, by_user=True)

    def action_fold_all(self, folded: bool) -> None:
        """Fold everything below the first level, or open all."""
        if self.total:
            place = self.place
            self.document.fold_all(folded)
            self.set_total(len(self.document))
            self.move_to(self.document.line_of(place))

    def _fold(self, folded: bool) -> None:
        self.document.fold(self.cursor, folded)
        self.set_total(len(self.document))

    def on_click(self, event: events.Click) -> None:
        """A click chooses a line, on its fold sign it folds."""
        index = self.row_at(event)
        if index is None:
            return
        self.move_to(index, by_user=True)
        if event.chain > 1 or event.x <= self.document.node(index).depth * 2 + 2:
            self.action_open()

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A line of the document."""
        document = self.document
        folded, foldable = document.is_folded(index), document.opens(index)
        return draw(document.node(index), width, folded=folded, foldable=foldable)
