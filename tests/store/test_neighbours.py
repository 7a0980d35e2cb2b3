"""What one late or changed exchange does to records that are far from it: the same as if all had come at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tracer.store.filters import parse
from tracer.store.reader import Reader
from tracer.store.writer import Normalize, Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
BUSY = {"error": {"code": 429, "message": "slow down"}}


def stored(path: Path, normalize: Normalize, batches: Sequence[Sequence[Exchange]]) -> dict[str, Any]:
    """Record -> its id, parent and exchanges, once these have arrived one after the other."""
    with Writer(path, normalize=normalize) as writer, Reader(path) as reader:
        for batch in batches:
            writer.apply(batch)
        rows = [*reader.interactions(), *reader.interactions(parse("is:ghost"))]
        return {
            row.key: (row.id, row.parent_key, row.root_key, [one.key for one in reader.exchanges(row.key)])
            for row in rows
        }


def attempt(number: int, start: float, *, fails: bool, first: bool = False) -> Exchange:
    """One of many attempts to send the same; it takes half a second, and one that fails is tried again within ten.

    Of one that is the `first` its client says that it follows up no other.
    """
    return exchange(
        {"model": "m", "input": "again and again"},
        BUSY if fails else answer(f"v1_{number}"),
        status=429 if fails else 200,
        at_us=START_US + int(start * SECOND),
        took_us=SECOND // 2,
        request_headers=(("x-stainless-retry-count", "0"),) if first else (),
        key=f"{number:032x}",
    )


ATTEMPTS = {
    "a": attempt(1, 0, fails=True, first=True),
    "late": attempt(2, 5, fails=False),
    "b": attempt(3, 8, fails=True, first=True),
    "y": attempt(4, 9, fails=False),
    "c": attempt(5, 16, fails=True, first=True),
    "z": attempt(6, 17, fails=False),
    "w": attempt(7, 25, fails=False),
}


def test_a_late_retry_moves_every_later_one_on(tmp_path: Path, normalize: Normalize) -> None:
    # Each of y, z and w followed up the failure before; the late one takes the first, so all of them move on by one.
    key = {name: one.key for name, one in ATTEMPTS.items()}
    others = [one for name, one in ATTEMPTS.items() if name != "late"]
    before = stored(tmp_path / "before.db", normalize, [others])
    assert sorted(each[3] for each in before.values()) == sorted(
        [[key["a"], key["y"]], [key["b"], key["z"]], [key["c"], key["w"]]]
    )
    after = stored(tmp_path / "after.db", normalize, [others, [ATTEMPTS["late"]]])
    assert sorted(each[3] for each in after.values()) == sorted(
        [[key["a"], key["late"]], [key["b"], key["y"]], [key["c"], key["z"]], [key["w"]]]
    )
    assert after == stored(tmp_path / "once.db", normalize, [list(ATTEMPTS.values())])


@pytest.mark.parametrize("last", ATTEMPTS)
def test_whichever_attempt_comes_last(tmp_path: Path, normalize: Normalize, last: str) -> None:
    others = [[one] for name, one in ATTEMPTS.items() if name != last]
    once = stored(tmp_path / "once.db", normalize, [list(ATTEMPTS.values())])
    assert stored(tmp_path / "last.db", normalize, [*others[::-1], [ATTEMPTS[last]]]) == once


def test_what_an_exchange_told_before_it_changed_is_looked_at_again(tmp_path: Path, normalize: Normalize) -> None:
    asked = {"model": "m", "input": "begin", "stream": True}
    whole = exchange(asked, text_stream("v1_y", ["One ", "two ", "three ", "four."]), key=f"{1:032x}")
    told_otherwise = exchange(asked, text_stream("v1_x", ["One "], ended=False), key=whole.key)
    running = replace(told_otherwise, outcome=Outcome.OPEN, ended_at_us=None)
    # An older interaction has the id that the running one tells first, as a seeded emulator would give it twice.
    older = exchange({"model": "m", "input": "before"}, answer("v1_x"), at_us=START_US - SECOND, key=f"{9:032x}")
    others = [
        exchange(None, answer("v1_x"), path="/v1/interactions/v1_x", at_us=START_US + 2 * SECOND, key=f"{2:032x}"),
        exchange(
            {"model": "m", "input": "on", "previous_interaction_id": "v1_x"},
            answer("v1_z"),
            at_us=START_US + 3 * SECOND,
            key=f"{3:032x}",
        ),
    ]
    once = stored(tmp_path / "once.db", normalize, [[older, whole, *others]])
    poll, child = (one.key for one in others)
    assert once == {
        whole.key: ("v1_y", None, whole.key, [whole.key]),
        older.key: ("v1_x", None, older.key, [older.key, poll]),
        child: ("v1_z", older.key, older.key, [child]),
    }
    for number, order in enumerate(permutations(others)):
        for place in range(3):
            batches = [[older], *([one] for one in order)]
            batches.insert(place, [running])
            with Writer(tmp_path / f"{number}{place}.db", normalize=normalize) as writer:
                for batch in batches:
                    writer.apply(batch)
                with Reader(tmp_path / f"{number}{place}.db") as reader:
                    assert len(reader.exchanges(whole.key)) == 2
                    assert reader.interaction(child).parent_key == whole.key
            assert stored(tmp_path / f"{number}{place}.db", normalize, [[whole]]) == once
