"""What the screens about one interaction share: bars, panes, the way back, a fresh look while it still runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tracer.errors import StoreError
from tui.data import Door, Subject, Whole, is_running
from tui.screens.shared import SharedScreen
from tui.text import clean, cut
from tui.theme import S, glyph
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.virtual_list import VirtualList

LOOK_SECONDS = 0.5


class PageScreen(SharedScreen):
    """A subclass composes `#header`, panes named in `PANES`, a SearchBar and `#hints`, and fills them in `fill`."""

    PANES: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "pane(1)", "next pane", show=False),
        Binding("shift+tab", "pane(-1)", "pane before", show=False),
        Binding("plus", "alone", "this pane alone, and back", show=False),
        Binding("escape", "back", "back", show=False),
    ]

    def __init__(self, door: Door, subject: Subject) -> None:
        super().__init__()
        self.door = door
        self.subject = subject
        self.whole: Whole | None = None
        self._said = ""
        self._last: VirtualList | None = None

    def on_mount(self) -> None:
        """Read the interaction, and again while it runs."""
        self.load()
        self.set_interval(LOOK_SECONDS, self._look)

    def about(self) -> Subject | None:
        """What the screen was opened on."""
        return self.subject

    def load(self) -> None:
        """Read the interaction, then show it."""

        async def read() -> None:
            try:
                whole = await self.door.whole(self.subject.row.key)
            except StoreError as error:
                self.say(str(error))
                return
            before, self.whole = self.whole, whole
            await self.fill(whole, same=before is not None)
            self.say(self._said)

        self.work(read, "whole")

    def _look(self) -> None:
        if self.whole is not None and is_running(self.whole.row):
            self.load()

    async def fill(self, whole: Whole, *, same: bool) -> None:
        """Show an interaction; `same` says that it is a newer state of the one shown."""
        raise NotImplementedError

    # Bars.

    @property
    def pane(self) -> VirtualList:
        """The pane with the keyboard, else the first."""
        focused = self.focused
        return focused if isinstance(focused, VirtualList) else self.query_one(f"#{self.PANES[0]}", VirtualList)

    def facts(self) -> Sequence[Segment]:
        """What the header says at the right."""
        return ()

    def say(self, text: str) -> None:
        """Bring the bars up to date; `text` stands in the footer until the next key."""
        self._said = text
        if not self.is_mounted:
            return
        row = self.whole.row if self.whole else self.subject.row
        sign, style = glyph(row.status, row.state, ghost=row.ghost)
        right = [*self.lateness, *self.facts()]
        room = self.size.width - sum(len(segment.text) for segment in right) - len(self.NAME) - 10
        left = [Segment(" ◆ ", S.focus), Segment(self.NAME, S.bright), Segment(f"   {sign} ", style)]
        left.append(Segment(cut(clean(row.prompt or row.id or row.key), room), S.plain))
        self.query_one("#header", Bar).say(left, right)
        self.query_one("#hints", HintBar).show(self.pane.HINTS, text)
        self.query(PaneTitle).refresh()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The bars follow the keyboard; what was said stays while it comes back from a prompt."""
        if isinstance(event.widget, VirtualList):
            self.say(self._said if event.widget is self._last else "")
            self._last = event.widget

    # Keys.

    def action_pane(self, step: int) -> None:
        """The next pane, round and round; a zoomed one makes room for it."""
        here = self.PANES.index(self.pane.id or self.PANES[0])
        target = self.query_one(f"#{self.PANES[(here + step) % len(self.PANES)]}")
        if self.has_class("-zoomed"):
            self.action_alone()
            self.set_focus(target)
            self.call_after_refresh(self.action_alone)
        else:
            self.set_focus(target)

    def action_alone(self) -> None:
        """The pane alone, or back."""
        zoomed = not self.has_class("-zoomed")
        self.set_class(zoomed, "-zoomed")
        for name in self.PANES:
            side = self.query_one(f"#{name}").parent
            if isinstance(side, Widget):
                side.display = not zoomed or name == self.pane.id

    def action_back(self) -> None:
        """Drop a typed count, else leave."""
        if not self.pane.take_count():
            self.dismiss()
