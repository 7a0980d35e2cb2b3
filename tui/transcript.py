"""Blocks -> lines, at a width. Pure, and run in a worker thread: rendering Markdown is the slow part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.media import picture
from tui.parts import Block, Kind, Part
from tui.structured import fields, read
from tui.text import clean, cut, lines_of, wrap
from tui.theme import S

MAX_MARKDOWN = 64_000
"""Longer texts are shown as they are: Rich needs some 10 ms for a thousand characters."""
MAX_LINES = 4_000
"""Lines of one part; `tracer show` prints the rest."""
BESIDE_FROM = 84
"""Width from which a call and its result stand side by side."""
FOLDED_LINES: dict[Kind, int] = {"call": 14, "result": 14, "unknown": 8, "user": 40}
"""How much of a long body is shown before it is opened."""

_HEADS: dict[Kind, tuple[str, Style]] = {
    "user": ("", S.user),
    "model": ("", S.model),
    "thought": ("", S.thought),
    "call": ("⚙ ", S.tool_strong),
    "result": ("⚙ ", S.tool_strong),
    "error": ("✖ ", S.failed_strong),
    "unknown": ("? ", S.strong),
    "note": ("", S.strong),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn line, and the block it belongs to."""

    segments: list[Segment]
    block: int | None = None
    text: str = ""
    """What it says."""
    fold: bool = False
    """A click here opens or folds the block."""


type Body = list[list[Segment]]


def bodies(blocks: Sequence[Block], width: int, *, pictures: bool = False) -> list[Body]:
    """The body lines of every block, indented, whole; images drawn if the terminal has colours for `pictures`."""
    return [_body(block, width - 3, pictures) for block in blocks]


def _body(block: Block, width: int, pictures: bool) -> Body:
    if block.answer_at is None or width < BESIDE_FROM or block.answer_at >= len(block.parts):
        return [line for part in block.parts for line in _part(block, part, width, pictures)]
    room = (width - 3) // 2
    asked = [line for part in block.parts[: block.answer_at] for line in _part(block, part, room, pictures)]
    answer = [line for part in block.parts[block.answer_at :] for line in _part(block, part, room, pictures)]
    nothing: list[Segment] = []
    beside: Body = []
    for left, right in zip_longest(asked, answer, fillvalue=nothing):
        used = sum(cell_len(segment.text) for segment in left)
        beside.append([*left, Segment(" " * (room - used)), Segment(" │ ", S.line), *right])
    return beside


def part_at(block: Block, width: int, number: int, *, pictures: bool = False) -> tuple[Part, int] | None:
    """The piece of a block that is drawn on line `number` of its body, and on which line of its own: of a call the
    arguments, beside its longer result that."""
    width -= 3
    beside = block.answer_at is not None and width >= BESIDE_FROM and block.answer_at < len(block.parts)
    columns = (block.parts[: block.answer_at], block.parts[block.answer_at :]) if beside else (block.parts,)
    for parts in columns:
        rest = number
        for part in parts:
            room = (width - 3) // 2 if beside else width
            size = sum(1 for _ in _part(block, part, room, pictures))
            if rest < size:
                return part, _line_of(part, rest, room - len(part.lead))
            rest -= size
    return None


def _line_of(part: Part, number: int, width: int) -> int:
    """The line of the JSON that a drawn line of it belongs to; lines that only a schema has are not counted."""
    if part.form == "json":
        texts = [(line, width, False) for line in part.text.split("\n")]
    elif part.form == "structured":
        found = fields(read(part.text), dict(part.item or {}))
        texts = [(field.text, _field_room(field.wanted, width), field.missing) for field in found]
    else:
        return 0
    line = -1
    for text, room, missing in texts:
        line += not missing
        number -= sum(1 for _ in _json(text, room))
        if number < 0:
            break
    return max(line, 0)


def lines(
    blocks: Sequence[Block], bodies: Sequence[Body], width: int, opened: Mapping[int, bool], *, thoughts: bool
) -> list[Line]:
    """The transcript with its folds: `opened` overrules block by block, `thoughts` opens every thought."""
    shown: list[Line] = []
    for index, (block, body) in enumerate(zip(blocks, bodies, strict=True)):
        whole = opened.get(index, thoughts if block.kind == "thought" else False)
        limit = 0 if block.kind == "thought" else FOLDED_LINES.get(block.kind, MAX_LINES)
        # Folding two lines into one that says so helps nobody.
        folded = not whole and len(body) > (limit + 2 if limit else 0)
        foldable = folded or (whole and len(body) > limit)
        shown.append(_head(index, block, body, width, folded=folded, foldable=foldable))
        shown += [_line([Segment("  "), *line], index) for line in (body[:limit] if folded else body)]
        if folded and limit:
            more = Segment(f"  ⋯ {len(body) - limit:,} more lines", S.faint)
            shown.append(_line([more], index, fold=True))
        shown.append(Line([]))
    return shown


