"""Rows, records and what the screen draws of them, for its tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from tracer.normalize import normalize
from tracer.store.rows import InteractionRow
from tracer.store.writer import Writer
from tracer.testing import answer, exchange
from tracer.wire.exchange import Exchange
from tui.blocks import blocks
from tui.data import Detail
from tui.transcript import bodies, lines

MINUTE = 60_000_000
ASKED = {"model": "gemini-3.5-flash", "input": "Go"}


def write(path: Path, *exchanges: Exchange) -> None:
    with Writer(path) as writer:
        writer.apply(exchanges)


def node(key: str, parent: str | None = None, at: int = 0, **fields: Any) -> InteractionRow:
    values: dict[str, Any] = {field.name: None for field in dataclasses.fields(InteractionRow)}
    values |= {"seq": at, "rev": 1, "key": key, "project": "test", "parent_key": parent, "root_key": "a"}
    values |= {
        "ghost": False,
        "dialect": "steps",
        "state": "complete",
        "status": "completed",
        "tools": "",
        "answer": "",
    }
    values |= {"background": False, "stream": False, "polls": 0, "retries": 0, "hops": 0, "prompt": key}
    return InteractionRow(**values | {"started_at_us": at * MINUTE} | fields)


def said(segments) -> str:
    return "".join(segment.text for segment in segments)


def detail(*exchanges, **fields: Any) -> Detail:
    record = normalize(exchanges).model_dump(by_alias=True, mode="json")
    return Detail(node("a", **fields), record)


def transcript(shown: Detail, width: int = 60, *, thoughts: bool = False) -> str:
    made = blocks(shown)
    drawn = lines(made, bodies(made, width), width, {}, thoughts=thoughts)
    assert all(cell_len(said(line.segments)) <= width for line in drawn)
    return "\n".join(said(line.segments).rstrip() for line in drawn)


def answered(*steps: dict[str, Any]) -> str:
    return transcript(detail(exchange(ASKED, answer("v1_a", steps=list(steps)))))


def chain(first: int, last: int, parent: str | None = None, **fields):
    names = [str(n) for n in range(first, last + 1)]
    above = [parent, *names[:-1]]
    return [
        node(name, over, int(name), total_tokens=10, cost_nano=1_000_000_000, **fields)
        for name, over in zip(names, above, strict=True)
    ]


def ask(text: Any, previous: str | None = None, **fields: Any) -> dict[str, Any]:
    link = {} if previous is None else {"previous_interaction_id": previous}
    return {"model": "gemini-3.5-flash", "input": text, **link, **fields}
