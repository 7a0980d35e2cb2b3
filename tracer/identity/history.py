"""Calls that carry their history along, recognised by it: what two calls have in common as a fingerprint.

A call without server-side state sends everything said so far. If that begins with what an earlier call asked and was
answered, it goes on from there. Compared is what an app must send back: texts, media, function calls and their
results, side by side. What apps drop or change on the way does not count: thoughts, signatures, annotations, steps of
server tools, how a text is cut into contents, white space around it.

An interaction id is not read for this: its bytes were seen to name another interaction, but whether that is the first
one or the one before is not known, so a parent told by it might be the wrong one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tracer.records.steps import Call, Content, ModelOutput, Result, Step, UserInput

MAX_PREFIXES = 64
"""So many turns may be missing between a call and the earlier one that it goes on from."""

type Side = Literal["app", "model"]
type _Part = tuple[Side, str, bytes]


@dataclass(frozen=True, slots=True)
class History:
    """The fingerprints of one call. Equal ones of two calls mean the same was said."""

    whole: bytes | None = None
    """Of what was asked and answered; None if there was no answer to go on from."""
    prefixes: tuple[bytes, ...] = ()
    """Of the input up to each place where the model had answered and the app went on, the longest first."""


@dataclass(frozen=True, slots=True)
class Border:
    """A place in a list of steps where the app goes on after the model."""

    step: int
    """How many steps stand before it."""
    fingerprint: bytes


def history(asked: Sequence[Step], answered: Sequence[Step]) -> History:
    """The fingerprints of a call from its input and its output."""
    prefixes = tuple(border.fingerprint for border in reversed(borders(asked)))[:MAX_PREFIXES]
    if not any(True for step in answered for _ in _parts(step)):
        return History(None, prefixes)
    trail = _Trail()
    for step in (*asked, *answered):
        trail.add(step)
    return History(trail.fingerprint(), prefixes)


def borders(steps: Iterable[Step]) -> list[Border]:
    """Every place at which the app went on after the model had answered."""
    trail = _Trail()
    found: list[Border] = []
    for place, step in enumerate(steps):
        side = next((part[0] for part in _parts(step)), None)
        if side == "app" and trail.side == "model":
            found.append(Border(place, trail.fingerprint()))
        trail.add(step)
    return found


class _Trail:
    """A hash that grows with every step; texts of one side that follow each other count as one."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._text: list[str] = []
        self.side: Side | None = None

    def add(self, step: Step) -> None:
        for side, kind, value in _parts(step):
            if side != self.side:
                _put(self._hash, *self._pending())
                self._text.clear()
            self.side = side
            if kind == "text":
                self._text.append(value.decode("utf-8", "replace"))
                continue
            _put(self._hash, *self._pending())
            self._text.clear()
            _put(self._hash, (side, kind, value))

    def fingerprint(self) -> bytes:
        """Of everything added so far."""
        so_far = self._hash.copy()
        _put(so_far, *self._pending())
        return so_far.digest()

    def _pending(self) -> list[_Part]:
        text = "".join(self._text).strip()
        return [(self.side, "text", text.encode("utf-8", "replace"))] if self.side and text else []


def _put(digest: Any, *parts: _Part) -> None:
    for side, kind, value in parts:
        digest.update(f"{side} {kind} {len(value)}\n".encode())
        digest.update(value)


def _parts(step: Step) -> Iterator[_Part]:
    match step:
        case UserInput():
            yield from _contents("app", step.content)
        case ModelOutput():
            yield from _contents("model", step.content)
        case Call() if step.type == "function_call":
            yield "model", "call", _json([step.id, step.name, step.arguments or {}])
        case Result() if step.type == "function_result":
            yield "app", "result", _json([step.call_id, step.result])
        case _:
            pass


def _contents(side: Side, contents: list[Content] | str | None) -> Iterator[_Part]:
    if isinstance(contents, str):
        yield side, "text", contents.encode("utf-8", "replace")
        return
    for content in contents or ():
        if content.text is not None:
            yield side, "text", content.text.encode("utf-8", "replace")
        else:
            held = content.data or content.uri or ""
            yield side, content.type, hashlib.blake2b(held.encode("utf-8", "replace"), digest_size=16).digest()


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
