"""A running exchange is written piece by piece, and is whole at every moment, whoever writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from tracer.store.reader import Reader
from tracer.store.writer import Normalize, Writer
from tracer.testing import exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

WHOLE = exchange({"model": "m", "input": "Hi", "stream": True}, text_stream("v1_a", ["word "] * 8))


def looks() -> Iterator[Exchange]:
    ends = list(accumulate(chunk.size for chunk in WHOLE.chunks))
    for number, end in enumerate(ends[:-1], 1):
        yield replace(
            WHOLE, response_body=WHOLE.response_body[:end], response_size=end, chunks=WHOLE.chunks[:number],
            outcome=Outcome.OPEN, ended_at_us=None,
        )  # fmt: skip


def rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as raw:
        found = raw.execute(f"SELECT * FROM {table}").fetchall()
    raw.close()
    return found


def test_each_look_writes_what_is_new(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        for step in looks():
            writer.apply([step])
            assert reader.exchanges(WHOLE.key) == [step]
        first = next(looks())
        pieces = [data for _, _, data in rows(database, "open_piece")]
        assert pieces == [
            WHOLE.response_body[step.response_size : later.response_size] for step, later in pairwise(looks())
        ]
        ((_, _, begun),) = rows(database, "open_body")
        assert begun == first.response_body
        writer.apply([WHOLE])
        assert reader.exchanges(WHOLE.key) == [WHOLE]
    assert rows(database, "open_piece") == rows(database, "open_body") == []


@pytest.mark.parametrize("every", [1, 2, 3])
def test_writers_that_take_turns_do_not_write_a_piece_twice(database: Path, normalize: Normalize, every: int) -> None:
    with (
        Writer(database, normalize=normalize) as one,
        Writer(database, normalize=normalize) as other,
        Reader(database) as reader,
    ):
        for number, step in enumerate(looks()):
            (other if number // every % 2 else one).apply([step])
            assert reader.exchanges(WHOLE.key) == [step]


def test_a_look_that_was_taken_back_is_written_again(
    database: Path, normalize: Normalize, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, *_ = looks()

    def broken(*_: object, **__: object) -> None:
        raise KeyError("bug")

    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([first])
        with monkeypatch.context() as patch:
            patch.setattr(writer, "_normalize", broken)
            with pytest.raises(KeyError):
                writer.apply([second])
        assert reader.exchanges(WHOLE.key) == [first]
        writer.apply([third])
        assert reader.exchanges(WHOLE.key) == [third]
