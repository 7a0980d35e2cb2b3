"""What a filter or a command can go on with at the cursor; no widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracer.store.filters import known_values, names

_TERM = re.compile(r"""(?:.*\s)?(?:not:)*(?:(?P<name>[A-Za-z_]+):)?(?P<typed>[^\s"]*)""", re.DOTALL)
_SAFE = re.compile(r'[^\s"]+')
MOST = 24


@dataclass(frozen=True, slots=True)
class Completion:
    """What can stand in place of the text from `start` to the cursor."""

    start: int
    words: tuple[str, ...] = ()

    def applied(self, text: str, cursor: int, word: str) -> tuple[str, int]:
        """The text with a word put in, and where the cursor is then. A finished word is followed by a space."""
        ending = "" if word.endswith(":") or text[cursor:].startswith(" ") else " "
        return text[: self.start] + word + ending + text[cursor:], self.start + len(word) + len(ending)


def of_filter(text: str, cursor: int, values: Callable[[str], Sequence[str]]) -> Completion:
    """Names of the language before a colon, after it what that name can be; `values` asks the database."""
    found = _TERM.fullmatch(text[:cursor])
    if found is None or text[:cursor].count('"') % 2:
        return Completion(cursor)
    typed, start = found["typed"], found.start("typed")
    if found["name"] is None:
        starting = [f"{name}:" for name in names() if typed and name.startswith(typed.lower())]
        return Completion(start, tuple(starting))
    name = found["name"].lower()
    known = list(dict.fromkeys([*known_values(name), *values(name)]))
    return Completion(start, _ranked(known, typed))


def of_words(text: str, cursor: int, start: int, words: Sequence[str]) -> Completion:
    """One of `words` in place of what stands from `start` on."""
    return Completion(start, _ranked(words, text[start:cursor]))


def _ranked(words: Sequence[str], typed: str) -> tuple[str, ...]:
    """Those that hold what was typed, those that begin with it first; quoted where the language needs it."""
    small = typed.lower()
    holding = [word for word in words if small in word.lower() and word != typed]
    holding.sort(key=lambda word: not word.lower().startswith(small))
    return tuple(word if _SAFE.fullmatch(word) else '"' + word.replace('"', '\\"') + '"' for word in holding[:MOST])
