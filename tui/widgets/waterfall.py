"""The waterfall's bars, and the pane below them that says what happened at the chosen moment."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment

from tui.text import clean, cut, lines_of, wrap
from tui.theme import S
from tui.timeline import Timeline
from tui.waterfall import View, bar, ruler
from tui.widgets.virtual_list import Hint, VirtualList

EMPTY = Timeline([], [], {}, 1)
MAX_SAID = 4_000
"""Characters of a step's text that are shown: the newest."""


class Bars(VirtualList):
    """A ruler, then one row for each span."""

    TITLE = "Waterfall"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("i o", "zoom"),
        ("h l", "pan"),
        ("=", "all"),
        ("[ ]", "event"),
        ("space", "play"),
        ("< >", "speed"),
        ("b", "branch"),
        ("esc", "back"),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.timeline = EMPTY
        self.view = View(0, 1)
        self.playhead_us: int | None = None

    def show(self, timeline: Timeline, *, same: bool) -> None:
        """Another timeline; a newer state of the `same` one keeps the zoom, unless all was in view."""
        if not same or self.view == View(0, self.timeline.end_us):
            self.view = View(0, timeline.end_us)
        self.timeline = timeline
        if not same:
            self.cursor = 0
        self.set_total(len(timeline.spans) + 1 if timeline.spans else 0)

    def zoom(self, factor: float) -> None:
        """Narrow or widen what is in view around the playhead, else around its middle."""
        start, end = self.view.start_us, self.view.end_us
        inside = self.playhead_us is not None and start <= self.playhead_us <= end
        middle = self.playhead_us if inside and self.playhead_us is not None else (start + end) // 2
        half = max(500, round((end - start) * factor / 2))
        self.look_at(middle - half, middle + half)

    def pan(self, part: float) -> None:
        """Move what is in view by a part of itself."""
        by = round((self.view.end_us - self.view.start_us) * part)
        self.look_at(self.view.start_us + by, self.view.end_us + by)

    def look_at(self, start_us: int, end_us: int) -> None:
        """A part of the time, kept within what there is."""
        size = min(end_us - start_us, self.timeline.end_us)
        start = max(0, min(start_us, self.timeline.end_us - size))
        self.view = View(start, start + max(1, size))
        self.refresh()

    def play_to(self, at_us: int) -> None:
        """Put the playhead at a moment and keep it in view."""
        self.playhead_us = at_us
        if not self.view.start_us <= at_us <= self.view.end_us:
            size = self.view.end_us - self.view.start_us
            self.look_at(at_us - size // 4, at_us + size - size // 4)
        self.refresh()

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """The ruler, or a bar."""
        if index == 0:
            return ruler(self.view, width, self.playhead_us)
        return bar(self.timeline.spans[index - 1], self.view, width, self.playhead_us)

    def blank(self, y: int, width: int) -> list[Segment]:
        """Nothing to show is said."""
        return [Segment("  nothing crossed that has a time", S.muted)] if y == 1 and not self.total else []


class MomentPane(VirtualList):
    """One event as it came, and all that its step had said by then."""

    TITLE = "Moment"
    HINTS = Bars.HINTS

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[list[Segment]] = []

    def show(self, timeline: Timeline, at: int | None) -> None:
        """The moment numbered `at`."""
        width = max(20, self.size.width)
        self._lines = [] if at is None else moment_lines(timeline, at, width)
        self.set_total(len(self._lines))
        self.move_to(self.total - 1)

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A line as laid out."""
        return self._lines[index]

    def blank(self, y: int, width: int) -> list[Segment]:
        """What to press."""
        return [Segment("  ] steps through the events, space plays them", S.faint)] if not self.total and not y else []


def moment_lines(timeline: Timeline, at: int, width: int) -> list[list[Segment]]:
    """Number, time, name and payload on one line; below it the text so far."""
    moment = timeline.moments[at]
    head = f" #{at + 1} of {len(timeline.moments)}  +{moment.at_us / 1e6:.3f}s  "
    name = clean(moment.name)
    room = width - len(head) - len(name) - 3
    lines = [[Segment(head, S.key), Segment(name, S.strong), Segment("  " + cut(clean(moment.text), room), S.muted)]]
    if moment.step is not None and (said := timeline.texts.get(moment.step, "")[: moment.said][-MAX_SAID:]):
        for line in lines_of(said + "▏"):
            lines += [[Segment("  "), Segment(piece, S.plain)] for piece in wrap(line, width - 3)]
    return lines
