"""Live: what runs now with its last words, and the figures of what ran."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tracer.cassettes.verdicts import Verdict, of_folder
from tracer.errors import StoreError
from tui.data import Counted, Door, Running, Subject
from tui.screens.one_pane import one_pane
from tui.screens.shared import SharedScreen
from tui.statistics import Drawn, page
from tui.theme import S
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.virtual_list import Hint, VirtualList

LOOK_SECONDS = 1.0
COUNT_PART = 10
"""So many times as long as it took, until everything is counted again."""


class StatisticsView(VirtualList):
    """The page, line by line; a line about a running interaction can be looked into."""

    TITLE = "Live"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("j k", "lines"),
        ("r w", "raw, waterfall of a running one"),
        ("d", "why a cassette was missed"),
        ("y", "copy"),
        (":", "commands"),
        ("?", "keys"),
        ("esc", "back"),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: list[Drawn] = []

    def show(self, lines: list[Drawn]) -> None:
        """A newer page; the cursor stays with its interaction, else on its line."""
        kept = self.lines[self.cursor].row if self.lines else None
        self.lines = lines
        self.set_total(len(lines))
        if kept is not None:
            self.cursor = next(
                (at for at, line in enumerate(lines) if line.row is not None and line.row.key == kept.key), self.cursor
            )

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A line as laid out."""
        return self.lines[index].segments


class LiveScreen(SharedScreen):
    """One page, counted anew when something is written."""

    NAME = "live"
    AUTO_FOCUS = "#live"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "back", show=False)]

    def __init__(self, door: Door, now_us: Callable[[], int]) -> None:
        super().__init__()
        self.door = door
        self._now_us = now_us
        self.running: Running | None = None
        self.counted: Counted | None = None
        self.cassettes: list[Verdict] = []
        self._counts_at = 0.0
        self._said = ""

    def compose(self) -> ComposeResult:
        """One pane between the bars."""
        yield from one_pane(StatisticsView(id="live"))

    @property
    def view(self) -> StatisticsView:
        """The page."""
        return self.query_one(StatisticsView)

    @property
    def pane(self) -> VirtualList:
        """The only one."""
        return self.view

    def on_mount(self) -> None:
        """Count, and again every second if something was written."""
        self.load()
        self.set_interval(LOOK_SECONDS, self.load)

    def on_resize(self) -> None:
        """Columns come and go with the width."""
        self._draw()

    def load(self) -> None:
        """Read what runs; count too, unless counting took long and was done lately."""

        async def work() -> None:
            self.cassettes = await asyncio.to_thread(of_folder, Path.cwd())
            try:
                self.running = await self.door.running(self.running)
            except StoreError as error:
                self.say(str(error))
                return
            self._draw()
            self.say(self._said)

        self.work(work, "running")
        if time.monotonic() >= self._counts_at:
            self._counts_at = float("inf")  # until this count has ended
            self.work(self._count, "counted")

    async def _count(self) -> None:
        began = time.monotonic()
        try:
            self.counted = await self.door.counted(self.counted)
        except StoreError as error:
            self.say(str(error))
        ended = time.monotonic()
        self._counts_at = ended + COUNT_PART * (ended - began)
        self._draw()

    def _draw(self) -> None:
        if self.running is not None and self.view.size.width > 0:
            self.view.show(page(self.running, self.counted, self.cassettes, self.view.size.width, self._now_us()))

    def action_mark(self) -> None:
        """Of a cassette with a miss, the recording beside the request; else one of two to compare."""
        miss = self.view.lines[self.view.cursor].miss if self.view.lines else None
        if miss is None:
            super().action_mark()
            return
        from tui.screens.diff import MissScreen

        self.app.push_screen(MissScreen(self.door, *miss))

    def about(self) -> Subject | None:
        """The running interaction under the cursor."""
        row = self.view.lines[self.view.cursor].row if self.view.lines else None
        return None if row is None else Subject(row)

    def say(self, text: str) -> None:
        """Bring the bars up to date."""
        self._said = text
        if self.is_mounted:
            where = self.door.project or "all projects"
            self.query_one("#header", Bar).say(
                [Segment(" ◆ ", S.focus), Segment("live", S.bright), Segment(f"   {where}", S.muted)], self.lateness
            )
            self.query_one("#hints", HintBar).show(self.view.HINTS, text)
            self.query(PaneTitle).refresh()

    def on_virtual_list_moved(self, message: VirtualList.Moved) -> None:
        """What was said goes with the next key."""
        if message.by_user:
            self.say("")

    def action_back(self) -> None:
        """Drop a typed count, else leave."""
        if not self.view.take_count():
            self.dismiss()
