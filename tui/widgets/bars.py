"""The one-line bars: the header, a pane's title, the footer's hints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.text import clean
from tui.theme import S
from tui.widgets.virtual_list import Hint, VirtualList


class Bar(Widget):
    """One line: segments at the left, segments at the right, as much as fits (the right side wins)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._left: Sequence[Segment] = ()
        self._right: Sequence[Segment] = ()

    def say(self, left: Sequence[Segment], right: Sequence[Segment] = ()) -> None:
        """Show these from now on."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The bar's only line."""
        width = self.size.width
        right = Strip(self._right)
        left = Strip(self._left).adjust_cell_length(max(0, width - right.cell_length))
        return Strip([*left, *right]).adjust_cell_length(width).apply_style(S.bar_ground)

    @property
    def text(self) -> str:
        """What it says, left and right."""
        return "".join(segment.text for segment in (*self._left, *self._right))


class PaneTitle(Widget):
    """A pane's name, lit while it has the keyboard, and the names of its columns over them."""

    def __init__(self, pane: VirtualList) -> None:
        super().__init__()
        self._pane = pane

    def on_click(self) -> None:
        """A click gives the pane the keyboard."""
        self.screen.set_focus(self._pane)

    def render_line(self, y: int) -> Strip:
        """The title, from the pane as it is now."""
        pane, width = self._pane, self.size.width
        mark, style = ("▌", S.key) if pane.has_focus else (" ", S.muted)
        left = Strip([Segment(mark, S.focus), Segment(clean(pane.title), style)])
        columns = pane.column_titles(pane.size.width)
        # The columns end where the scrollbar begins.
        left = left.adjust_cell_length(max(left.cell_length, pane.size.width - cell_len(columns)))
        return Strip([*left, Segment(columns, S.faint)]).adjust_cell_length(width).apply_style(S.title_ground)


ALL_KEYS: Hint = ("?", "keys")
MOST_HINTS = 8


def _width(hint: Hint) -> int:
    return cell_len(hint[0]) + cell_len(hint[1]) + 3


class HintBar(Bar):
    """What the keys of the focused pane do; what the last key did stands there until the next one."""

    def show(self, hints: Sequence[Hint], said: str = "") -> None:
        """At most eight hints, of which the way to all others is the last, or a sentence; a count that is being typed
        stands at the right."""
        if said:
            self.say([Segment(" " + clean(said), S.plain)], self._right)
            return
        shown, room = [], (self.size.width or 1000) - _width(ALL_KEYS)
        for hint in [hint for hint in hints if hint != ALL_KEYS][: MOST_HINTS - 1]:
            room -= _width(hint)
            if room >= 0:
                shown.append(hint)
        segments = []
        for key, does in [*shown, ALL_KEYS]:
            segments += [Segment(f" {key} ", S.key), Segment(f"{does} ", S.muted)]
        self.say(segments, self._right)

    def count(self, count: int) -> None:
        """The count typed so far; 0 for none."""
        self.say(self._left, [Segment(f" {count} ", S.badge)] if count else ())
