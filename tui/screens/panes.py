"""Three panes side by side, or one at a time where the terminal is narrow, with the bars above and below."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from tracer.store.rows import Found
from tui.data import Overview
from tui.header import Facts, empty_text, header
from tui.memory import Memory
from tui.screens.shared import SharedScreen
from tui.text import clean, wrap
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.conversations import ConversationList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.search_bar import SearchBar
from tui.widgets.steps import StepsPane
from tui.widgets.tree import ConversationTree
from tui.widgets.virtual_list import VirtualList

WIDE_FROM = 120
"""Columns from which all panes have room."""
TWO_FROM = 100
"""Columns from which two have."""


class PanesScreen(SharedScreen):
    """Where things are and where the keyboard is; what they show is the subclass's business."""

    AUTO_FOCUS = "#list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "pane(1)", "next pane", show=False),
        Binding("shift+tab", "pane(-1)", "pane before", show=False),
        Binding("minus", "layout", "layout: three panes, two, one", show=False),
        Binding("plus", "zoom", "zoom the pane, or back", show=False),
        Binding("l,right", "step(1)", "pane to the right", show=False),
        Binding("h,left", "step(-1)", "pane to the left", show=False),
    ]
    PANES: ClassVar[tuple[str, ...]] = ("list", "tree", "steps")

    def __init__(self, facts: Facts, now_us: Callable[[], int], *, follow: bool, memory: Memory) -> None:
        super().__init__()
        self.facts = facts
        self.follow = follow
        self.filter_text = ""
        self._now_us = now_us
        self._overview: Overview | None = None
        self._looking: Found | None = None
        """What is known of a list that is being found."""
        self._said = ""
        self._trouble = ""
        """Why the database could not be read, until it can be again."""
        self._current = "list"
        self.memory = memory
        self._zoomed = False

    def compose(self) -> ComposeResult:
        """Header, filter line, panes, hints."""
        yield Bar(id="header")
        yield FilterBar(id="filter")
        with Horizontal(id="panes"):
            for name, pane in (
                ("list", ConversationList(self._now_us, id="list")),
                ("tree", ConversationTree(self._now_us, id="tree")),
                ("steps", StepsPane(id="steps")),
            ):
                with Vertical(classes="pane", id=f"{name}-pane"):
                    yield PaneTitle(pane)
                    yield pane
        yield SearchBar()
        yield HintBar(id="hints")

    @property
    def conversations(self) -> ConversationList:
        """The list."""
        return self.query_one("#list", ConversationList)

    @property
    def outline(self) -> ConversationTree:
        """The tree."""
        return self.query_one("#tree", ConversationTree)

    @property
    def steps(self) -> StepsPane:
        """The transcript."""
        return self.query_one("#steps", StepsPane)

    @property
    def pane(self) -> VirtualList:
        """The pane that has the keyboard, or had it last."""
        return self.query_one(f"#{self._current}", VirtualList)

    @property
    def narrow(self) -> bool:
        """Whether one pane alone is shown."""
        return self.shown_panes == 1

    @property
    def shown_panes(self) -> int:
        """How many panes there is room for, or fewer if fewer are wanted."""
        room = 3 if self.size.width >= WIDE_FROM else 2 if self.size.width >= TWO_FROM else 1
        return 1 if self._zoomed else min(room, self.memory.panes or 3)

    def action_panes(self, wanted: int) -> None:
        """So many panes, as far as there is room."""
        self._zoomed = False
        self.memory.keep_panes(wanted)
        self._arrange()
        self.say(f"{self.shown_panes} pane{'' if self.shown_panes == 1 else 's'}; it stays so")

    def action_layout(self) -> None:
        """Fewer panes, down to one; then as many as there is room for."""
        self._zoomed = False
        before = self.shown_panes
        self.memory.keep_panes(before - 1 if before > 1 else None)
        self._arrange()
        self.say(f"{self.shown_panes} pane{'' if self.shown_panes == 1 else 's'}; it stays so")

    def action_zoom(self) -> None:
        """The pane alone, or back."""
        self._zoomed = not self._zoomed
        self._arrange()

    def on_resize(self) -> None:
        """Show one pane or all."""
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The bars follow the keyboard; what was said stays while it comes back from a prompt."""
        if event.widget.id in self.PANES:
            self.say(self._said if event.widget.id == self._current else "")
            self._current = event.widget.id

    def _arrange(self) -> None:
        here = self.PANES.index(self._current)
        first = min(max(0, here - 1), len(self.PANES) - self.shown_panes) if self.shown_panes > 1 else here
        shown = self.PANES[first : first + self.shown_panes]
        for name in self.PANES:
            pane = self.query_one(f"#{name}-pane")
            pane.display = name in shown
            pane.set_class(self.narrow, "-alone")
        self.call_after_refresh(self.say, self._said)

    def say(self, text: str) -> None:
        """Bring the bars up to date; `text` stands in the footer until the next key."""
        self._said = text
        self.query_one("#hints", HintBar).show(self.pane.HINTS, text or self._trouble)
        self.query(PaneTitle).refresh()
        empty = wrap(self._trouble, self.conversations.size.width - 4) if self._trouble else None
        self.conversations.say_when_empty(
            tuple(empty or empty_text(self.facts, self.filter_text, self._overview, self._looking))
        )
        trail = [(self.query_one(f"#{name}", VirtualList).TITLE, name == self._current) for name in self.PANES]
        left, right = header(
            self.facts,
            self._overview,
            shown=self.conversations.total,
            filter_text=self.filter_text,
            follow=self.follow,
            unseen=self.conversations.unseen,
            looking=self._looking,
            trail=trail if self.narrow else (),
        )
        self.query_one("#header", Bar).say(left, [*self.lateness, *right])

    def in_trouble(self, text: str) -> None:
        """Something could not be read; it is said until something can be."""
        self._trouble = clean(text)
        self.say("")

    def go_to(self, name: str) -> None:
        """Give a pane the keyboard, and show it."""
        self._current, self._said = name, ""
        self._arrange()
        self.set_focus(self.query_one(f"#{name}"))

    def action_show_pane(self, title: str) -> None:
        """The pane that was clicked in the header of a narrow screen."""
        panes = {self.query_one(f"#{name}", VirtualList).TITLE: name for name in self.PANES}
        self.go_to(panes[title])

    def action_pane(self, step: int) -> None:
        """The next pane, round and round."""
        self.go_to(self.PANES[(self.PANES.index(self._current) + step) % len(self.PANES)])

    def action_step(self, step: int) -> None:
        """The pane to the left or right, if there is one."""
        here = self.PANES.index(self._current) + step
        if 0 <= here < len(self.PANES):
            self.go_to(self.PANES[here])
