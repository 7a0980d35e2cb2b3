"""Turns of which only a get was seen: the look of their id tells the conversation, if nothing else does."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tracer.identity.structure import first_turn, later_turns
from tracer.player.ids import interaction_id, turn_token
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange
from tracer.wire.exchange import Exchange

SECOND = 1_000_000
TOKENS = [turn_token(7, number, START_US) for number in range(3)]
FIRST, LATER, OTHER = (interaction_id(TOKENS[a], TOKENS[b]) for a, b in ((0, 0), (0, 1), (2, 2)))


def created(told: str, second: int, **asked: Any) -> Exchange:
    body = {"model": "gemini-3.5-flash", "input": "Hi", **asked}
    return exchange(body, answer(told, text=f"Answer {second}"), at_us=START_US + second * SECOND)


def seen(told: str, second: int) -> Exchange:
    path = f"/v1/interactions/{told}"
    return exchange(None, answer(told, text=f"Answer {second}"), path=path, at_us=START_US + second * SECOND)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_later_turn_hangs_below_the_first_one_whatever_is_recorded_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    calls = [created(OTHER, 0), created(FIRST, 1), seen(LATER, 2)]
    with Writer(tmp_path / "tracer.db") as writer, Reader(tmp_path / "tracer.db") as reader:
        for place in order:
            writer.apply([calls[place]])
        row = next(row for row in reader.interactions() if row.id == LATER)
        assert (row.parent_key, row.linked_by) == (calls[1].key, "id_structure")
        assert row.root_key == calls[1].key
        assert reader.record(row.key)["linked_by"] == "id_structure"


def test_what_a_turn_names_itself_is_believed_before_the_look_of_its_id(tmp_path: Path) -> None:
    with Writer(tmp_path / "tracer.db") as writer, Reader(tmp_path / "tracer.db") as reader:
        writer.apply([created(FIRST, 0), created(OTHER, 1), created(LATER, 2, previous_interaction_id=OTHER)])
        row = next(row for row in reader.interactions() if row.id == LATER)
        other = next(row for row in reader.interactions() if row.id == OTHER)
        assert (row.parent_key, row.linked_by) == (other.key, "id")


def test_a_hint_invents_nothing(tmp_path: Path) -> None:
    with Writer(tmp_path / "tracer.db") as writer, Reader(tmp_path / "tracer.db") as reader:
        writer.apply([seen(LATER, 0), created(FIRST, 1)])  # what came later is no parent
        rows = {row.id: (row.parent_key, row.linked_by) for row in reader.interactions()}
        assert rows == {LATER: (None, None), FIRST: (None, None)}


def test_ids_of_later_turns_begin_as_the_first_one_says() -> None:
    beginning = later_turns(FIRST)
    assert beginning is not None
    assert LATER.startswith(beginning)
    assert not OTHER.startswith(beginning)
    assert (first_turn(LATER), first_turn(FIRST), later_turns(LATER)) == (FIRST, None, None)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "v1_",
        "v1_a",
        "v1_AAAA",
        "v1_Cg",
        "v1_!!!!",
        "v1_é",
        "interaction_abc123",
        FIRST[:-4],
        FIRST + "AAAA",
        "v2_x",
    ],
)
def test_other_ids_tell_nothing(other: str) -> None:
    assert first_turn(other) is None
    assert later_turns(other) is None
