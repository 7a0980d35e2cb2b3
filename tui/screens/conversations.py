"""The first screen: conversations, the tree of the chosen one, the transcript of the chosen interaction.

Keys change state here and nowhere else; workers read through the door and post what they found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from tracer.store.filters import Filter
from tui.data import Door, Overview
from tui.feed import Feed
from tui.header import Facts, header
from tui.messages import DetailLoaded, ListLoaded, OverviewLoaded, PageLoaded, ReadFailed, StoreChanged, TreeLoaded
from tui.screens.help import HelpScreen
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.conversations import ConversationList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.steps import StepsPane
from tui.widgets.tree import ConversationTree
from tui.widgets.virtual_list import VirtualList

WIDE_FROM = 100
"""Columns from which all panes have room."""
POLL_SECONDS = 0.25
REQUERY_SECONDS = 1.0
"""A filtered list is asked for again at most this often while a recording goes on."""
AGE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Start:
    """The interaction to begin with."""

    seq: int
    """Of its conversation."""
    root_key: str
    key: str


class ConversationsScreen(Screen[None]):
    """Three panes; below 100 columns one at a time."""

    AUTO_FOCUS = "#list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "pane(1)", "next pane", show=False),
        Binding("shift+tab", "pane(-1)", "pane before", show=False),
        Binding("l,right", "step(1)", "pane to the right", show=False),
        Binding("h,left", "step(-1)", "pane to the left", show=False),
        Binding("slash", "filter", "filter", show=False),
        Binding("escape", "back", "back", show=False),
        Binding("F", "follow", "follow", show=False),
        Binding("t", "thoughts", "thoughts", show=False),
        Binding("y", "copy", "copy id", show=False),
        Binding("question_mark", "help", "keys", show=False),
        Binding("q,ctrl+c", "app.quit", "quit", show=False),
    ]
    PANES: ClassVar[tuple[str, ...]] = ("list", "tree", "steps")

    def __init__(
        self,
        door: Door,
        facts: Facts,
        *,
        now_us: Callable[[], int],
        start: Start | None = None,
        follow: bool = False,
        poll_seconds: float | None = POLL_SECONDS,
    ) -> None:
        super().__init__()
        self.feed = Feed(self, door, now_us)
        self.facts = facts
        self.follow = follow
        self.where: Filter | None = None
        self.filter_text = ""
        self._now_us = now_us
        self._start = start
        self._poll_seconds = poll_seconds
        self._overview: Overview | None = None
        self._said = ""
        self._current = "list"
        self._requery_waits = False

    # What is on it.

    def compose(self) -> ComposeResult:
        """Header, filter line, panes, hints."""
        yield Bar(id="header")
        yield FilterBar(id="filter")
        with Horizontal(id="panes"):
            for name, pane in (
                ("list", ConversationList(self._now_us, id="list")),
                ("tree", ConversationTree(id="tree")),
                ("steps", StepsPane(id="steps")),
            ):
                with Vertical(classes="pane", id=f"{name}-pane"):
                    yield PaneTitle(pane)
                    yield pane
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
        """Whether there is room for one pane only."""
        return self.size.width < WIDE_FROM

    def on_mount(self) -> None:
        """Read the list, then watch the database."""
        self.steps.following = self.follow
        self.feed.load_list(None)
        self.feed.load_overview()
        if self._poll_seconds:
            self.set_interval(self._poll_seconds, self.feed.look)
            self.set_interval(AGE_SECONDS, self.conversations.refresh)

    def on_resize(self) -> None:
        """Show one pane or all."""
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The bars follow the keyboard."""
        if event.widget.id in self.PANES:
            self._current = event.widget.id
        self._say("")

    def _arrange(self) -> None:
        for name in self.PANES:
            pane = self.query_one(f"#{name}-pane")
            pane.display = not self.narrow or name == self._current
            pane.set_class(self.narrow, "-alone")
        self.call_after_refresh(self._say, self._said)

    def _say(self, text: str) -> None:
        """Bring the bars up to date; `text` stands in the footer until the next key."""
        self._said = text
        self.query_one("#hints", HintBar).show(self.pane.HINTS, text)
        self.query(PaneTitle).refresh()
        self.conversations.say_when_empty(empty_text(self.facts, self.filter_text, self._overview))
        trail = [(self.query_one(f"#{name}", VirtualList).TITLE, name == self._current) for name in self.PANES]
        left, right = header(
            self.facts,
            self._overview,
            shown=self.conversations.total,
            filter_text=self.filter_text,
            follow=self.follow,
            unseen=self.conversations.unseen,
            trail=trail if self.narrow else (),
        )
        self.query_one("#header", Bar).say(left, right)

    # What the workers found.

    def on_list_loaded(self, message: ListLoaded) -> None:
        """Show which conversations match."""
        if message.where is not self.where:
            return
        conversations = self.conversations
        conversations.show(message.seqs, same=message.again)
        if self._start is not None and (index := conversations.pages.index(self._start.seq)) is not None:
            conversations.move_to(index)
            self._go_to("tree")
        if not message.seqs:
            self.outline.show(None, [], at=None)
            self.steps.show(None)
        self._say(self._said)

    def on_overview_loaded(self, message: OverviewLoaded) -> None:
        """Show the sums."""
        self._overview = message.overview
        self._say(self._said)

    def on_conversation_list_wanted(self, message: ConversationList.Wanted) -> None:
        """Fetch rows that came into view."""
        self.feed.load_page(message.seqs)

    def on_page_loaded(self, message: PageLoaded) -> None:
        """Show rows, and the tree if the cursor waited for its row."""
        self.conversations.put(message.seqs, message.rows)
        row = self.conversations.chosen_row
        if row is not None and row.root_key != self.outline.root_key:
            self.feed.load_tree(row.root_key, rested=True)

    def on_tree_loaded(self, message: TreeLoaded) -> None:
        """Show a tree, and the interaction under its cursor."""
        chosen = self.conversations.chosen_row
        if chosen is None or chosen.root_key != message.root_key:
            return
        tree, at = self.outline, None
        if message.root_key == tree.root_key and not self.follow and tree.chosen is not None:
            at = tree.chosen.key
        elif self._start is not None and self._start.root_key == message.root_key:
            at, self._start = self._start.key, None
        tree.show(message.root_key, message.nodes, at=at)
        self._read_chosen(rested=True)
        self._say(self._said)

    def on_detail_loaded(self, message: DetailLoaded) -> None:
        """Show an interaction, unless the cursor is elsewhere by now."""
        chosen = self.outline.chosen
        if chosen is not None and chosen.key == message.detail.row.key:
            self.steps.show(message.detail)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say why something could not be read."""
        self._say(message.text)

    def on_store_changed(self, message: StoreChanged) -> None:
        """New rows on top, changed ones in place; with follow on, the cursor goes to what was written last."""
        rows = message.changes.rows
        conversations = self.conversations
        conversations.update_rows(rows)
        newest = conversations.pages.seqs[0] if conversations.total else -1
        arrived = sorted((row.seq for row in rows if row.seq > newest), reverse=True)
        if arrived and self.where is None:
            conversations.add(arrived)
        if self.follow and rows:
            last = max(rows, key=lambda row: (row.last_at_us, row.seq))
            if (index := conversations.pages.index(last.seq)) is not None:
                conversations.move_to(index)
        chosen = conversations.chosen_row
        if chosen is not None and any(row.seq == chosen.seq for row in rows):
            self.feed.load_tree(chosen.root_key, rested=True)
        self._requery_later()
        self._say(self._said)

    def _requery_later(self) -> None:
        # Conversations merge when a missing parent arrives, and a filter's answer changes: ask again, but not often.
        if not self._requery_waits and self._poll_seconds:
            self._requery_waits = True
            self.set_timer(REQUERY_SECONDS + self.conversations.total / 200_000, self.requery)

    def requery(self) -> None:
        """Ask again which conversations match."""
        self._requery_waits = False
        self.feed.load_list(self.where, again=True)
        self.feed.load_overview()

    # What the cursor does.

    def on_virtual_list_moved(self, message: VirtualList.Moved) -> None:
        """Read what the cursor is on once it rests; a move by hand ends following."""
        if message.by_user and self.follow:
            self._set_follow(False)
        if message.sender is self.conversations:
            self.conversations.want_around()
            row = self.conversations.chosen_row
            if row is not None and row.root_key != self.outline.root_key:
                self.feed.load_tree(row.root_key)
        elif message.sender is self.outline:
            self._read_chosen()
        self._say("")

    def _read_chosen(self, *, rested: bool = False) -> None:
        row = self.outline.chosen
        if row is not None:
            self.feed.load_detail(row, self.outline.family, rested=rested)

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter goes one pane to the right."""
        if message.sender.id in self.PANES[:2]:
            self.action_step(1)

    def _go_to(self, name: str) -> None:
        self._current = name
        self._arrange()
        self.query_one(f"#{name}").focus()

    def action_pane(self, step: int) -> None:
        """The next pane, round and round."""
        self._go_to(self.PANES[(self.PANES.index(self._current) + step) % len(self.PANES)])

    def action_step(self, step: int) -> None:
        """The pane to the left or right, if there is one."""
        here = self.PANES.index(self._current) + step
        if 0 <= here < len(self.PANES):
            self._go_to(self.PANES[here])

    # The other keys.

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open(self.filter_text)

    def on_filter_bar_applied(self, message: FilterBar.Applied) -> None:
        """Show what matches."""
        self.where, self.filter_text = message.where, message.text
        self.query_one(FilterBar).close()
        self._go_to("list")
        self.feed.load_list(self.where)

    def on_filter_bar_cancelled(self) -> None:
        """Back to the pane."""
        self.query_one(FilterBar).close()
        self.pane.focus()

    def action_back(self) -> None:
        """Drop a typed count; else go a pane to the left; in the list, lift the filter."""
        if self.pane.take_count():
            return
        if self._current != "list":
            self.action_step(-1)
        elif self.filter_text:
            self.on_filter_bar_applied(FilterBar.Applied("", None))

    def action_follow(self) -> None:
        """Follow what is written, or stop."""
        self._set_follow(not self.follow)
        if self.follow:
            self.conversations.move_to(0)
            self._read_chosen(rested=True)
        self._say("following: the cursor goes where something is written" if self.follow else "no longer following")

    def _set_follow(self, follow: bool) -> None:
        self.follow = self.steps.following = follow

    def action_thoughts(self) -> None:
        """Open or fold every thought."""
        self._say("thoughts open" if self.steps.toggle_thoughts() else "thoughts folded")

    def action_copy(self) -> None:
        """Hand the id of the interaction to the terminal's clipboard; whether it took it, no terminal says."""
        row = self.outline.chosen
        if row is None:
            self._say("nothing to copy")
            return
        text = row.id or row.key
        self.app.copy_to_clipboard(text)
        self._say(f"sent to the terminal's clipboard (OSC 52, which some terminals ignore): {text}")

    def action_help(self) -> None:
        """Every key."""
        self.app.push_screen(HelpScreen())


def empty_text(facts: Facts, filter_text: str, overview: Overview | None) -> tuple[str, ...]:
    """What an empty list says."""
    if overview is None:
        return ()
    if filter_text:
        return ("Nothing matches.", "", "esc lifts the filter, / changes it.")
    said = ["Nothing recorded yet."]
    if overview.elsewhere:
        others = f"{overview.elsewhere:,} in other projects:"
        said = [f"Nothing of {facts.project!r}.", "", others, "  tracer tui --all-projects"]
    return (*said, "", "Record an app:", "  tracer run -- python app.py", "", "It will appear here.")
