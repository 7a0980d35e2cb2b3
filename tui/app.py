"""The application: one theme, one screen, one door to the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual.screen import Screen
from textual.worker import Worker

from tracer.store.rows import InteractionRow
from tui.data import Door, Subject
from tui.header import Behind, Facts, late
from tui.messages import Go, Marked
from tui.screens.conversations import POLL_SECONDS, ConversationsScreen, Start
from tui.screens.page import PageScreen
from tui.screens.shared import SharedScreen
from tui.source import Source
from tui.themed import ThemedApp

BEHIND_SECONDS = 1.0


def _now_us() -> int:
    return time.time_ns() // 1000


class TracerApp(ThemedApp):
    """The screen of `tracer tui`. `open_source` makes a reader for the thread that calls it."""

    CSS_PATH = "app.tcss"
    TITLE = "tracer"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False

    def __init__(
        self,
        open_source: Callable[[], Source],
        facts: Facts,
        *,
        start: Start | None = None,
        follow: bool = False,
        now_us: Callable[[], int] = _now_us,
        poll_seconds: float | None = POLL_SECONDS,
        folder: Path | None = None,
        make_test: Callable[[str, bool], str] | None = None,
        behind: Callable[[], tuple[int, float]] | None = None,
        notice: str = "",
        theme: str | None = None,
    ) -> None:
        super().__init__(folder, theme)
        self.make_test = make_test
        """Writes a cassette and a test of an interaction (by its key) and, if wanted, of all that continues it; returns
        what to say of it."""
        self._ask_behind = behind
        self.behind: Behind | None = None
        """How far the database is behind what is recorded, asked beside the keys."""
        self._look_often = poll_seconds is not None
        self._now_us = now_us
        self.folder = folder
        """Where copies and what other programs open are kept; None for nowhere."""
        self.door = Door(open_source, facts.project)
        self.marked: Subject | None = None
        """A of a comparison that waits for B."""
        self.first_screen = ConversationsScreen(
            self.door,
            facts,
            now_us=now_us,
            start=start,
            follow=follow,
            poll_seconds=poll_seconds,
            memory=self.memory,
        )
        self.first_screen.begin_with(notice)

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual draws what is below the top one along with it, whenever a timer ticks there: all of it, at every tick.
        # Only what asks or helps lets something else be seen.
        return super()._background_screens if self.screen.is_modal else []

    def on_mount(self) -> None:
        """Show the first screen."""
        self.animation_level = "none"
        self.push_screen(self.first_screen)
        if self._look_often and self._ask_behind is not None:
            self.set_interval(BEHIND_SECONDS, self.look_behind)

    def look_behind(self) -> None:
        """Find out how far the database is behind, and show it."""
        if (ask := self._ask_behind) is None:
            return

        async def work() -> None:
            shown, self.behind = late(self.behind), Behind(*await asyncio.to_thread(ask))
            for screen in self.screen_stack if late(self.behind) != shown else ():
                if isinstance(screen, SharedScreen):
                    screen.bring_up_to_date()

        _: Worker[None] = self.run_worker(work, group="behind", exclusive=True)

    def on_go(self, message: Go) -> None:
        """Open a screen over the first one, in place of any that is there."""
        if message.where == "live":
            from tui.screens.live import LiveScreen

            self._open(LiveScreen(self.door, self._now_us))
            return
        if message.subject is None or message.subject.row.ghost:
            self._say("not recorded: there is nothing to show of it")
            return
        self._open(_page(message.where, self.door, message.subject))

    def on_marked(self, message: Marked) -> None:
        """The first of two is remembered; the second opens the comparison."""
        subject, first = message.subject, self.marked
        if subject.row.ghost:
            self._say("not recorded: there is nothing to compare")
        elif first is None or first.row.key == subject.row.key:
            self.marked = None if first else subject
            self._say("no longer marked" if first else "marked as A: press d on another interaction to compare")
        else:
            from tui.screens.diff import DiffScreen

            self.marked = None
            self._open(DiffScreen(self.door, subject, first))

    def go_home(self) -> ConversationsScreen:
        """The first screen, from wherever this is."""
        while self.screen is not self.first_screen:
            self.pop_screen()
        return self.first_screen

    def open_at(self, seq: int, row: InteractionRow) -> None:
        """Show an interaction among its conversation."""
        self.go_home().open_at(Start(seq, row.root_key, row.key))

    def filter_by(self, text: str) -> None:
        """Show the conversations that match."""
        self.go_home().filter_by(text)

    def _say(self, text: str) -> None:
        if isinstance(self.screen, SharedScreen):
            self.screen.say(text)

    def _open(self, page: SharedScreen) -> None:
        if isinstance(self.screen, SharedScreen) and self.screen is not self.first_screen:
            self.switch_screen(page)
        else:
            self.push_screen(page)

    async def on_unmount(self) -> None:
        """Close the readers."""
        await self.door.close()


def _page(name: str, door: Door, subject: Subject) -> PageScreen:
    # Imported when first wanted: the first screen is there sooner.
    from tui.screens.context import ContextScreen
    from tui.screens.raw import RawScreen
    from tui.screens.waterfall import WaterfallScreen

    return {"raw": RawScreen, "context": ContextScreen, "waterfall": WaterfallScreen}[name](door, subject)
