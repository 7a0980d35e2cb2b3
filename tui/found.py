"""Searching: which text holds the words, and lighting them up in a drawn line."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment

from tui.theme import S


def holds(words: str) -> Callable[[str], bool]:
    """Whether a text holds `words`; those in lower case match any case."""
    if words == words.lower():
        return lambda text: words in text.lower()
    return lambda text: words in text


def mark(segments: list[Segment], words: str) -> list[Segment]:
    """The segments with `words` lit up, wherever they stand within one of them."""
    marked: list[Segment] = []
    any_case = words == words.lower()
    for segment in segments:
        text, rest = segment.text, segment.text.lower() if any_case else segment.text
        if words not in rest or len(text) != len(rest):
            marked.append(segment)
            continue
        done = 0
        while (at := rest.find(words, done)) >= 0:
            if at > done:
                marked.append(Segment(text[done:at], segment.style))
            done = at + len(words)
            marked.append(Segment(text[at:done], S.found))
        if done < len(text):
            marked.append(Segment(text[done:], segment.style))
    return marked
