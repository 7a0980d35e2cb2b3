"""The filter line: the filter language with completion, mistakes named in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from tracer.errors import UsageError
from tracer.store.filters import Filter, parse
from tui.completion import Completion, of_filter
from tui.widgets.prompt import Prompt

EXAMPLE = 'status:failed  model:flash  tool:get_weather  latency:5s..  cost:0.01..  since:2h  "free text"'


class FilterBar(Prompt):
    """Opens with `/`, applies with enter, closes with esc."""

    @dataclass
    class Applied(Message):
        """A filter that parses; None for an empty line."""

        text: str
        where: Filter | None

    @dataclass
    class Cancelled(Message):
        """The line was closed without a change."""

    @dataclass
    class Wanted(Message):
        """The values that a name of the language has in the database."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._values: dict[str, Sequence[str]] = {}

    def open(self, text: str) -> None:
        """Show the line with the filter that holds now, and type into it. What the database has is asked anew."""
        self._values = {}
        self.start("/", EXAMPLE, text)

    def know(self, name: str, values: Sequence[str]) -> None:
        """Values of a name, as wanted."""
        self._values[name] = values
        self.complete()

    def completion(self, text: str, cursor: int) -> Completion:
        """Names, then values."""
        return of_filter(text, cursor, self._of)

    def _of(self, name: str) -> Sequence[str]:
        if name not in self._values:
            self._values[name] = ()
            self.post_message(self.Wanted(name))
        return self._values[name]

    def entered(self, text: str) -> None:
        """Apply the filter, or say what is wrong with it and where."""
        text = text.strip()
        self.line.value = text
        try:
            where = parse(text) if text else None
        except UsageError as error:
            # What is wrong, then the text, then a caret; these two are indented by two.
            problem, *_, caret = str(error).split("\n")
            self.show_mistake(problem, len(caret) - 3)
            return
        self.leave()
        self.post_message(self.Applied(text, where))

    def cancelled(self) -> None:
        """Leave the filter as it was."""
        self.post_message(self.Cancelled())
