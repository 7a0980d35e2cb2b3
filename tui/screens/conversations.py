"""The first screen: conversations, the tree of the chosen one, the transcript of the chosen interaction.

Keys change state here and nowhere else; workers read through the door and post what they found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from tracer.errors import UsageError
from tracer.store.filters import Filter, parse
from tui.data import Door, Subject
from tui.feed import Feed
from tui.header import Facts
from tui.memory import Memory
from tui.messages import (
    DetailLoaded,
    ListLoaded,
    OverviewLoaded,
    PageLoaded,
    ReadFailed,
    StoreChanged,
    TreeLoaded,
    ValuesLoaded,
)
from tui.screens.panes import PanesScreen
from tui.widgets.conversations import ConversationList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.steps import StepsPane
from tui.widgets.virtual_list import VirtualList

POLL_SECONDS = 0.25
REQUERY_SECONDS = 1.0
"""A filtered list is asked for again at most this often while a recording goes on."""
AGE_SECONDS = 20.0
MAX_CHOICES = 9
"""Media that one digit chooses from."""


@dataclass(frozen=True, slots=True)
class Start:
    """The interaction to begin with."""

    seq: int
    """Of its conversation."""
    root_key: str
    key: str


class ConversationsScreen(PanesScreen):
    """Conversations at the left, the tree in the middle, the transcript at the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "filter the list and the tree; search in an interaction", show=False),
        Binding("escape", "back", "a pane to the left; in the list, lift the filter", show=False),
        Binding("F", "follow", "follow what is recorded; a move by hand ends it", show=False),
        Binding("t", "thoughts", "open or fold every thought", show=False),
    ]

    def __init__(
        self,
        door: Door,
        facts: Facts,
        *,
        now_us: Callable[[], int],
        start: Start | None = None,
        follow: bool = False,
        poll_seconds: float | None = POLL_SECONDS,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(facts, now_us, follow=follow, memory=memory or Memory(None))
        self.door = door
        self.feed = Feed(self, door, now_us)
        self.where: Filter | None = None
        self._tree_where: Filter | None = None
        self._start = start
        self._place = f"{facts.db} ▸ {facts.project or '*'}"
        if start is None:
            self._restore_filter()
        self._listed: Filter | object | None = self  # not even no filter
        self._poll_seconds = poll_seconds
        self._requery_waits = False
        self._filter_applied = False
        """The filter's line is to go as soon as there is something to show in its place."""

    def on_mount(self) -> None:
        """Read the list, then watch the database."""
        self.steps.following = self.follow
        self.feed.load_list(self.where)
        self.feed.load_overview()
        if self._poll_seconds:
            self.set_interval(self._poll_seconds, self.feed.look)
            self.set_interval(AGE_SECONDS, self.conversations.refresh)
            self.set_interval(1.0, self.outline.tick)

    def open_at(self, start: Start) -> None:
        """Go to an interaction; a filter that hides it is lifted."""
        self._start = start
        self.where, self.filter_text = None, ""
        self.outline.show(None, [], at=None)
        self.feed.load_list(None)

    def _restore_filter(self) -> None:
        text = self.memory.filter(self._place)
        with suppress(UsageError):  # a word of the language may be gone since
            self.where, self.filter_text = (parse(text), text) if text else (None, "")

    # What the workers found.

    def on_list_loaded(self, message: ListLoaded) -> None:
        """Show which conversations match."""
        if self._filter_applied:
            self.call_after_refresh(self._close_filter)
        if message.again or message.first:
            self._trouble = ""  # the rest of a list says nothing of what failed since
        if message.where is not self.where:
            return
        conversations = self.conversations
        if message.rows:
            conversations.pages.put([row.seq for row in message.rows], message.rows)
        same = message.again or self._listed is message.where
        self._listed, self._looking = message.where, message.first
        if not same or message.seqs != conversations.pages.seqs:
            conversations.show(message.seqs, same=same)
        if not message.again:
            conversations.unseen = 0  # what came into its place was there before
        if self._start is not None and (index := conversations.pages.index(self._start.seq)) is not None:
            conversations.move_to(index)
            self.go_to("tree")
        row = conversations.chosen_row
        if row is not None and row.root_key == self.outline.root_key and self._tree_where is not self.where:
            self.feed.load_tree(row.root_key, self.where, rested=True)
        if not message.seqs:
            self.outline.show(None, [], at=None)
            self.steps.show(None)
        self.say(self._said)

    def on_overview_loaded(self, message: OverviewLoaded) -> None:
        """Show the sums."""
        self._overview = message.overview
        self.say(self._said)

    def on_conversation_list_wanted(self, message: ConversationList.Wanted) -> None:
        """Fetch rows that came into view."""
        self.feed.load_page(message.seqs)

    def on_page_loaded(self, message: PageLoaded) -> None:
        """Show rows, and the tree if the cursor waited for its row."""
        self.conversations.put(message.seqs, message.rows)
        row = self.conversations.chosen_row
        if row is not None and row.root_key != self.outline.root_key:
            self.feed.load_tree(row.root_key, self.where, rested=True)

    def on_tree_loaded(self, message: TreeLoaded) -> None:
        """Show a tree, and the interaction under its cursor."""
        self._trouble = ""
        chosen = self.conversations.chosen_row
        if chosen is None or chosen.root_key != message.root_key:
            return
        tree, at = self.outline, None
        searching = self.where is not None and self._tree_where is not self.where
        self._tree_where = self.where
        if message.root_key == tree.root_key and not self.follow and not searching and tree.chosen is not None:
            at = tree.chosen.key
        elif self._start is not None and self._start.root_key == message.root_key:
            at, self._start = self._start.key, None
        tree.show(message.root_key, message.nodes, at=at, matching=message.matching)
        if message.nodes:
            self._read_chosen(rested=True)
        else:
            self.steps.show(None)
        self.say(self._said)

    def on_detail_loaded(self, message: DetailLoaded) -> None:
        """Show an interaction, unless the cursor is elsewhere by now."""
        chosen = self.outline.chosen
        if chosen is not None and chosen.key == message.detail.row.key:
            self.steps.show(message.detail)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say why something could not be read."""
        self._close_filter()
        self.in_trouble(message.text)

    def on_store_changed(self, message: StoreChanged) -> None:
        """New rows on top, changed ones in place; with follow on, the cursor goes to what was written last."""
        rows = message.changes.rows
        conversations = self.conversations
        conversations.update_rows(rows)
        if message.changes.gone:
            conversations.drop(message.changes.gone)
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
            self.feed.load_tree(chosen.root_key, self.where, rested=True)
        self._requery_later()
        self.say(self._said)

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
                self.feed.load_tree(row.root_key, self.where, rested=not message.by_user)
        elif message.sender is self.outline:
            self._read_chosen()
        if message.by_user:
            self.say("")

    def _read_chosen(self, *, rested: bool = False) -> None:
        branch = self.outline.chosen_branch
        if branch is not None:
            self.feed.load_detail(branch, self.outline.family, rested=rested)

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter goes one pane to the right."""
        if message.sender.id in self.PANES[:2]:
            self.action_step(1)

    # The other keys.

    def action_find(self) -> None:
        """Type a filter; in the transcript, words to search for."""
        if self._current == "steps":
            self.action_search()
        else:
            self._filter_applied = False
            self.query_one(FilterBar).open(self.filter_text)

    async def on_filter_bar_wanted(self, message: FilterBar.Wanted) -> None:
        """Read what a name of the filter language can be."""
        self.feed.load_values(message.name)

    def on_values_loaded(self, message: ValuesLoaded) -> None:
        """Complete with what was read."""
        self.query_one(FilterBar).know(message.name, message.values)

    def filter_by(self, text: str) -> None:
        """A filter that was typed as a command."""
        try:
            where = parse(text) if text else None
        except UsageError as error:
            self.say(str(error).partition("\n")[0])
            return
        self.on_filter_bar_applied(FilterBar.Applied(text, where))

    def action_again(self, step: int) -> None:
        """The next match: in the transcript of the words, in the tree and the list of the filter."""
        if self._current == "steps":
            super().action_again(step)
        elif self.where is None:
            self.say("no filter holds: / sets one")
        elif self._current == "list":
            self.conversations.action_move(step)
        else:
            self.say(self.outline.next_match(step * (self.outline.take_count() or 1)))

    def on_filter_bar_applied(self, message: FilterBar.Applied) -> None:
        """Show what matches."""
        self.where, self.filter_text = message.where, message.text
        self.feed.load_list(self.where)
        # The line goes once the rows are there: everything is laid out anew then, which takes longer than they do.
        self._filter_applied = True
        self.go_to("list")
        self.memory.keep_filter(self._place, message.text)

    def _close_filter(self) -> None:
        if self._filter_applied:
            self._filter_applied = False
            self.query_one(FilterBar).close()

    def on_filter_bar_cancelled(self) -> None:
        """Back to the pane."""
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
        self.say("following: the cursor goes where something is written" if self.follow else "no longer following")

    def on_steps_pane_media(self, message: StepsPane.Media) -> None:
        """Open what the block carries; if it is more, ask which."""
        items = message.items[:MAX_CHOICES]
        if not items:
            self.say("there is no image, audio, video or document in this interaction")
        elif len(items) == 1:
            self._open_media(items[0])
        else:
            from tui import media
            from tui.screens.menu import Choice, MenuScreen

            choices = [Choice(str(place), media.one_line(item), str(place)) for place, item in enumerate(items, 1)]

            def chosen(place: str | None) -> None:
                if place is not None:
                    self._open_media(items[int(place) - 1])

            self.app.push_screen(MenuScreen("Open", choices), chosen)

    def _open_media(self, item: Mapping[str, Any]) -> None:
        from tui import takeaway

        self.say(takeaway.opened(item, self._folder))

    def _set_follow(self, follow: bool) -> None:
        self.follow = self.steps.following = follow

    def action_thoughts(self) -> None:
        """Open or fold every thought."""
        self.say("thoughts open" if self.steps.toggle_thoughts() else "thoughts folded")

    def extra_copies(self) -> list[tuple[str, str, str]]:
        """Of a line of the steps its value, and how jq finds that in the record."""
        place = self.steps.place() if self._current == "steps" else None
        if place is None:
            return []
        value = ("x", "value under the cursor", place.value)
        return [("q", "its jq path in the record", place.path), value] if place.path else [value]

    def about(self) -> Subject | None:
        """The interaction under the tree's cursor."""
        row = self.outline.chosen
        return None if row is None else Subject(row, self.outline.family)
