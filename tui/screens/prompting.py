"""What is typed on every screen: words to search for in the pane with the keyboard, and commands after a colon."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from tui.commands import action_of, complete
from tui.widgets.bars import HintBar
from tui.widgets.search_bar import SearchBar
from tui.widgets.virtual_list import VirtualList


class PromptingScreen(Screen[None]):
    """A subclass composes a SearchBar and `#hints`, and says which pane has the keyboard."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False),
        Binding("n", "again(1)", "next match", show=False),
        Binding("N", "again(-1)", "match before", show=False),
        Binding("colon", "command", "type a command", show=False),
    ]

    # Textual would draw the whole screen again when the keyboard goes to another pane.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        """The words last searched for."""
        self._typed_over: VirtualList | None = None

    @property
    def pane(self) -> VirtualList:
        """The pane with the keyboard."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Show a sentence until the next key."""
        raise NotImplementedError

    def work(self, job: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run a job beside the keys, in place of an older one of its group."""
        _: Worker[None] = self.run_worker(job, group=group, exclusive=True)

    def on_virtual_list_counting(self, message: VirtualList.Counting) -> None:
        """A count stands in the footer while it is typed."""
        self.query_one("#hints", HintBar).count(message.count)

    def action_search(self) -> None:
        """Type words to search for."""
        self._typed_over = self.pane
        self.query_one(SearchBar).open("/", "words; lower case matches any", self.words)

    def action_command(self) -> None:
        """Type a command."""
        self._typed_over = self.pane
        hint = "a command: tab completes it, ctrl+p lists all"
        self.query_one(SearchBar).open(":", hint, complete=complete, check=action_of)

    async def on_search_bar_entered(self, message: SearchBar.Entered) -> None:
        """Search for the words, or do what the command says."""
        (self._typed_over or self.pane).focus()
        if message.sign == "/":
            self.action_search_for(message.text)
        elif message.text.strip() and not await self.app.run_action(action_of(message.text), self):
            self.say(f"that works on another screen: {message.text.strip()}")

    def on_search_bar_cancelled(self) -> None:
        """Back to the pane."""
        (self._typed_over or self.pane).focus()

    def action_search_for(self, words: str) -> None:
        """The next place that has the words."""
        self.words = words
        self._seek(self._typed_over or self.pane, 1)

    def action_again(self, step: int) -> None:
        """The next place with the words searched for, or the one before."""
        self._seek(self.pane, step * (self.pane.take_count() or 1))

    def _seek(self, pane: VirtualList, step: int) -> None:
        async def work() -> None:
            self.say(await pane.seek(self.words, step))

        self.work(work, "search")

    def action_row(self, number: int) -> None:
        """Go to a row by its number."""
        self.pane.move_to(number - 1, by_user=True)
