"""What is shown while another process keeps the database to itself: who does, since when, and how to leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import Worker

from tui.text import clean, wrap
from tui.theme import S
from tui.themed import ThemedApp
from tui.widgets.bars import Bar

LOOK_SECONDS = 0.25


class WaitingApp(ThemedApp):
    """Ends once the database can be read (`free` says so), or when the user leaves.

    `is_locked` is asked in a thread, four times a second; `holder` names who it is waited for, or nobody.
    """

    TITLE = "tracer"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    CSS = "Screen { background: $background; } Lines { height: 1fr; } Bar { height: 1; } #hints { dock: bottom; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape,ctrl+c", "app.quit", "leave", show=False, priority=True)]

    def __init__(
        self, db: str, is_locked: Callable[[], bool], holder: Callable[[], str], *, folder: Path | None = None
    ) -> None:
        super().__init__(folder)
        self.free = False
        self._db = db
        self._is_locked = is_locked
        self._holder = holder
        self._who = ""
        self._began = time.monotonic()

    def compose(self) -> ComposeResult:
        """The sentence between two bars."""
        yield Bar(id="header")
        yield Lines()
        yield Bar(id="hints")

    def on_mount(self) -> None:
        """Look now, and again and again."""
        self.query_one("#header", Bar).say([Segment(" ◆ ", S.focus), Segment("tracer", S.bright)])
        self.query_one("#hints", Bar).say([Segment(" q ", S.key), Segment("leave", S.muted)])
        self._show()
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        _: Worker[None] = self.run_worker(self._ask, exclusive=True)

    async def _ask(self) -> None:
        if not await asyncio.to_thread(self._is_locked):
            self.free = True
            self.exit()
            return
        self._who = await asyncio.to_thread(self._holder) or self._who
        self._show()

    def _show(self) -> None:
        waited = round(time.monotonic() - self._began)
        self.query_one(Lines).show(
            f"The database {self._db!r} is locked by {self._who or 'another process'}.",
            "",
            f"It opens as soon as that one is done. Waiting {waited}s …",
        )


class Lines(Widget):
    """Sentences, wrapped."""

    def __init__(self) -> None:
        super().__init__()
        self._said: tuple[str, ...] = ()

    def show(self, *said: str) -> None:
        """These from now on."""
        self._said = said
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of them, one below the top."""
        width = self.size.width
        lines = [piece for one in self._said for piece in wrap(clean(one), width - 4)]
        text = [Segment("  " + lines[y - 1], S.plain)] if 1 <= y <= len(lines) else []
        return Strip(text).adjust_cell_length(width).apply_style(S.ground)