def _line(segments: list[Segment], block: int | None, *, fold: bool = False) -> Line:
    return Line(segments, block, "".join(segment.text for segment in segments), fold)


def _head(index: int, block: Block, body: Body, width: int, *, folded: bool, foldable: bool) -> Line:
    sign, style = _HEADS[block.kind]
    room = width - 5  # the bar before, the fold sign after
    segments = [Segment("▍", style), Segment(cut(sign + clean(block.title), room), style)]
    room -= cell_len(segments[1].text)
    if block.note and room > 4:
        segments.append(Segment(cut("  " + clean(block.note), room), S.failed if block.failed else S.faint))
    if block.kind == "thought" and body:
        segments.append(Segment("  ▸ " if folded else "  ▾ ", S.faint))
        if folded:
            room = width - sum(cell_len(segment.text) for segment in segments) - 1
            segments.append(Segment(cut("".join(segment.text for segment in body[0]).strip(), room), S.thought_text))
    elif foldable:
        segments.append(Segment("  ▸" if folded else "  ▾", S.faint))
    return _line(segments, index, fold=foldable)


def _part(block: Block, part: Part, width: int, pictures: bool) -> Iterator[list[Segment]]:
    for number, line in enumerate(_drawn(block, part, width - len(part.lead), pictures)):
        if number >= MAX_LINES:
            yield [Segment("⋯ too long for the screen; `tracer show` prints all of it", S.faint)]
            return
        if not part.lead:
            yield line
        elif number == 0:
            yield [Segment(part.lead, S.failed if part.failed else S.tool), *line]
        else:
            yield [Segment(" " * len(part.lead)), *line]


def _drawn(block: Block, part: Part, width: int, pictures: bool) -> Iterable[list[Segment]]:
    if part.form == "markdown" and block.kind in ("model", "thought") and len(part.text) <= MAX_MARKDOWN:
        from tui.markdown import markdown

        return markdown(part.text, width, S.thought_text if block.kind == "thought" else S.plain)
    if part.form == "code" and len(part.text) <= MAX_MARKDOWN and "```" not in part.text:
        from tui.markdown import markdown

        return markdown(f"```{part.language}\n{part.text}\n```", width, S.plain)
    if part.form == "json":
        return _json(part.text, width)
    if part.form == "structured":
        return _structured(part, width)
    if part.form == "media":
        return _media(part, width, pictures)
    style = S.failed if part.failed else S.muted if block.kind == "note" or part.form == "citation" else S.plain
    return ([Segment(piece, style)] for line in lines_of(part.text) for piece in wrap(line, width))


def _media(part: Part, width: int, pictures: bool) -> Iterator[list[Segment]]:
    for number, piece in enumerate(wrap(clean(part.text), width - 2)):
        opens = [Segment("  o opens it", S.faint)] if not number and cell_len(piece) + 14 <= width else []
        yield [Segment("  " if number else "▣ ", S.thought), Segment(piece, S.plain), *opens]
    if pictures and part.item is not None:
        yield from ([Segment("  "), *line] for line in picture(part.item, width - 2))


def _structured(part: Part, width: int) -> Iterator[list[Segment]]:
    for field in fields(read(part.text), dict(part.item or {})):
        room = _field_room(field.wanted, width)
        said = f"  {clean(field.wanted)}" if field.wanted else ""
        drawn = list(_json(field.text, room))
        for number, line in enumerate(drawn):
            used = sum(cell_len(segment.text) for segment in line)
            note = cut(said, width - used) if not number else ""
            pad = " " * max(0, width - used - cell_len(note)) if note else ""
            told = [Segment(segment.text, S.failed) for segment in line] if field.missing else line
            yield [*told, Segment(pad), Segment(note, S.failed if field.missing else S.faint)]


def _field_room(wanted: str, width: int) -> int:
    return max(width * 3 // 5, width - cell_len(wanted) - 2)


_JSON = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<string>"(?:[^"\\]|\\.)*"?)|(?P<word>-?\d[\d.eE+-]*|true|false|null)'
)
_JSON_STYLES = {"key": S.muted, "string": S.plain, "word": S.money}


def _json(text: str, width: int) -> Iterator[list[Segment]]:
    for line in lines_of(text):
        indent = min(len(line) - len(line.lstrip(" ")), width // 2)
        for number, piece in enumerate(wrap(line, width)):
            hanging = " " * (indent + 2) if number else ""
            for rest in wrap(hanging + piece, width) if number else (piece,):
                yield _json_line(rest)


def _json_line(line: str) -> list[Segment]:
    segments, done = [], 0
    for match in _JSON.finditer(line):
        if match.start() > done:
            segments.append(Segment(line[done : match.start()], S.faint))
        segments.append(Segment(match.group(), _JSON_STYLES[match.lastgroup or "string"]))
        done = match.end()
    if done < len(line):
        segments.append(Segment(line[done:], S.faint))
    return segments
