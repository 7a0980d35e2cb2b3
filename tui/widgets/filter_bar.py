"""The filter line: typed in the filter language, mistakes named in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from tracer.errors import UsageError
from tracer.store.filters import Filter, parse
from tui.text import lines_of

EXAMPLE = 'status:failed  model:flash  tool:get_weather  latency:5s..  cost:0.01..  since:2h  "free text"'


class FilterBar(Vertical):
    """Opens with `/`, applies with enter, closes with esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    @dataclass
    class Applied(Message):
        """A filter that parses; None for an empty line."""

        text: str
        where: Filter | None

    @dataclass
    class Cancelled(Message):
        """The line was closed without a change."""

    def compose(self) -> ComposeResult:
        """The line and the place for a mistake."""
        with Horizontal():
            yield Label("/")
            yield Input(placeholder=EXAMPLE, id="filter-text")
        yield Static(id="filter-mistake", markup=False)

    @property
    def line(self) -> Input:
        """Where the filter is typed."""
        return self.query_one(Input)

    def open(self, text: str) -> None:
        """Show the line with the filter that holds now, and type into it."""
        self.add_class("open")
        self._mistake("")
        self.line.value = text
        self.line.cursor_position = len(text)
        self.line.focus()

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("open")

    def on_input_changed(self, event: Input.Changed) -> None:
        """A mistake that was named goes away when the text changes."""
        event.stop()
        self._mistake("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Apply the filter, or say what is wrong with it."""
        event.stop()
        text = event.value.strip()
        try:
            where = parse(text) if text else None
        except UsageError as error:
            self._mistake("\n".join(_shown(str(error))))
            return
        self.post_message(self.Applied(text, where))

    def action_cancel(self) -> None:
        """Leave the filter as it was."""
        self.post_message(self.Cancelled())

    def _mistake(self, text: str) -> None:
        mistake = self.query_one("#filter-mistake", Static)
        mistake.update(text)
        mistake.display = bool(text)


def _shown(message: str) -> Iterator[str]:
    yield from lines_of(message)
