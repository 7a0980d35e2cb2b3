"""The first line: where the data is from, whether it is being written, how much there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style

from tracer.store.rows import Found
from tui.data import Overview
from tui.text import clean, cut, duration, money, size
from tui.theme import S


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for one start of the screen."""

    db: str
    """The database's file name."""
    project: str | None
    """None for all projects."""


class Behind(NamedTuple):
    """What crossed and is not in the database yet."""

    bytes: int
    seconds: float
    """For how long it may have been waiting."""


LATE_SECONDS = 1.0
"""What waits no longer is on its way."""


def late(behind: Behind | None) -> list[Segment]:
    """How far the database is behind the recording, if it is."""
    if behind is None or not behind.bytes or behind.seconds < LATE_SECONDS:
        return []
    return [
        Segment(f" {duration(round(behind.seconds * 1e6))} behind · {size(behind.bytes)} wait ", S.badge),
        Segment(" "),
    ]


def header(
    facts: Facts,
    overview: Overview | None,
    *,
    shown: int,
    filter_text: str = "",
    follow: bool = False,
    unseen: int = 0,
    looking: Found | None = None,
    trail: Sequence[tuple[str, bool]] = (),
) -> tuple[list[Segment], list[Segment]]:
    """Left and right part. `trail` are the panes of a narrow screen, the current one marked."""
    left = [Segment(" ◆ ", S.focus)]
    if trail:
        for name, current in trail:
            opens = Style(meta={"@click": f"screen.show_pane({name!r})"})
            style = (S.strong if current else S.faint) + opens
            left += [Segment(" ▸ " if len(left) > 1 else "", S.faint), Segment(name, style)]
    else:
        left += [Segment("tracer", S.bright), Segment(f"   {clean(facts.db)}", S.muted)]
        left += [Segment(" ▸ ", S.faint), Segment(clean(facts.project or "all projects"), S.strong)]
    if filter_text:
        left += [Segment("   / ", S.key), Segment(cut(clean(filter_text), 40), S.key)]
    right: list[Segment] = []
    if unseen:
        right += [Segment(f" ▲ {unseen} new ", S.badge), Segment(" ")]
    if follow:
        right += [Segment(" FOLLOW ", S.follow), Segment(" ")]
    if looking is not None and filter_text:
        return left, [*right, Segment(f" {shown:,} so far, {looking.looked:,} looked at … ", S.muted)]
    if overview is None:
        return left, [*right, Segment(" reading … ", S.muted)]
    if overview.recording:
        right += [Segment(" ● LIVE ", S.live), Segment(" ")]
    total = overview.totals.conversations
    of = f"{shown:,} of {max(total, shown):,}" if filter_text else f"{shown:,}"
    right.append(Segment(f" {of} conversation{'' if of == '1' else 's'} ", S.muted))
    if overview.totals.cost_nano is not None:
        right.append(Segment(f" {money(overview.totals.cost_nano)} ", S.money))
    return left, right


def empty_text(
    facts: Facts, filter_text: str, overview: Overview | None, looking: Found | None = None
) -> tuple[str, ...]:
    """What an empty list says."""
    if looking is not None:
        return ("Looking …", "", f"Nothing among {looking.looked:,} yet.")
    if overview is None:
        return ()
    if filter_text:
        return ("Nothing matches.", "", "esc lifts the filter, / changes it.")
    said = ["Nothing recorded yet."]
    if overview.elsewhere:
        others = f"{overview.elsewhere:,} in other projects:"
        said = [f"Nothing of {facts.project!r}.", "", others, "  tracer tui --all-projects"]
    return (*said, "", "Record an app:", "  tracer run -- python app.py", "", "It will appear here.")
