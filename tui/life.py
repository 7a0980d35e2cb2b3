"""The life line of an interaction: every request that it took, polls in one line, failed attempts with their reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from tui.parts import Block, Part
from tui.text import duration

POLLS_FROM = 4
"""So many like requests in a row stand on one line."""

type Request = Mapping[str, Any]


def life(record: Mapping[str, Any]) -> Block | None:
    """The requests of a record by their time, and its hops; None for a plain call."""
    exchanges: Sequence[Request] = record["exchanges"]
    if len(exchanges) < 2:
        return None
    origin = _at_us(exchanges[0])
    parts: list[Part] = []
    for _, alike in groupby(exchanges, key=_like):
        group = list(alike)
        shown = [_polls(group, origin)] if len(group) >= POLLS_FROM else [_request(one, origin) for one in group]
        parts += shown
    parts += [Part("plain", f"hop    {hop['id'] or '-'}  {hop['status'] or '-'}") for hop in record["hops"]]
    return Block("note", "Life line", f"{len(exchanges)} requests", tuple(parts))


def _like(one: Request) -> tuple[Any, ...]:
    return one["operation"], one["path"], one["http_status"], one["attempt"] > 1


def _request(one: Request, origin: int) -> Part:
    status = one["http_status"]
    failed = status is None or status >= 400
    words = [f"{_since(one, origin):>8}  {one['operation']:<7}{'no response' if status is None else status}"]
    if one["duration_ms"] is not None:
        words.append(duration(round(one["duration_ms"] * 1000)))
    if one["attempt"] > 1:
        words.append(f"attempt {one['attempt']}")
    words += _reason(one)
    return Part("plain", "  ".join(words), failed=failed)


def _polls(group: Sequence[Request], origin: int) -> Part:
    first, last = group[0], group[-1]
    apart = (_at_us(last) - _at_us(first)) // (len(group) - 1)
    words = f"{_since(first, origin):>8}  {first['operation']:<7}{first['http_status']}  x{len(group)}"
    return Part("plain", f"{words}  every {duration(apart)}, the last {_since(last, origin)}")


def _reason(one: Request) -> Iterator[str]:
    error = one.get("error")
    if isinstance(error, dict):
        yield " ".join(str(error[name]) for name in ("code", "message") if error.get(name) is not None)


def _since(one: Request, origin: int) -> str:
    return f"+{duration(_at_us(one) - origin)}"


def _at_us(one: Request) -> int:
    return round(datetime.fromisoformat(one["started_at"]).timestamp() * 1_000_000)
