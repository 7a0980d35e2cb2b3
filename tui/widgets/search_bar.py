"""A line to type into: words to search for, or a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from tracer.errors import UsageError
from tui.completion import Completion
from tui.widgets.prompt import NO_WORDS, Prompt

type Complete = Callable[[str, int], Completion]
type Check = Callable[[str], object]
"""Raises UsageError with the place of the mistake after a line end."""


class SearchBar(Prompt):
    """Opens with the key that names it, answers with enter, closes with esc."""

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
        self._complete_with: Complete | None = None
        self._check: Check | None = None

    def open(
        self,
        sign: str,
        placeholder: str,
        text: str = "",
        *,
        complete: Complete | None = None,
        check: Check | None = None,
    ) -> None:
        """Show the line and type into it; `complete` says what it can go on with, `check` what is wrong with it."""
        self._sign, self._complete_with, self._check = sign, complete, check
        self.start(sign, placeholder, text)

    def completion(self, text: str, cursor: int) -> Completion:
        """As the opener has it."""
        return NO_WORDS if self._complete_with is None else self._complete_with(text, cursor)

    def entered(self, text: str) -> None:
        """Hand over what was typed, or name the mistake in place."""
        try:
            if self._check is not None and text.strip():
                self._check(text)
        except UsageError as error:
            problem, _, at = str(error).partition("\n")
            self.show_mistake(problem, int(at))
            return
        self.close()
        self.post_message(self.Entered(self._sign, text))

    def cancelled(self) -> None:
        """Back to where it was opened."""
        self.post_message(self.Cancelled())
