"""A list that draws only the lines in view: no widget, markup or table per row, no animation.

A subclass says how many rows there are (`set_total`), how many lines each takes (`lines_per_row`) and draws one
line of one row (`draw`). A cursor move within the view repaints the two rows that changed and nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.found import holds, mark
from tui.theme import S

type Hint = tuple[str, str]
"""A key and what it does, for the footer."""


class VirtualList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows over something that may be far larger than what is in memory."""

    HINTS: ClassVar[tuple[Hint, ...]] = ()
    TITLE: ClassVar[str] = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("ctrl+d", "page(0.5)", "half a page down", show=False),
        Binding("ctrl+u", "page(-0.5)", "half a page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "a page up", show=False),
        Binding("home,g", "go(0)", "first row", show=False),
        Binding("end,G", "go(-1)", "last row", show=False),
        Binding("enter", "open", "open", show=False),
        *(Binding(str(digit), f"digit({digit})", show=False) for digit in range(10)),
    ]

    @dataclass
    class Moved(Message):
        """The cursor went to another row."""

        sender: VirtualList
        index: int
        by_user: bool

        @property
        def control(self) -> VirtualList:
            """The list, so that handlers can select by id."""
            return self.sender

    @dataclass
    class Opened(Message):
        """Enter, or a double click."""

        sender: VirtualList
        index: int

        @property
        def control(self) -> VirtualList:
            """The list, so that handlers can select by id."""
            return self.sender

    @dataclass
    class Counting(Message):
        """A count is being typed; 0 once it is used or dropped."""

        count: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lit = ""
        """The words last searched for, lit up in what is drawn."""
        self.title = self.TITLE
        self.cursor = 0
        self.total = 0
        self._repeat = 0
        self._room: Size | None = None
        """The size while lines are drawn."""

    # What a subclass fills in.

    def lines_per_row(self, width: int) -> int:
        """Lines of every row at this width."""
        return 1

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """Line `part` of row `index`, at most `width` cells; any more is cut off."""
        raise NotImplementedError

    def blank(self, y: int, width: int) -> list[Segment]:
        """What stands on line `y` below the last row."""
        return []

    def column_titles(self, width: int) -> str:
        """Names over the columns, if there are any."""
        return ""

    # The rows.

    @property
    def size(self) -> Size:
        """What rows can be drawn on: Textual's own size goes on below the scrollbar, which would hide their ends."""
        return self._room or self.scrollable_content_region.size

    @property
    def row_height(self) -> int:
        """Lines of every row now."""
        return self.lines_per_row(self.size.width)

    def set_total(self, total: int) -> None:
        """There are now `total` rows; the cursor stays on its index as far as there is one."""
        self.total = total
        self.cursor = max(0, min(self.cursor, total - 1))
        self._resize_rows()
        self.refresh()

    def move_to(self, index: int, *, by_user: bool = False) -> None:
        """Put the cursor on a row and bring it into view; says `Moved` if it is another one."""
        index = max(0, min(index, self.total - 1))
        before, self.cursor = self.cursor, index
        self.show_row(index)
        if index != before:
            self.refresh_row(before)
            self.refresh_row(index)
            self.post_message(self.Moved(self, index, by_user))

    def show_row(self, index: int) -> None:
        """Scroll as little as brings the row into view."""
        height, page = self.row_height, self.size.height
        top, offset = index * height, self.scroll_offset.y
        if top < offset:
            self.scroll_to(y=top, animate=False, force=True)
        elif top + height > offset + page:
            self.scroll_to(y=top + height - page, animate=False, force=True)

    def refresh_row(self, index: int) -> None:
        """Draw one row again."""
        height = self.row_height
        self.refresh_lines(index * height, height)

    # Drawing.

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the view; its size is looked up once for all of them."""
        self._room = self.scrollable_content_region.size
        try:
            return super().render_lines(crop)
        finally:
            self._room = None

    def render_line(self, y: int) -> Strip:
        """One line of the view; Textual asks only for those that changed."""
        width = self.size.width
        index, part = divmod(self.scroll_offset.y + y, self.row_height)
        if index >= self.total:
            below = self.blank(y, width)
            return (
                Strip(below).adjust_cell_length(width).apply_style(S.ground) if below else Strip.blank(width, S.ground)
            )
        segments = self.draw(index, part, width)
        if self.lit:
            segments = mark(segments, self.lit)
        strip = Strip(segments).adjust_cell_length(width)
        if index != self.cursor:
            return strip.apply_style(S.ground)
        if not self.has_focus:
            return strip.apply_style(S.cursor_idle)
        return Strip([Segment("▌", S.focus), *strip.crop(1, width)], width).apply_style(S.cursor)

    def _resize_rows(self) -> None:
        self.virtual_size = Size(self.size.width, self.total * self.row_height)

    def on_resize(self) -> None:
        """Lay the rows out for the new width."""
        self._resize_rows()
        self.show_row(self.cursor)
        self.refresh()  # lines drawn before a scrollbar came are too long now

    def on_focus(self, event: events.Focus) -> None:
        """The cursor row looks different with the keyboard on it, nothing else does."""
        self._keyboard(event, here=True)

    def on_blur(self, event: events.Blur) -> None:
        """The cursor row looks different without the keyboard."""
        self._keyboard(event, here=False)

    def _keyboard(self, event: events.Event, *, here: bool) -> None:
        # Textual would draw every row again.
        event.prevent_default()
        self.has_focus = here
        self.refresh_row(self.cursor)
        if self.parent is not None:
            self.parent.post_message((events.DescendantFocus if here else events.DescendantBlur)(self))

    # Keys and mouse.

    def action_digit(self, digit: int) -> None:
        """Collect a count for the next movement."""
        self._repeat = min(self._repeat * 10 + digit, 1_000_000_000)
        self.post_message(self.Counting(self._repeat))

    def take_count(self) -> int:
        """The count typed before a movement, 0 if none; it holds for one movement."""
        repeat, self._repeat = self._repeat, 0
        if repeat:
            self.post_message(self.Counting(0))
        return repeat

    # Searching.

    def text_of(self, index: int) -> str:
        """What a row says, for a search."""
        drawn = (self.draw(index, part, self.size.width) for part in range(self.row_height))
        return "".join(segment.text for line in drawn for segment in line)

    async def seek(self, words: str, step: int) -> str:
        """Light words up and go to a row that has them, `step` matches on, round and round; returns what to say."""
        self.lit = words
        self.refresh()
        has = holds(words)
        rows = [index for index in range(self.total) if has(self.text_of(index))] if words else []
        if not rows:
            return f"not found here: {words}" if words else ""
        ahead, behind = bisect_right(rows, self.cursor), bisect_left(rows, self.cursor)
        place = ahead + step - 1 if step > 0 else behind + step
        self.move_to(rows[place % len(rows)])
        return f"{words}: {place % len(rows) + 1} of {len(rows)}"

    def action_move(self, step: int) -> None:
        """Up or down, as often as the count says."""
        self.move_to(self.cursor + step * (self.take_count() or 1), by_user=True)

    def action_page(self, part: float) -> None:
        """Up or down by a part of what is in view."""
        rows = max(1, int(self.size.height // self.row_height * abs(part)))
        self.move_to(self.cursor + (rows if part > 0 else -rows) * (self.take_count() or 1), by_user=True)

    def action_go(self, end: int) -> None:
        """To the first or last row, or to the row whose number was typed."""
        row = self.take_count()
        self.move_to(row - 1 if row else (0 if end == 0 else self.total - 1), by_user=True)

    def action_open(self) -> None:
        """Say that the cursor row is to be opened."""
        self.take_count()
        if self.total:
            self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row, a double click opens it."""
        index = self.row_at(event)
        if index is None:
            return
        self.move_to(index, by_user=True)
        if event.chain > 1:
            self.post_message(self.Opened(self, index))

    def row_at(self, event: events.Click) -> int | None:
        """The row that was clicked, if there is one there."""
        index = (self.scroll_offset.y + event.y) // self.row_height
        return index if 0 <= index < self.total else None
