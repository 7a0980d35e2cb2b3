"""Text for the screen: what came over the network made harmless, cut by cells, numbers made short.

`clean` and `lines_of` are the only doors for foreign text: a terminal obeys control characters, and a `Strip`
writes them as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size

ELLIPSIS = "…"
TAB = "    "

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINER = "\u200d"
_NOTHING = frozenset("\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff")
"""Formatting that shows nothing and does no harm."""


class _Visible(dict[int, str]):
    """A `str.translate` table that finds out about a character when it first meets it."""

    def __missing__(self, code: int) -> str:
        self[code] = shown = _shown(chr(code))
        return shown


def _shown(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if character == _JOINER:
        return character
    if character in _NOTHING:
        return ""
    # C1 codes drive terminals too; overrides of direction, tags and lone surrogates hide or break things.
    return "�" if unicodedata.category(character) in _HIDDEN else character


_VISIBLE = _Visible()


def clean(text: str) -> str:
    """One line: line ends become ⏎, every other control or invisible formatting character a visible sign."""
    return text.replace("\r\n", "\n").replace("\n", "⏎").translate(_VISIBLE)


def lines_of(text: str) -> list[str]:
    """The lines of a text, each cleaned; line ends are CRLF, CR and LF only, as a terminal sees them."""
    return [line.translate(_VISIBLE) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def cut(text: str, width: int) -> str:
    """At most `width` cells of a cleaned line, with … where something is missing."""
    if len(text) * 2 <= width:  # no character is wider than two cells
        return text
    used = keep = 0
    for position, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:keep] + ELLIPSIS if width > 0 else ""
        if used < width:
            keep = position + 1
    return text


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` cells: cut, then padded on the right (or on the left if `right`)."""
    shown = cut(text, width)
    padding = " " * (width - cell_len(shown))
    return padding + shown if right else shown + padding


def wrap(line: str, width: int) -> Iterator[str]:
    """A cleaned line in pieces of at most `width` cells, broken at spaces where there are some."""
    width = max(width, 2)
    start = 0
    while len(line) - start > width or cell_len(line[start:]) > width:
        end = start + _cells_end(line[start : start + width + 1], width)
        space = line.rfind(" ", start, end + 1)
        if space > start + (end - start) // 3:
            end = space + 1
        yield line[start:end].rstrip()
        start = end
    yield line[start:]


def _cells_end(piece: str, width: int) -> int:
    """How many characters of `piece` fit into `width` cells; at least one."""
    used = 0
    for position, character in enumerate(piece):
        used += get_character_cell_size(character)
        if used > width:
            return max(position, 1)
    return max(len(piece), 1)


def count(number: int | None) -> str:
    """A count in at most five characters: 999, 1.2k, 38k, 1.4M; - if unknown."""
    if number is None:
        return "-"
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= limit:
            value = number / limit
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"
    return str(number)


def money(nano: int | None) -> str:
    """Billionths of a dollar as dollars: $41.87, $0.38, $0.0132, $0.00012; - if unknown."""
    if nano is None:
        return "-"
    dollars = nano / 1_000_000_000
    if dollars >= 1000:
        return f"${dollars:,.0f}"
    if dollars >= 0.1 or nano == 0:
        return f"${dollars:.2f}"
    if dollars >= 0.001:
        return f"${dollars:.4f}"
    return f"${dollars:.5f}" if dollars >= 0.00001 else "<$0.00001"


def dollars(amount: float) -> str:
    """An amount with all the digits that tell two small ones apart: $0.0004959, $12.30."""
    whole, _, part = f"{amount:,.7f}".partition(".")
    return f"${whole}.{part.rstrip('0'):0<2}"


def duration(us: int | None) -> str:
    """Microseconds as 412ms, 3.1s, 2m04, 1h05; - if unknown."""
    if us is None:
        return "-"
    if us < 999_500:
        return f"{us / 1000:.0f}ms"
    seconds = us / 1_000_000
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}"
    return f"{minutes // 60}h{minutes % 60:02}"


def size(number: int) -> str:
    """Bytes in their natural unit."""
    for limit, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return f"{number} bytes"


def age(us: int, now_us: int) -> str:
    """How long ago: now, 12s, 4m, 3h, 6d, then the date."""
    seconds = max(0, now_us - us) // 1_000_000
    if seconds < 5:
        return "now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h"), (7 * 86_400, 86_400, "d")):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    then = local(us)
    return f"{then.day} {then:%b}" if then.year == local(now_us).year else f"{then:%b %Y}"


def local(us: int) -> datetime:
    """A moment in Unix microseconds, in the local time zone."""
    return datetime.fromtimestamp(us / 1_000_000, tz=UTC).astimezone()


@lru_cache(maxsize=512)
def short_model(name: str | None) -> str:
    """A model's or agent's name without the words that every one of them has: gemini-3.5-flash -> 3.5-flash."""
    return clean(name or "").removeprefix("models/").removeprefix("gemini-").removesuffix("-preview")
