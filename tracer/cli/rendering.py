"""Values as people read them on paper: money, durations, ages, counts, status; and text made safe for a terminal."""

from __future__ import annotations

import math
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

SHORT_KEY = 16
"""Hex digits of a key shown in lists: its time to a quarter of a microsecond."""
_WHOLE_KEY = 32
_DATED_FROM_US = 946_684_800_000_000
"""2000-01-01: an earlier moment is the place in its file of a call that no date is known of."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_GLYPHS = {
    "completed": "●",
    "in_progress": "◐",
    "queued": "◌",
    "requires_action": "◆",
    "requires_continuation": "◆",
    "failed": "✗",
    "cancelled": "⊘",
    "incomplete": "▲",
    "budget_exceeded": "▲",
}
_UNITS = ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def clean(text: str) -> str:
    """Text from the network without what could drive a terminal or reorder a line; newlines and tabs stay."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Clean text on one line."""
    return clean(" ".join(text.split()))


def cut(text: str, cells: int) -> str:
    """Text that takes at most this many terminal cells, with an ellipsis where it was cut."""
    taken = 0
    for place, character in enumerate(text):
        taken += _cells(character)
        if taken > cells:
            return cut_exactly(text[:place], cells - 1) + "…" if cells > 0 else ""
    return text


def cut_exactly(text: str, cells: int) -> str:
    """The longest start of a text that fits."""
    while text and width(text) > cells:
        text = text[:-1]
    return text


def width(text: str) -> int:
    """Terminal cells of a text."""
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def line_width() -> int | None:
    """Cells of a line on this terminal; None if stdout is none, and nothing need be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def glyph(status: str | None, state: str, *, ghost: bool = False) -> str:
    """One sign for how an interaction fares."""
    if ghost:
        return "○"
    if state in ("in_flight", "error"):
        return "◐" if state == "in_flight" else "✗"
    if state in ("truncated", "interrupted"):
        return "▲"
    return _GLYPHS.get(status or "", "·")


def status_word(status: str | None, state: str) -> str:
    """The service's word, or ours of the transport where there is none or it says more."""
    if state in ("complete", "error") and status:
        return clean(status)
    words = {"in_flight": "running", "complete": "no status", "error": "error"}
    return words.get(state, state)


def money(nano: int | None, currency: str = "$") -> str:
    """Billionths of a dollar with three digits that mean something; `?` if unknown."""
    if nano is None:
        return "?"
    amount = nano / 1e9
    if amount == 0 or abs(amount) >= 0.1:
        return f"{currency}{amount:.2f}"
    decimals = min(9, 2 - math.floor(math.log10(abs(amount))))
    return currency + f"{amount:.{decimals}f}".rstrip("0")


def duration(microseconds: float | None) -> str:
    """A time span in its natural unit; `?` if unknown."""
    if microseconds is None:
        return "?"
    seconds = microseconds / 1e6
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"


def milliseconds(value: float | None) -> str:
    """A time span given in milliseconds."""
    return duration(None if value is None else value * 1000)


def age(at_us: int, now_us: int) -> str:
    """How long ago a moment was, in one unit."""
    if at_us < _DATED_FROM_US:
        return "undated"
    seconds = max(0, (now_us - at_us) // 1_000_000)
    unit, name = next(((unit, name) for unit, name in _UNITS if seconds >= unit), (1, "s"))
    return f"{seconds // unit}{name} ago"


def day(at_us: int) -> str:
    """The day of a moment, in UTC."""
    return "undated" if at_us < _DATED_FROM_US else datetime.fromtimestamp(at_us / 1e6, tz=UTC).strftime("%Y-%m-%d")


def key_length(keys: Iterable[str]) -> int:
    """How much of each key names it among these; at least what names it among calls of other moments."""
    known = set(keys)
    lengths = range(SHORT_KEY, max(map(len, known), default=SHORT_KEY), 4)
    return next((length for length in lengths if len({key[:length] for key in known}) == len(known)), _WHOLE_KEY)


def count(value: int | None) -> str:
    """A number with a unit if it is large; `?` if unknown."""
    if value is None:
        return "?"
    for limit, unit in ((1_000_000, "M"), (10_000, "k")):
        if value >= limit:
            return f"{value / (1_000_000 if unit == 'M' else 1000):.1f}{unit}"
    return str(value)


def moment(at_us: int) -> str:
    """A moment in local time, to the second."""
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
