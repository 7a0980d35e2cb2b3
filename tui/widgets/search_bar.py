"""A line to type into: words to search for, or a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class SearchBar(Horizontal):
    """Opens with the key that names it, answers with enter, closes with esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    @dataclass
    class Entered(Message):
        """What was typed after `sign`."""

        sign: str
        text: str

    @dataclass
    class Cancelled(Message):
        """Nothing was."""

    def __init__(self) -> None:
        super().__init__()
        self._sign = "/"

    def compose(self) -> ComposeResult:
        """The sign and the line."""
        yield Label("/", markup=False)
        yield Input()

    def open(self, sign: str, placeholder: str, text: str = "") -> None:
        """Show the line and type into it."""
        self._sign = sign
        self.query_one(Label).update(sign)
        line = self.query_one(Input)
        line.placeholder, line.value, line.cursor_position = placeholder, text, len(text)
        self.add_class("open")
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nothing happens before enter."""
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over what was typed."""
        event.stop()
        self.remove_class("open")
        self.post_message(self.Entered(self._sign, event.value))

    def action_cancel(self) -> None:
        """Close the line."""
        self.remove_class("open")
        self.post_message(self.Cancelled())
