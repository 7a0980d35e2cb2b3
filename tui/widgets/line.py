"""A line to type into that knows when it is over."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input


class Line(Input):
    """Takes escape and enter in the order of its keys: what was typed after them went here only because the focus had
    not moved yet, and is sent on to where it is now."""

    def __init__(
        self, *, is_open: Callable[[], bool], entered: Callable[[str], None], left: Callable[[], None]
    ) -> None:
        super().__init__()
        self._is_open = is_open
        self._entered = entered
        self._left = left

    def on_key(self, event: events.Key) -> None:
        """Before the letters are taken."""
        if not self._is_open():
            target = self.screen.focused or self.screen
            target._forward_event(events.Key(event.key, event.character))
        elif event.key == "escape":
            self._left()
        elif event.key == "enter":
            self._entered(self.value)
        else:
            return
        event.stop()
        event.prevent_default()
