"""The waterfall: where the time went, in one interaction or a branch, played back at the speed of the recording."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from tui.data import Door, Subject, Whole
from tui.found import holds
from tui.screens.page import PageScreen
from tui.text import duration
from tui.theme import S
from tui.timeline import branch, timeline
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.search_bar import SearchBar
from tui.widgets.virtual_list import VirtualList
from tui.widgets.waterfall import Bars, MomentPane

FRAME_SECONDS = 1 / 20
SPEEDS = (0.1, 0.5, 1.0, 5.0, 20.0)
ZOOM = 0.5


class WaterfallScreen(PageScreen):
    """Bars above, the chosen moment below."""

    NAME = "waterfall"
    AUTO_FOCUS = "#bars"
    PANES = ("bars", "moment")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "zoom(-1)", "zoom in", show=False),
        Binding("o", "zoom(1)", "zoom out", show=False),
        Binding("equals_sign", "all", "see all", show=False),
        Binding("h,left", "pan(-1)", "earlier", show=False),
        Binding("l,right", "pan(1)", "later", show=False),
        Binding("left_square_bracket", "event(-1)", "event before", show=False),
        Binding("right_square_bracket", "event(1)", "next event", show=False),
        Binding("space", "play", "play", show=False),
        Binding("less_than_sign", "speed(-1)", "slower", show=False),
        Binding("greater_than_sign", "speed(1)", "faster", show=False),
        Binding("b", "branch", "branch", show=False),
    ]

    def __init__(self, door: Door, subject: Subject) -> None:
        super().__init__(door, subject)
        self.at: int | None = None
        """The moment chosen."""
        self.playing = False
        self.speed = 1.0
        self.whole_branch = False
        self._last_frame = 0.0

    def compose(self) -> ComposeResult:
        """Bars, moment, between the lines above and below."""
        yield Bar(id="header")
        bars, moment = Bars(id="bars"), MomentPane(id="moment")
        with Vertical(id="bars-side"):
            yield PaneTitle(bars)
            yield bars
        with Vertical(id="moment-side"):
            yield PaneTitle(moment)
            yield moment
        yield SearchBar()
        yield HintBar(id="hints")

    def on_mount(self) -> None:
        """Read; the clock of the playback runs only while it plays."""
        super().on_mount()
        self._clock = self.set_interval(FRAME_SECONDS, self._frame, pause=True)

    @property
    def bars(self) -> Bars:
        """The upper pane."""
        return self.query_one("#bars", Bars)

    async def fill(self, whole: Whole, *, same: bool) -> None:
        """Lay the times out in a thread: a long stream has thousands of events."""
        family = self.subject.family
        if self.whole_branch:
            shown = branch(whole.row, family)
        else:
            shown = await asyncio.to_thread(timeline, whole, family)
        self.bars.show(shown, same=same)
        if not same:
            self.at, self.bars.playhead_us = None, None
        self._show_moment()

    def facts(self) -> Sequence[Segment]:
        """How much time, how many events, how fast."""
        shown = self.bars.timeline
        playing = [Segment(f" ▶ x{self.speed:g} ", S.follow), Segment(" ")] if self.playing else []
        what = "branch" if self.whole_branch else f"{len(shown.moments):,} events"
        return [*playing, Segment(f" {what} · {duration(shown.end_us)} ", S.muted)]

    def _show_moment(self) -> None:
        self.query_one("#moment", MomentPane).show(self.bars.timeline, self.at)

    def _go_to(self, at: int) -> None:
        moments = self.bars.timeline.moments
        self.at = max(0, min(at, len(moments) - 1))
        self.bars.play_to(moments[self.at].at_us)
        self._show_moment()

    def action_zoom(self, step: int) -> None:
        """See less, in more detail, or more."""
        self.bars.zoom(ZOOM**-step)

    def action_all(self) -> None:
        """See all of it."""
        self.bars.look_at(0, self.bars.timeline.end_us)

    def action_pan(self, step: int) -> None:
        """See earlier or later."""
        self.bars.pan(step / 4)

    def action_event(self, step: int) -> None:
        """The next event, or the one before."""
        self._pause()
        if self.bars.timeline.moments:
            step *= self.pane.take_count() or 1
            self._go_to((-1 if self.at is None else self.at) + step)

    def action_branch(self) -> None:
        """The whole branch from its root, or this interaction alone."""
        self.whole_branch = not self.whole_branch
        self._pause()

        async def work() -> None:
            if self.whole is not None:
                await self.fill(self.whole, same=False)
                self.say("the branch from its root" if self.whole_branch else "this interaction")

        self.work(work, "whole")

    def action_speed(self, step: int) -> None:
        """Play slower or faster."""
        place = SPEEDS.index(self.speed) + step
        self.speed = SPEEDS[max(0, min(place, len(SPEEDS) - 1))]
        self.say(f"plays at x{self.speed:g} of the recorded speed")

    def action_play(self) -> None:
        """Play from the playhead (from the beginning if it is at the end), or pause."""
        if self.playing or not self.bars.timeline.moments:
            self._pause()
            return
        here = self.bars.playhead_us
        if here is None or here >= self.bars.timeline.moments[-1].at_us:
            self._go_to(0)
        self.playing, self._last_frame = True, time.monotonic()
        self._clock.resume()
        self.say("")

    def _pause(self) -> None:
        self.playing = False
        self._clock.pause()
        self.say("")

    def _frame(self) -> None:
        now = time.monotonic()
        self.advance(round((now - self._last_frame) * self.speed * 1_000_000))
        self._last_frame = now

    def advance(self, us: int) -> None:
        """Let so much recorded time pass; at the end it stops."""
        moments = self.bars.timeline.moments
        at_us = (self.bars.playhead_us or 0) + us
        at = bisect_right(moments, at_us, key=lambda moment: moment.at_us) - 1
        if at != self.at and at >= 0:
            self.at = at
            self._show_moment()
        self.bars.play_to(min(at_us, moments[-1].at_us))
        if at_us >= moments[-1].at_us:
            self._pause()

    def _seek(self, pane: VirtualList, step: int) -> None:
        """The next event that holds the words, round and round."""
        has = holds(self.words)
        found = [at for at, moment in enumerate(self.bars.timeline.moments) if has(f"{moment.name} {moment.text}")]
        if not self.words or not found:
            self.say(f"no event holds {self.words}" if self.words else "")
            return
        here = -1 if self.at is None else self.at
        place = bisect_right(found, here) + step - 1 if step > 0 else bisect_left(found, here) + step
        self._pause()
        self._go_to(found[place % len(found)])
        self.say(f"{self.words}: {place % len(found) + 1} of {len(found)}")
