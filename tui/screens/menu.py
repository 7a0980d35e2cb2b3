"""A small list to choose from: by its letters, by moving, or (the palette) by typing a part of a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.text import cut, fit
from tui.theme import S
from tui.widgets.virtual_list import VirtualList
from tui.witness import Witness


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a menu: its key, what it does, and what choosing it answers."""

    key: str
    does: str
    answer: str


class ChoiceList(VirtualList):
    """The lines; in the palette fewer, the more is typed."""

    def __init__(self, choices: Sequence[Choice], *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.choices = list(choices)
        self.total = len(choices)

    def show(self, choices: Sequence[Choice]) -> None:
        """Other lines."""
        self.choices, self.cursor = list(choices), 0
        self.set_total(len(choices))

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """Key and meaning."""
        choice = self.choices[index]
        keys = min(18, max(4, *(len(other.key) + 2 for other in self.choices)))
        return [Segment("  " + fit(choice.key, keys), S.key), Segment(cut(choice.does, width - keys - 3), S.plain)]


class AskingScreen(Witness, ModalScreen[str | None]):
    """Over the dimmed screen; answers None if it is left."""

    def answer(self, text: str | None) -> None:
        """Close with an answer, unless a key before has closed it already."""
        if self.is_current:
            self.dismiss(text)

    def action_leave(self) -> None:
        """Close without an answer."""
        self.answer(None)


class MenuScreen(AskingScreen):
    """Answers with the chosen line's `answer`, None with esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close", show=False, priority=True),
        Binding("q", "leave", "close", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Title and lines."""
        with Vertical(id="menu"):
            yield Static(self._title, id="menu-title", markup=False)
            menu = ChoiceList(self._choices, id="choices")
            menu.styles.height = len(self._choices)
            yield menu

    def on_key(self, event: events.Key) -> None:
        """A letter of the menu chooses its line."""
        super().on_key(event)
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.answer(choice.answer)

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter chooses the line under the cursor."""
        self.answer(self.query_one(ChoiceList).choices[message.index].answer)


class PaletteScreen(AskingScreen):
    """Every command that works here; typing words narrows them down, enter runs the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", "down", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", "up", show=False, priority=True),
    ]

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        """The line and what matches."""
        with Vertical(id="menu"):
            yield Input(placeholder="a command, or a part of what it does")
            menu = ChoiceList(self._choices, id="choices")
            menu.can_focus = False
            menu.styles.height = min(len(self._choices), 18)
            yield menu

    def on_input_changed(self, event: Input.Changed) -> None:
        """Lines that hold every word typed."""
        words = event.value.lower().split()
        matching = [choice for choice in self._choices if all(word in choice.does.lower() for word in words)]
        matching.sort(key=lambda choice: not choice.does.lower().startswith(" ".join(words)))
        self.query_one(ChoiceList).show(matching)

    def on_input_submitted(self) -> None:
        """Run what is under the cursor."""
        menu = self.query_one(ChoiceList)
        if menu.total:
            self.answer(menu.choices[menu.cursor].answer)

    def action_move(self, step: int) -> None:
        """Another line, while the keyboard stays in the input."""
        menu = self.query_one(ChoiceList)
        menu.move_to(menu.cursor + step)
