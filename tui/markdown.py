"""Markdown -> lines, at a width. A module of its own, for its parser takes a tenth of the start to import."""

from __future__ import annotations

import re
from functools import lru_cache
from io import StringIO
from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, JustifyMethod
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from tui.text import lines_of, wrap
from tui.theme import S

type Body = list[list[Segment]]


_MARKDOWN_THEME = Theme(
    {
        "markdown.code": Style(color=S.money.color),
        "markdown.code_block": S.plain,
        "markdown.h1": S.bright,
        "markdown.h2": S.bright,
        "markdown.h3": S.strong,
        "markdown.h4": S.strong,
        "markdown.item.bullet": S.focus,
        "markdown.item.number": S.focus,
        "markdown.link": S.focus,
        "markdown.link_url": S.muted,
        "markdown.block_quote": S.muted,
        "markdown.hr": S.line,
        "markdown.table.border": S.line,
        "markdown.table.header": S.strong,
    }
)
# HTML off: Rich drops HTML tokens, and an answer must not lose its tags.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = {}


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _LeftHeading}

    def __init__(self, text: str, style: Style) -> None:
        super().__init__("", code_theme="github-dark", hyperlinks=False, style=style)
        self.markup = text
        self.parsed = _PARSER.parse(text)


def markdown(text: str, width: int, style: Style) -> Body:
    """The lines of a text. Paragraph for paragraph, so that of a text that grows only the last one is drawn again."""
    drawn: Body = []
    for part in paragraphs(text):
        body = plain(part, width, style) if is_plain(part) else rendered(part, width, style)
        drawn += [[], *body] if drawn and body else body
    return drawn


def is_plain(text: str) -> bool:
    """Whether a paragraph has no marks of Markdown, and no line that may begin a list, a heading or code."""
    return _MARKS.search(text) is None and all(_PLAIN.match(line) for line in text.rstrip("\n").split("\n"))


def plain(text: str, width: int, style: Style) -> Body:
    """A paragraph of mere words, as Rich would draw it, in a fraction of the time: most of an answer is that."""
    words = " ".join(piece for line in lines_of(text) for piece in line.split(" ") if piece)
    return [[Segment(line, style)] for line in wrap(words, max(width, 10))] if words else []


def paragraphs(text: str) -> list[str]:
    """A text cut where nothing before can change what follows: at an empty line outside of a fence, with a plain line
    after it."""
    if _REFERENCE.search(text):
        return [text]
    parts: list[str] = []
    begin = at = 0
    fenced = empty = False
    for line in text.splitlines(keepends=True):
        if empty and not fenced and _PLAIN.match(line):
            parts.append(text[begin:at])
            begin = at
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        empty = not line.strip()
        at += len(line)
    return [*parts, text[begin:]]


_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:", re.MULTILINE)
_MARKS = re.compile(r"[*_`\[\]<>#|~\\&\r\t=]|://|www\.|  \n")
_PLAIN = re.compile(r"[^\W\d]")


@lru_cache(maxsize=512)
def rendered(text: str, width: int, style: Style) -> Body:
    """The lines of a whole text at once."""
    if not text.strip():
        return []
    console = Console(
        file=StringIO(), width=max(width, 10), color_system="truecolor", force_terminal=True, theme=_MARKDOWN_THEME
    )
    drawn = console.render_lines(_Markdown("\n".join(lines_of(text)), style), pad=False)
    return _tight([[segment for segment in line if not segment.control] for line in drawn])


def _tight(drawn: Body) -> Body:
    """Without empty lines at the edges, and with one where Rich leaves several; those of code blocks stay."""
    kept: Body = []
    for line in drawn:
        empty = not any(segment.text.strip() or (segment.style and segment.style.bgcolor) for segment in line)
        if not empty:
            kept.append(line)
        elif kept and kept[-1]:
            kept.append([])
    while kept and not kept[-1]:
        kept.pop()
    return kept
