"""A line to type into, with what it can go on with below it, and a caret under what is wrong."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from tui.completion import Completion
from tui.text import clean, wrap
from tui.theme import S
from tui.widgets.bars import Bar
from tui.widgets.line import Line
from tui.witness import Witness

SIGN_WIDTH = 3
NO_WORDS = Completion(0)


class Prompt(Witness, Vertical):
    """Opens over the panes, answers with enter, closes with esc; tab takes the word that is lit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "complete", show=False),
        Binding("down,ctrl+n", "choose(1)", "next word", show=False),
        Binding("up,ctrl+p", "choose(-1)", "word before", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._completion = NO_WORDS
        self._chosen = 0
        self._before: Widget | None = None
        """What had the keyboard when the line was opened."""

    def compose(self) -> ComposeResult:
        """The line, the words, the place for a mistake."""
        with Horizontal():
            yield Label("/", markup=False)
            yield Line(is_open=lambda: self.display, entered=self.entered, left=self._leave)
        yield Bar(classes="words")
        yield Static(classes="mistake", markup=False)

    @property
    def line(self) -> Line:
        """Where one types."""
        return self.query_one(Line)

    def start(self, sign: str, placeholder: str, text: str = "") -> None:
        """Show the line with a text and type into it."""
        self.query_one(Label).update(sign)
        line = self.line
        line.placeholder, line.value, line.cursor_position = placeholder, text, len(text)
        self.display = True
        if self.screen.focused is not line:
            self._before = self.screen.focused
        # At once, not with the next refresh: letters may follow.
        self.screen.set_focus(line)
        self.show_mistake("", 0)
        self.complete()

    def close(self) -> None:
        """Hide the line; the keyboard goes back to where it was."""
        self.display = False
        self.leave()

    def leave(self) -> None:
        """The keyboard goes back to where it was; the line stays until it is closed."""
        if self.screen.focused is self.line:
            self.screen.set_focus(self._before)

    # What a subclass fills in.

    def completion(self, text: str, cursor: int) -> Completion:
        """What can stand at the cursor."""
        return NO_WORDS

    def entered(self, text: str) -> None:
        """Enter was pressed."""
        raise NotImplementedError

    def cancelled(self) -> None:
        """Esc was pressed."""
        raise NotImplementedError

    # Words.

    def complete(self) -> None:
        """Find out anew what can stand at the cursor."""
        self._completion = self.completion(self.line.value, self.line.cursor_position)
        self._chosen = 0
        self._show_words()

    def _show_words(self) -> None:
        bar, words = self.query_one(".words", Bar), self._completion.words
        bar.display = bool(words)
        segments: list[Segment] = [Segment(" " * SIGN_WIDTH)]
        room = self.app.size.width - SIGN_WIDTH
        for at, word in enumerate(words[self._chosen :]):
            shown = clean(word)
            if at and cell_len(shown) + 2 > room:
                break
            room -= cell_len(shown) + 2
            segments += [Segment(shown, S.key if at == 0 else S.muted), Segment("  ")]
        keys = [Segment("tab ", S.key), Segment("takes it ", S.faint)] if words else []
        bar.say(segments, keys if room > SIGN_WIDTH * 5 else ())

    def action_take(self) -> None:
        """Put in the lit word."""
        if self._completion.words:
            word = self._completion.words[self._chosen]
            text, cursor = self._completion.applied(self.line.value, self.line.cursor_position, word)
            self.line.value, self.line.cursor_position = text, cursor

    def action_choose(self, step: int) -> None:
        """Light another word."""
        if self._completion.words:
            self._chosen = (self._chosen + step) % len(self._completion.words)
            self._show_words()

    # Mistakes.

    def show_mistake(self, problem: str, at: int) -> None:
        """A caret under the character `at` of the line, and the problem below it; nothing if it is empty."""
        mistake = self.query_one(".mistake", Static)
        mistake.display = bool(problem)
        column = SIGN_WIDTH + max(0, cell_len(self.line.value[:at]) - int(self.line.scroll_offset.x))
        lines = [" " * SIGN_WIDTH + piece for piece in wrap(clean(problem), self.app.size.width - SIGN_WIDTH - 1)]
        mistake.update("\n".join([" " * min(column, max(0, self.app.size.width - 1)) + "▲", *lines]))

    # What happens in the line.

    def on_input_changed(self, event: Input.Changed) -> None:
        """Other words fit; a mistake that was named goes away."""
        event.stop()
        self.show_mistake("", 0)
        self.complete()

    def _leave(self) -> None:
        self.close()
        self.cancelled()
