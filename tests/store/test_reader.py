"""Reading: what a name means, what changed, and reading while somebody writes."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracer.errors import StoreError
from tracer.store.filters import parse
from tracer.store.reader import Reader
from tracer.store.writer import Normalize, Writer
from tracer.testing import START_US, answer, exchange
from tracer.wire.exchange import Exchange

SECOND = 1_000_000


def turn(number: int, interaction_id: str | None = None, project: str = "test") -> Exchange:
    return exchange(
        {"model": "m", "input": f"question {number}"},
        answer(interaction_id or f"v1_{number}", text="x"),
        at_us=START_US + number * SECOND,
        key=f"{number:08x}" + "0" * 24,
        project=project,
    )


@pytest.fixture
def reader(database: Path, normalize: Normalize) -> Iterator[Reader]:
    with Writer(database, normalize=normalize) as writer:
        writer.apply([turn(1), turn(2), turn(0x1234, "v1_other"), turn(0x9999, "theirs", "other")])
    with Reader(database) as reader:
        yield reader


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("00000001", 1),
        ("00000001" + "0" * 24, 1),
        ("v1_1", 1),
        ("v1_o", 0x1234),
        ("0000123", 0x1234),
        ("@last", 0x1234),
    ],
)
def test_a_unique_prefix_of_a_key_or_id_is_enough(reader: Reader, text: str, number: int) -> None:
    assert reader.resolve(text, "test") == f"{number:08x}" + "0" * 24


def test_last_is_the_projects(reader: Reader) -> None:
    assert reader.resolve("@last", "other") == reader.resolve("@last") == turn(0x9999).key
    with pytest.raises(StoreError, match="@last means nothing yet"):
        reader.resolve("@last", "third")


def test_an_ambiguous_prefix_names_the_candidates(reader: Reader) -> None:
    with pytest.raises(StoreError, match=r"'v1_' begins several keys or ids.*\(id 'v1_other'\), .*\(id 'v1_2'\)"):
        reader.resolve("v1_", "test")
    with pytest.raises(StoreError, match="no interaction has a key or an id that begins with 'nope'"):
        reader.resolve("nope", "test")
    with pytest.raises(StoreError, match="begins with 'theirs'"):
        reader.resolve("theirs", "test")


def test_a_whole_id_wins_over_longer_ones(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([turn(1, "v1_1"), turn(2, "v1_10")])
        assert reader.resolve("v1_1") == turn(1).key


def test_changes_are_noticed_and_told(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([turn(1)])
        version, rev = reader.data_version(), reader.last_rev()
        assert reader.data_version() == version
        assert reader.conversations_since(rev, "test") == []
        writer.apply([turn(2)])
        assert reader.data_version() != version
        (row,) = reader.conversations_since(rev, "test")
        assert (row.title, row.rev) == ("question 2", reader.last_rev())
        assert reader.conversations_since(rev, "other") == []


def test_conversations_come_in_the_order_asked_for(reader: Reader) -> None:
    seqs = reader.conversation_seqs(None, "test")
    assert seqs == array("q", [3, 2, 1])
    assert [row.seq for row in reader.conversations([2, 99, 3, 1])] == [2, 3, 1]
    assert reader.conversations([]) == []


def test_pages_of_interactions_are_newest_first(reader: Reader) -> None:
    assert [row.id for row in reader.interactions(None, "test", 2)] == ["v1_other", "v1_2"]
    assert [row.id for row in reader.interactions(None, "test", 2, 2)] == ["v1_1"]


def test_totals_are_sums_over_a_project(reader: Reader) -> None:
    assert reader.totals("test").interactions == 3
    assert (reader.totals().conversations, reader.totals("third").cost_nano) == (4, None)


def test_a_reader_sees_whole_writes_only(database: Path, normalize: Normalize) -> None:
    done = threading.Event()
    torn: list[object] = []

    def read() -> None:
        with Reader(database) as reader:
            while not done.is_set():
                rows = reader.interactions()
                torn.extend(row for row in rows if not reader.record(row.key) or not reader.exchanges(row.key))
                sums = reader.conversations(reader.conversation_seqs())
                torn.extend(row for row in sums if row.interactions != 3)

    with Writer(database, normalize=normalize) as writer:
        thread = threading.Thread(target=read)
        thread.start()
        for number in range(0, 60, 3):
            first = exchange({"input": f"{number}"}, answer(f"r{number}"), at_us=START_US + number * SECOND)
            more = [
                exchange(
                    {"input": f"{step}", "previous_interaction_id": f"r{number}"},
                    answer(f"r{step}"),
                    at_us=START_US + step * SECOND,
                )
                for step in (number + 1, number + 2)
            ]
            writer.apply([first, *more])
        done.set()
        thread.join()
    assert torn == []


def test_an_unknown_key_is_named(reader: Reader) -> None:
    with pytest.raises(StoreError, match="no interaction has the key 'nope'"):
        reader.record("nope")
    assert reader.tree("nope") == []


def test_lists_are_sorted_on_demand_and_what_is_unknown_comes_last(tmp_path: Path) -> None:
    def turn(number: int, tokens: int | None, took_us: int) -> Exchange:
        usage = None if tokens is None else {"total_input_tokens": tokens, "total_tokens": tokens}
        body = answer(f"v1_{number}", text="x", usage=usage)
        return exchange({"model": "m", "input": str(number)}, body, at_us=START_US + number * 10**7, took_us=took_us)

    with Writer(tmp_path / "sorted.db") as writer:
        writer.apply([turn(1, 10, 3_000_000), turn(2, 30, 1_000_000), turn(3, None, 2_000_000), turn(4, 20, 4_000_000)])
    with Reader(tmp_path / "sorted.db") as reader:
        orders = {"tokens": ["2", "4", "1", "3"], "latency": ["4", "1", "3", "2"], "oldest": ["1", "2", "3", "4"]}
        for name, expected in orders.items():
            where = parse(f"sort:{name}")
            assert [row.prompt for row in reader.interactions(where)] == expected
            assert [row.title for row in reader.conversations(reader.conversation_seqs(where))] == expected
            *_, first = reader.first_conversations(where, None, 2)
            assert list(first.seqs) == list(reader.conversation_seqs(where))[:2]


def test_the_first_page_of_a_filter_is_the_beginning_of_the_whole(tmp_path: Path) -> None:
    calls = [
        exchange({"model": f"m{n % 3}", "input": str(n)}, answer(f"v1_{n}", text="x"), at_us=START_US + n * 10**7)
        for n in range(30)
    ]
    with Writer(tmp_path / "many.db") as writer:
        writer.apply(calls)
    with Reader(tmp_path / "many.db") as reader:
        for text in ("model:m1", "model:m1 not:has:tool", "is:fork", "key:0"):
            whole = reader.conversation_seqs(parse(text), "test")
            *_, first = reader.first_conversations(parse(text), "test", 4)
            assert list(first.seqs)[:4] == list(whole)[:4]
