"""The transcript of one interaction: a head that sums it up, then its blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker

from tui.data import Detail
from tui.widgets.virtual_list import Hint, VirtualList

if TYPE_CHECKING:
    # What draws a transcript is imported with the first one: the list is there sooner.
    from tui.parts import Block
    from tui.places import Place
    from tui.transcript import Body, Line


class StepsPane(VirtualList):
    """What was asked, thought, called and answered. Thoughts are folded until `t` or enter opens them."""

    TITLE = "Interaction"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("↵", "fold"),
        ("t", "thoughts"),
        ("{ }", "blocks"),
        ("o", "open media"),
        ("r w", "raw, waterfall"),
        ("C", "context"),
        ("y e", "copy, export"),
        ("?", "keys"),
        ("q", "quit"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_curly_bracket", "block(1)", "next block", show=False),
        Binding("left_curly_bracket", "block(-1)", "block before", show=False),
        Binding("space", "open", "fold", show=False),
        Binding("o", "media", "open image, audio, video or document", show=False),
    ]

    @dataclass
    class LaidOut(Message):
        """The blocks of a detail, drawn for a width."""

        detail: Detail
        width: int
        blocks: list[Block]
        bodies: list[Body]

    @dataclass
    class Media(Message):
        """One of these is to be opened; none of them if the block has none."""

        items: list[Mapping[str, Any]]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.detail: Detail | None = None
        self.lines: list[Line] = []
        self.thoughts_open = False
        self.following = False
        self._opened: dict[int, bool] = {}
        self._blocks: list[Block] = []
        self._bodies: list[Body] = []
        self._drawn: tuple[Detail, int] | None = None
        self._drawing = False

    @property
    def key(self) -> str | None:
        """The key of the interaction shown or about to be."""
        return None if self.detail is None else self.detail.row.key

    def show(self, detail: Detail | None) -> None:
        """Draw an interaction; a newer version of the one shown keeps cursor and folds."""
        if detail is None or detail.row.key != self.key:
            self._opened = {}
        self.detail = detail
        if detail is None:
            self._drawn, self.lines = None, []
            self.set_total(0)
            return
        self._lay_out()

    def on_resize(self) -> None:
        """Text wraps anew at another width."""
        super().on_resize()
        self._lay_out()

    def _lay_out(self) -> None:
        detail, width = self.detail, self.size.width
        # One at a time: a stream that grows faster than it can be drawn is drawn as often as it can.
        if self._drawing or detail is None or width <= 0 or self._drawn == (detail, width):
            return
        self._drawing = True
        pictures = self._pictures

        async def work() -> None:
            from tui.blocks import blocks
            from tui.transcript import bodies

            shown = blocks(detail)
            drawn = await asyncio.to_thread(bodies, shown, width, pictures=pictures)
            self.post_message(self.LaidOut(detail, width, shown, drawn))

        _: Worker[None] = self.run_worker(work, group="layout")

    def on_steps_pane_laid_out(self, message: LaidOut) -> None:
        """Put the drawn blocks on the screen, unless another interaction is wanted by now."""
        self._drawing = False
        if self.key == message.detail.row.key:
            same = self._drawn is not None and self._drawn[0].row.key == self.key
            self._drawn = (message.detail, message.width)
            self._blocks, self._bodies = message.blocks, message.bodies
            self._fold()
            if self.following:
                self.move_to(self.total - 1)
            elif not same:
                self.move_to(0)
                self.scroll_to(y=0, animate=False, force=True)
        self._lay_out()

    def _fold(self) -> None:
        if self._drawn is None:
            return
        from tui.transcript import Line, lines

        detail, width = self._drawn
        body = lines(self._blocks, self._bodies, width, self._opened, thoughts=self.thoughts_open)
        self.lines = [*(Line(segments) for segments in self.head(detail, width)), *body]
        self.set_total(len(self.lines))

    def head(self, detail: Detail, width: int) -> list[list[Segment]]:
        """The lines above the blocks."""
        from tui.summary import head

        return head(detail, width)

    def toggle_thoughts(self) -> bool:
        """Open or fold every thought; returns whether they are open now."""
        self.thoughts_open = not self.thoughts_open
        for index, block in enumerate(self._blocks):
            if block.kind == "thought":
                self._opened.pop(index, None)
        self._fold_around(self._block_here())
        return self.thoughts_open

    def action_open(self) -> None:
        """Open or fold the block under the cursor."""
        self.take_count()
        here = self._block_here()
        if here is not None:
            is_open = self._opened.get(here, self.thoughts_open if self._blocks[here].kind == "thought" else False)
            self._opened[here] = not is_open
            self._fold_around(here)

    def action_media(self) -> None:
        """Ask for the media of the block under the cursor; of the whole transcript if it has none."""
        self.take_count()
        here = self._block_here()
        items = [] if here is None else self._blocks[here].media
        self.post_message(self.Media(items or [item for block in self._blocks for item in block.media]))

    def action_block(self, step: int) -> None:
        """To the head of another block."""
        heads = self._heads()
        for _ in range(self.take_count() or 1):
            later = [y for y in heads if y > self.cursor] if step > 0 else [y for y in heads if y < self.cursor][::-1]
            if later:
                self.move_to(later[0], by_user=True)

    def _heads(self) -> Sequence[int]:
        before: int | None = None
        heads = []
        for y, line in enumerate(self.lines):
            if line.block is not None and line.block != before:
                heads.append(y)
            before = line.block
        return heads

    def place(self) -> Place | None:
        """The value of the record that the cursor is on."""
        here = self._block_here()
        if here is None or self._drawn is None:
            return None
        from tui.places import place

        head = next(y for y, line in enumerate(self.lines) if line.block == here)
        width, number = self._drawn[1], self.cursor - head - 1
        return None if number < 0 else place(self._blocks[here], width, number, pictures=self._pictures)

    @property
    def _pictures(self) -> bool:
        return self.app.console.color_system in ("truecolor", "256")

    def _block_here(self) -> int | None:
        return self.lines[self.cursor].block if self.lines else None

    def _fold_around(self, block: int | None) -> None:
        self._fold()
        if block is not None:
            self.move_to(next(y for y, line in enumerate(self.lines) if line.block == block))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click on a fold sign opens or folds, anywhere else it chooses the line."""
        index = self.row_at(event)
        if index is not None:
            self.move_to(index, by_user=True)
            if self.lines[index].fold:
                self.action_open()

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A line as it was laid out."""
        return self.lines[index].segments
