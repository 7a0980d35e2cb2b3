"""Secrets masked in a body that arrives in pieces.

A masker knows the literal secrets of one exchange and the shapes that are secret anywhere (`AIza…`, `ya29.…`, PEM
private keys). What may be the start of a secret at the end of a piece is held back and follows with the next one,
so a secret that spans pieces never leaves whole or in part, and harmless bytes are late by one piece at most.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MASK = b"[redacted]"

_CONTEXT = 8  # the longest look-behind below
_WINDOW = 96  # the longest unfinished start of a shape


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of secret: how it begins, what an unfinished beginning looks like, and what else belongs to it."""

    needle: bytes
    start: re.Pattern[bytes]
    partial: re.Pattern[bytes]
    rest: re.Pattern[bytes]
    end: re.Pattern[bytes] | None = None


def _unfinished(needle: bytes, tail: bytes) -> re.Pattern[bytes]:
    # Any prefix of the needle, or the needle and what may follow it, at the very end.
    prefixes = b"|".join(re.escape(needle[:size]) for size in range(1, len(needle)))
    return re.compile(rb"(?:%b%b|%b)\Z" % (re.escape(needle), tail, prefixes))


# "AIza" may stand inside base64 data by chance: a character of that alphabet before it rules it out, unless it ends
# an escape.
_NO_WORD_BEFORE = rb"(?:(?<![A-Za-z0-9+/_-])|(?<=\\u00[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
_PEM_BODY = rb"(?:[A-Za-z0-9+/=\r\t\\,-]|: |\n *)*"

_SHAPES = (
    _Shape(
        b"AIza",
        re.compile(_NO_WORD_BEFORE + rb"AIza[\w-]{16}"),
        _unfinished(b"AIza", rb"[\w-]{0,15}"),
        re.compile(rb"[\w-]*"),
    ),
    _Shape(
        b"ya29.",
        re.compile(rb"ya29\.[\w.-]{16}"),
        _unfinished(b"ya29.", rb"[\w.-]{0,15}"),
        re.compile(rb"[\w.-]*"),
    ),
    _Shape(
        b"-----BEGIN ",
        re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"),
        _unfinished(b"-----BEGIN ", rb"[A-Z ]{0,40}-{0,4}"),
        re.compile(_PEM_BODY),
        re.compile(_PEM_BODY[:-1] + rb"*?-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"),
    ),
)
_NEEDLES = tuple(shape.needle for shape in _SHAPES)
_IN_UNFINISHED = frozenset(b" .-_") | {byte for byte in range(256) if re.match(rb"\w", bytes([byte]))}
"""Every byte that an unfinished start of a shape may end in."""


@functools.lru_cache(maxsize=64)
def _in_unfinished(literals: tuple[bytes, ...]) -> frozenset[int]:
    # A program's calls mostly carry the same key, and this is larger than all else that a masker holds.
    return _IN_UNFINISHED.union(*literals)


def mask(data: bytes, secrets: Sequence[bytes]) -> bytes:
    """A whole text, masked; quick where there is nothing to mask."""
    for needle in (*_NEEDLES, *secrets):
        if needle in data:
            break
    else:
        return data
    masker = SecretMasker(secrets)
    return masker.feed(data) + masker.finish()


class SecretMasker:
    """Bytes in, masked bytes out; `finish` gives what was still held back."""

    problem: str | None = None
    """Nothing that it could not read."""

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        """`secrets` are masked literally, wherever they stand."""
        self._context = b""
        self._held = b""
        self._inside: _Shape | None = None
        self._literals: list[bytes] = []
        self.learn(secrets)

    def learn(self, secrets: Iterable[bytes]) -> None:
        """From here on these are masked, too."""
        self._literals = sorted({*self._literals, *secrets}, key=len, reverse=True)
        self._needles = (*_NEEDLES, *self._literals)
        self._may_hold = _in_unfinished(tuple(self._literals))

    def feed(self, data: bytes) -> bytes:
        """The masked bytes that are certain now."""
        if self._held or self._inside is not None or not data or data[-1] in self._may_hold:
            return self._drain(data, final=False)
        for needle in self._needles:
            if needle in data:
                return self._drain(data, final=False)
        # Most pieces of a stream end in an empty line and hide nothing.
        self._context = data[-_CONTEXT:] if len(data) >= _CONTEXT else (self._context + data)[-_CONTEXT:]
        return data

    def finish(self) -> bytes:
        """The masked rest, when the body has ended or broken off."""
        return self._drain(b"", final=True)

    def _drain(self, data: bytes, *, final: bool) -> bytes:
        buffer = self._context + self._held + data
        position = len(self._context)
        out: list[bytes] = []
        while True:
            if self._inside is not None:
                position = self._skip_rest(self._inside, buffer, position, final=final)
                if self._inside is not None:
                    break
            hit = self._next_hit(buffer, position)
            if hit is None:
                stop = len(buffer) if final else self._certain_until(buffer, position)
                out.append(buffer[position:stop])
                position = stop
                break
            start, end, shape = hit
            if shape is None and not final and self._may_grow(buffer[start:]):
                out.append(buffer[position:start])
                position = start
                break
            out += (buffer[position:start], MASK)
            position, self._inside = end, shape
        self._context = buffer[max(0, position - _CONTEXT) : position]
        self._held = buffer[position:]
        return b"".join(out)

    def _next_hit(self, buffer: bytes, position: int) -> tuple[int, int, _Shape | None] | None:
        # The first secret at or after a position; of two that begin together the literal one.
        best: tuple[int, int, _Shape | None] | None = None
        for literal in self._literals:
            found = buffer.find(literal, position)
            if found >= 0 and (best is None or found < best[0]):
                best = (found, found + len(literal), None)
        for shape in _SHAPES:
            found = buffer.find(shape.needle, position)
            while found >= 0 and (best is None or found < best[0]):
                if match := shape.start.match(buffer, found):
                    best = (found, match.end(), shape)
                found = buffer.find(shape.needle, found + 1)
        return best

    def _may_grow(self, tail: bytes) -> bool:
        # Whether the buffer's end is the start of a longer literal than the one found there.
        return any(len(literal) > len(tail) and literal.startswith(tail) for literal in self._literals)

    def _certain_until(self, buffer: bytes, position: int) -> int:
        stop = len(buffer)
        for literal in self._literals:
            start = max(position, len(buffer) - len(literal) + 1)
            while (start := buffer.find(literal[:1], start, stop)) >= 0:
                if literal.startswith(buffer[start:]):
                    stop = start
                    break
                start += 1
        window = max(position, len(buffer) - _WINDOW)
        for shape in _SHAPES:
            if match := shape.partial.search(buffer, window):
                stop = min(stop, match.start())
        return stop

    def _skip_rest(self, shape: _Shape, buffer: bytes, position: int, *, final: bool) -> int:
        # Where the secret that has begun ends; `_inside` stays set while it may go on behind the buffer.
        if shape.end is not None and (match := shape.end.match(buffer, position)):
            self._inside = None
            return match.end()
        run = shape.rest.match(buffer, position)
        stop = run.end() if run else position
        if shape.end is None:
            self._inside = shape if stop == len(buffer) and not final else None
            return stop
        if final or len(buffer) - stop > len(b"-----END ENCRYPTED PRIVATE KEY BLOCK-----"):
            self._inside = None
            return stop
        # The end marker holds spaces, which the run does not take: keep a tail in which it may still complete.
        return max(position, min(stop, len(buffer) - _WINDOW))
