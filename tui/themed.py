"""An app in one of our themes: everything is drawn in the dark one's colours and exchanged on the way out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from textual.filter import LineFilter, Monochrome, NoColor

from tui.memory import Memory
from tui.themes import LOOKS, Exchange, fitting
from tui.witness import AttentiveApp


class ThemedApp(AttentiveApp):
    """`folder` is where the choice is remembered; `theme` overrules what it says."""

    def __init__(self, folder: Path | None = None, theme: str | None = None) -> None:
        super().__init__()
        self.memory = Memory(folder)
        self._exchange: Exchange | None = None
        for look in LOOKS.values():
            self.register_theme(look.theme)
        chosen = theme or self.memory.theme
        fits = fitting(os.environ, self.console.color_system)
        self.look = "plain" if self.no_color else chosen if chosen in LOOKS else fits
        self._put_on(self.look)

    def wear(self, look: str) -> str:
        """Another theme, which stays; returns what to say of it."""
        if self.no_color:
            return "NO_COLOR is set: there are no colours to change"
        self._put_on(look)
        self.memory.keep_theme(look)
        return f"theme: {look}; it stays so"

    def _put_on(self, look: str) -> None:
        self.look = look
        self._exchange = LOOKS[look].exchange(self.console.color_system)
        self.theme = LOOKS[look].theme.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Colours as the theme has them; none at all if NO_COLOR is set."""
        own = [self._exchange] if self._exchange is not None and self._exchange.enabled else []
        others = [each for each in super().get_line_filters() if not isinstance(each, Monochrome | NoColor)]
        return [*own, *others, *([NoColor()] if self.no_color else [])]
