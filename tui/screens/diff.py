"""The difference of two interactions: what they have in common is said in a word, what not is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tracer.diff import Difference, diff
from tracer.errors import TracerError
from tui.comparison import Shown, compared
from tui.data import Door, Subject, Whole
from tui.screens.one_pane import one_pane
from tui.screens.page import PageScreen
from tui.screens.shared import SharedScreen
from tui.text import clean
from tui.theme import S
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.virtual_list import Hint, VirtualList


class DiffView(VirtualList):
    """The comparison, line by line."""

    TITLE = "A → B"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("} {", "next, last difference"),
        ("x", "swap A and B"),
        ("/ n N", "search"),
        ("r w", "raw, waterfall of B"),
        ("y e", "copy, export"),
        ("esc", "back"),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.found: Difference | None = None
        self.asked_only = False
        """One of the two was never answered."""
        self.lines: list[Shown] = []

    def show(self, found: Difference | None) -> None:
        """Another comparison, or the same at another width."""
        self.found = found
        self.lines = (
            []
            if found is None or self.size.width <= 0
            else compared(found, self.size.width, asked_only=self.asked_only)
        )
        self.set_total(len(self.lines))

    def on_resize(self) -> None:
        """Texts wrap anew."""
        super().on_resize()
        self.show(self.found)

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A line as laid out."""
        return self.lines[index].segments

    def to_difference(self, step: int, times: int) -> bool:
        """To the next or last difference; False if there is none."""
        for _ in range(times):
            starts = [at for at, line in enumerate(self.lines) if line.starts and (at - self.cursor) * step > 0]
            if not starts:
                return False
            self.move_to(starts[0] if step > 0 else starts[-1], by_user=True)
        return True


class DiffScreen(PageScreen):
    """A is what was marked first; `subject` is B."""

    NAME = "diff"
    AUTO_FOCUS = "#diff"
    PANES = ("diff",)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_curly_bracket", "difference(1)", "next difference", show=False),
        Binding("left_curly_bracket", "difference(-1)", "difference before", show=False),
        Binding("x", "swap", "swap A and B", show=False),
    ]

    def __init__(self, door: Door, subject: Subject, first: Subject) -> None:
        super().__init__(door, subject)
        self.first = first

    def compose(self) -> ComposeResult:
        """One pane between the bars."""
        yield from one_pane(DiffView(id="diff"))

    @property
    def view(self) -> DiffView:
        """The comparison."""
        return self.query_one("#diff", DiffView)

    async def fill(self, whole: Whole, *, same: bool) -> None:
        """Compare in a thread: long texts take a while."""
        before = (await self.door.whole(self.first.row.key)).record
        if before is None or whole.record is None:
            self.say("one of the two was never recorded: there is nothing to compare")
            return
        found = await asyncio.to_thread(diff, before, whole.record)
        names = [short(row.id or row.key) for row in (self.first.row, self.subject.row)]
        self.view.title = f"A {names[0]} → B {names[1]}"
        self.view.show(found)

    def facts(self) -> Sequence[Segment]:
        """In a word, whether they differ."""
        found = self.view.found
        if found is None:
            return [Segment(" reading … ", S.muted)]
        said = "the same" if found.same else "another answer" if found.same_request else "another request"
        return [Segment(f" {said} ", S.done if found.same else S.running)]

    def action_difference(self, step: int) -> None:
        """The next difference, or the one before."""
        if not self.view.to_difference(step, self.view.take_count() or 1):
            self.say("no more differences that way")

    def action_swap(self) -> None:
        """A becomes B."""
        self.first, self.subject = self.subject, self.first
        self.whole = None
        self.load()


def short(name: str) -> str:
    """An id by its end: those of one service begin alike."""
    shown = clean(name)
    return shown if len(shown) <= 20 else f"…{shown[-16:]}"


class MissScreen(SharedScreen):
    """A recording of a cassette beside the request of a test that missed it."""

    NAME = "miss"
    AUTO_FOCUS = "#diff"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_curly_bracket", "difference(1)", "next difference", show=False),
        Binding("left_curly_bracket", "difference(-1)", "difference before", show=False),
        Binding("escape", "dismiss", "back", show=False),
    ]

    def __init__(self, door: Door, recorded: str, asked: str) -> None:
        super().__init__()
        self.door = door
        self.recorded, self.asked = recorded, asked

    def compose(self) -> ComposeResult:
        """One pane between the bars."""
        yield from one_pane(DiffView(id="diff"))

    @property
    def pane(self) -> DiffView:
        """The comparison."""
        return self.query_one(DiffView)

    def about(self) -> Subject | None:
        """Neither is in the database."""
        return None

    def on_mount(self) -> None:
        """Read both files and compare, in a thread."""

        async def work() -> None:
            try:
                found, asked_only = await asyncio.to_thread(_compared, self.recorded, self.asked)
            except (TracerError, OSError, ValueError) as error:
                self.say(str(error))
                return
            self.pane.title, self.pane.asked_only = "recorded → asked", asked_only
            self.pane.show(found)
            self.say("")

        self.work(work, "whole")

    def say(self, text: str) -> None:
        """Bring the bars up to date."""
        name = Path(self.recorded).name
        left = [Segment(" ◆ ", S.focus), Segment("missed", S.bright), Segment(f"   {clean(name)}", S.plain)]
        self.query_one("#header", Bar).say(left)
        self.query_one("#hints", HintBar).show(self.pane.HINTS, text)
        self.query(PaneTitle).refresh()

    def action_difference(self, step: int) -> None:
        """The next difference, or the one before."""
        if not self.pane.to_difference(step, self.pane.take_count() or 1):
            self.say("no more differences that way")


def _compared(recorded: str, asked: str) -> tuple[Difference, bool]:
    from tracer.cassettes.naming import record_of, was_answered

    before, after = record_of(recorded), record_of(asked)
    if before is None or after is None:
        raise ValueError(f"{recorded!r} and {asked!r} are not both files of recordings")
    return diff(before, after), not (was_answered(before) and was_answered(after))
