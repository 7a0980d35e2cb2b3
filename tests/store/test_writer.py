"""What one `apply` does: rows, records, links, sums, and what it leaves alone."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import StoreError, UnusableStoreError
from tracer.records.interaction import Interaction
from tracer.store.reader import Reader
from tracer.store.writer import Normalize, Writer
from tracer.testing import START_US, answer, exchange, function_call, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
ASKED = {"model": "gemini-3.5-flash", "input": "Hi"}


def turn(number: int, previous: int | None = None, **more: Any) -> Exchange:
    asked = {**ASKED, "input": f"question {number}"}
    asked |= {} if previous is None else {"previous_interaction_id": f"v1_{previous}"}
    said = answer(f"v1_{number}", text=f"answer {number}")
    return exchange(asked, said, at_us=START_US + number * 60 * SECOND, **more)


def test_a_turn_becomes_a_row_a_record_and_a_conversation(database: Path) -> None:
    one = turn(1)
    with Writer(database) as writer, Reader(database) as reader:
        writer.begin_run("0" * 32, "test", START_US, ["python", "app.py"], {"branch": "main"})
        writer.apply([one])
        (row,) = reader.interactions()
        assert (row.seq, row.key, row.id, row.root_key, row.parent_key) == (1, one.key, "v1_1", one.key, None)
        assert (row.status, row.state, row.total_tokens) == ("completed", "complete", 41)
        assert (row.prompt, row.answer) == ("question 1", "answer 1")
        record = reader.record(one.key)
        assert list(record) == [field.alias or name for name, field in Interaction.model_fields.items()]
        assert (record["root_key"], record["tags"], record["output_text"]) == (one.key, {"branch": "main"}, "answer 1")
        (conversation,) = reader.conversations(reader.conversation_seqs())
        assert (conversation.title, conversation.interactions, conversation.models) == (
            "question 1",
            1,
            "gemini-3.5-flash",
        )


def test_what_is_stored_can_be_asked_by_key(database: Path) -> None:
    one, running = turn(1), turn(2, outcome=Outcome.OPEN)
    with Writer(database) as writer:
        writer.apply([one, running])
        assert writer.stored("test", [one.key, running.key, turn(3).key]) == {one.key, running.key}
        assert writer.stored("another", [one.key]) == set()


def test_a_retry_without_ends_is_one_record_in_whatever_batches_it_comes(database: Path) -> None:
    refused = turn(1, status=503, ended_at_us=None)
    answered = replace(turn(1), key="f" * 32, started_at_us=refused.started_at_us + 1, ended_at_us=None)
    with Writer(database) as writer, Reader(database) as reader:
        for one in (answered, refused):
            writer.apply([one])
        assert [row.retries for row in reader.interactions()] == [1]


def test_exchanges_come_back_as_they_went_in(database: Path) -> None:
    odd = replace(
        turn(1, query=(("key", "v"), ("key", "w")), account="k:1", notes=("a note", "another"), error=None),
        response_headers=(("x-odd", "caf\udce9"), ("X-Odd", "again")),
        path="/v1/interactions",
        request_body=b"\xff\x00" * 400,
    )
    streamed = exchange({**ASKED, "stream": True}, text_stream("v1_2", ["a", "b"]), at_us=START_US + SECOND)
    other = exchange({"contents": []}, {"ok": 1}, path="/v1beta/models/m:generateContent")
    other = replace(other, path=other.path + "\udce9")
    running = exchange({**ASKED, "stream": True}, text_stream("v1_3", ["a"], ended=False), outcome=Outcome.OPEN)
    with Writer(database) as writer, Reader(database) as reader:
        writer.apply([odd, streamed, other, running])
        for one in (odd, streamed, running):
            assert reader.exchanges(one.key) == [one]
        assert reader.others("0" * 32) == [other]
        assert len(reader.interactions()) == 3


def test_equal_bodies_are_kept_once(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer:
        writer.apply([exchange(ASKED, answer("v1_1", text="same"), at_us=START_US + n * 60 * SECOND) for n in range(5)])
    with sqlite3.connect(database) as raw:
        assert raw.execute("SELECT count(*) FROM blob").fetchone() == (2,)
    raw.close()


def test_saying_it_again_changes_nothing(database: Path, normalize: Normalize) -> None:
    calls: list[str] = []

    def counting(
        exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Interaction:
        calls.append(key or "")
        return normalize(exchanges, key=key, tags=tags)

    turns = [turn(number, number - 1 or None) for number in range(1, 20)]
    with Writer(database, normalize=counting) as writer, Reader(database) as reader:
        writer.apply(turns)
        rev, rows, version = reader.last_rev(), reader.interactions(), len(calls)
        assert version == len(turns)
        writer.apply(turns)
        writer.apply(turns[3:9])
        assert (reader.last_rev(), reader.interactions(), len(calls)) == (rev, rows, version)
        writer.apply([turn(20, 19)])
        assert len(calls) == version + 1, "a new turn is no reason to read its ancestors again"


def test_a_running_stream_is_seen_before_it_tells_its_id(database: Path) -> None:
    whole = exchange({**ASKED, "stream": True}, text_stream("v1_s", ["Hel", "lo."]))
    asked = replace(
        whole,
        status=None,
        response_headers=(),
        response_body=b"",
        response_size=0,
        chunks=(),
        headers_at_us=None,
        ended_at_us=None,
        outcome=Outcome.OPEN,
    )
    sizes = [chunk.size for chunk in whole.chunks]
    with Writer(database) as writer, Reader(database) as reader:
        seen = []
        for events in range(len(sizes) + 1):
            size = sum(sizes[:events])
            part = (
                asked
                if not events
                else replace(
                    whole,
                    response_body=whole.response_body[:size],
                    response_size=size,
                    chunks=whole.chunks[:events],
                    ended_at_us=None,
                    outcome=Outcome.OPEN,
                )
            )
            writer.apply([part])
            (row,) = reader.interactions()
            seen.append((row.id, row.state, row.answer))
            (conversation,) = reader.conversations(reader.conversation_seqs())
            assert conversation.running == 1
        writer.apply([whole])
        (row,) = reader.interactions()
        assert seen[0] == (None, "in_flight", "")
        assert seen[1] == ("v1_s", "in_flight", "")
        assert ("v1_s", "in_flight", "Hel") in seen
        assert (row.seq, row.state, row.status, row.answer) == (1, "complete", "completed", "Hello.")
        assert reader.conversations(reader.conversation_seqs())[0].running == 0
        writer.apply([asked])
        assert reader.interactions() == [row]


def test_what_a_dead_recorder_left_gives_way_to_what_is_whole(database: Path, normalize: Normalize) -> None:
    whole = turn(1)
    lost = replace(
        whole, outcome=Outcome.INTERRUPTED, ended_at_us=None, response_body=b"", response_size=0, status=None
    )
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([lost])
        writer.apply([whole])
        writer.apply([lost])
        assert reader.exchanges(whole.key) == [whole]


def test_a_ghost_is_filled_and_its_descendants_follow(database: Path) -> None:
    with Writer(database) as writer, Reader(database) as reader:
        writer.apply([turn(2, 1), turn(3, 2), turn(4, 2)])
        (before,) = reader.conversations(reader.conversation_seqs())
        ghost = reader.tree(before.root_key)[0]
        assert (ghost.ghost, ghost.id, ghost.started_at_us) == (True, "v1_1", START_US + 120 * SECOND)
        assert (before.title, before.interactions, before.total_tokens) == ("question 2", 3, 3 * 41)
        with pytest.raises(StoreError, match="'v1_1' was never recorded"):
            reader.record(ghost.key)
        writer.apply([turn(1)])
        (after,) = reader.conversations(reader.conversation_seqs())
        assert (after.seq, after.root_key, after.title) == (before.seq, turn(1).key, "question 1")
        assert after.interactions == 4
        rows = reader.tree(turn(1).key)
        assert [row.id for row in rows] == ["v1_1", "v1_2", "v1_3", "v1_4"]
        assert {reader.record(row.key)["root_key"] for row in rows} == {turn(1).key}
        assert reader.resolve(ghost.key) == turn(1).key


def test_a_ghost_may_come_back_and_go_again(database: Path, normalize: Normalize) -> None:
    def at(second: int, interaction_id: str, previous: str | None = None) -> Exchange:
        named = {} if previous is None else {"previous_interaction_id": previous}
        asked = {"input": f"{second}", **named}
        return exchange(asked, answer(interaction_id), at_us=START_US + second * SECOND)

    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([at(50, "child", "x")])
        ghost = reader.interactions()[0].root_key
        writer.apply([at(40, "x")])
        assert reader.resolve(ghost) == at(40, "x").key
        writer.apply([at(30, "earlier child", "x")])
        assert reader.resolve(ghost) == ghost
        assert [row.id for row in reader.tree(ghost)] == ["x", "earlier child"]
        writer.apply([at(20, "x")])
        assert reader.resolve(ghost) == at(20, "x").key
        assert {row.parent_key for row in reader.interactions()} == {None, at(20, "x").key, at(40, "x").key}


def test_a_repeated_id_takes_over_what_comes_after_it(database: Path, normalize: Normalize) -> None:
    def at(second: int) -> Exchange:
        return exchange({"input": f"{second}"}, answer("x"), at_us=START_US + second * SECOND)

    child = exchange({"input": "child", "previous_interaction_id": "x"}, answer("y"), at_us=START_US + 40 * SECOND)
    poll = exchange(None, answer("x"), path="/v1/interactions/x", at_us=START_US + 50 * SECOND)
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([at(0), child, poll])
        assert [row.polls for row in reader.tree(at(0).key)] == [1, 0]
        writer.apply([at(20)])
        assert [(row.key, row.polls) for row in reader.tree(at(0).key)] == [(at(0).key, 0)]
        assert [(row.key, row.polls) for row in reader.tree(at(20).key)] == [(at(20).key, 1), (child.key, 0)]
        sums = {row.root_key: row.interactions for row in reader.conversations(reader.conversation_seqs())}
        assert sums == {at(0).key: 1, at(20).key: 2}


def test_a_ghost_goes_with_the_only_record_that_named_it(database: Path, normalize: Normalize) -> None:
    path = "/v1/interactions/job"
    polled = exchange(None, answer("job", previous_interaction_id="x"), path=path, at_us=START_US + SECOND)
    create = exchange({"input": "begin"}, answer("job", status="in_progress"))
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([polled])
        ghost = reader.interactions()[0].root_key
        assert ghost != polled.key
        writer.apply([create])
        (row,) = reader.tree(create.key)
        assert (row.key, row.seq, row.polls) == (create.key, 1, 1)
        assert reader.resolve(ghost) == reader.resolve(polled.key) == create.key
        assert len(reader.conversation_seqs()) == 1


def test_a_ghost_goes_when_two_records_become_one(database: Path, normalize: Normalize) -> None:
    paused = answer("a", status="requires_continuation", continuation_token="tok")
    first = exchange({"input": "begin"}, paused)
    second = exchange(
        {"continuation_token": "tok", "previous_interaction_id": "a"}, answer("b"), at_us=START_US + 2 * SECOND
    )
    poll = exchange(None, answer("a"), path="/v1/interactions/a", at_us=START_US + 3 * SECOND)
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([poll])
        writer.apply([second])
        ghost = reader.interactions()[-1].parent_key
        assert ghost is not None
        assert {row.seq for row in reader.interactions()} == {1, 2}
        writer.apply([first])
        (row,) = reader.interactions()
        assert (row.key, row.seq, row.id, row.parent_key) == (first.key, 1, "b", None)
        assert {reader.resolve(key) for key in (ghost, poll.key, second.key)} == {first.key}


def test_polls_join_a_create_that_tells_its_id_late(database: Path, normalize: Normalize) -> None:
    whole = exchange({"input": "begin", "background": True}, answer("job", status="in_progress"), took_us=9 * SECOND)
    running = replace(
        whole, status=None, response_body=b"", response_size=0, chunks=(), ended_at_us=None, outcome=Outcome.OPEN
    )
    poll = exchange(None, answer("job"), path="/v1/interactions/job", at_us=START_US + SECOND)
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([running])
        writer.apply([poll])
        assert len(reader.interactions()) == len(reader.conversation_seqs()) == 2
        writer.apply([whole])
        (row,) = reader.interactions()
        assert (row.seq, row.key, row.polls) == (1, whole.key, 1)
        assert list(reader.conversation_seqs()) == [1]
        assert reader.resolve(poll.key) == whole.key


def test_an_attempt_that_arrives_late_takes_the_retry_in(database: Path) -> None:
    failed = exchange(ASKED, {"error": {"code": 503}}, status=503)
    retried = exchange(ASKED, answer("v1_1", text="Hello."), at_us=START_US + 2 * SECOND)
    child = turn(2, 1)
    with Writer(database) as writer, Reader(database) as reader:
        writer.apply([retried, child])
        writer.apply([failed])
        rows = {row.id: row for row in reader.interactions()}
        assert rows.keys() == {"v1_1", "v1_2"}
        assert (rows["v1_1"].key, rows["v1_1"].seq, rows["v1_1"].retries) == (failed.key, 1, 1)
        assert (rows["v1_2"].parent_key, rows["v1_2"].root_key) == (failed.key, failed.key)
        assert reader.resolve(retried.key) == failed.key
        assert reader.exchanges(failed.key) == [failed, retried]


def test_projects_do_not_mix(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([turn(1, project="a"), turn(2, 1, project="b")])
        assert [row.id for row in reader.interactions(None, "a")] == ["v1_1"]
        (row,) = reader.interactions(None, "b")
        assert row.parent_key != turn(1).key
        assert len(reader.conversation_seqs(None, "a")) == len(reader.conversation_seqs(None, "b")) == 1


def test_the_same_key_may_be_in_two_projects(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([turn(1, project="a")])
        writer.apply([turn(1, project="b")])
        assert [len(reader.interactions(None, name)) for name in ("a", "b")] == [1, 1]


def test_tools_are_named_and_found(database: Path) -> None:
    calls = [function_call("1", "get_weather", city="Paris"), {"type": "google_search_call", "id": "2"}]
    asked = exchange(ASKED, answer("v1_1", status="requires_action", steps=calls))
    with Writer(database) as writer, Reader(database) as reader:
        writer.apply([asked])
        (row,) = reader.interactions()
        assert row.tools == "get_weather google_search"
        assert row.answer == 'get_weather(city="Paris"), google_search()'


def test_text_that_utf8_can_not_hold_is_stored(database: Path) -> None:
    body = json.dumps({**ASKED, "input": "half \ud83d pair"}).encode()
    said = b'{"id":"v1_1","status":"comp\\ud800","steps":[{"type":"model_output","content":"\\ud800"}]}'
    odd = replace(exchange(ASKED, said), request_body=body)
    with Writer(database) as writer, Reader(database) as reader:
        writer.apply([odd])
        assert len(reader.interactions()) == 1
        assert reader.exchanges(odd.key) == [odd]


def test_a_write_that_fails_leaves_everything_as_it_was(database: Path, normalize: Normalize) -> None:
    def broken(*_: Any, **__: Any) -> Interaction:
        raise sqlite3.OperationalError("disk I/O error")

    with Writer(database, normalize=normalize) as writer:
        writer.apply([turn(1)])
    with Writer(database, normalize=broken) as writer, Reader(database) as reader:
        with pytest.raises(StoreError, match=r"disk I/O error; nothing of it was stored"):
            writer.apply([turn(2)])
        assert [row.id for row in reader.interactions()] == ["v1_1"]
        assert reader.last_rev() == 1


def test_writers_share_a_file(database: Path, normalize: Normalize) -> None:
    failures: list[BaseException] = []

    def write(start: int) -> None:
        try:
            with Writer(database, normalize=normalize) as writer:
                for number in range(start, 60, 3):
                    writer.apply([turn(number + 1, number or None)])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with Reader(database) as reader:
        (conversation,) = reader.conversations(reader.conversation_seqs())
        assert (conversation.interactions, reader.last_rev()) == (60, 60)


def test_runs_are_kept(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.begin_run("r1", "test", 1, ["node", "app.js"], {"a": "b"})
        writer.begin_run("r2", "test", 2, [], {})
        writer.begin_run("r1", "test", 1, ["node", "app.js"], {"a": "c"})
        writer.end_run("r1", 5, 3)
        newest, oldest = reader.runs("test")
        assert (newest.run, newest.ended_at_us, newest.exit_code) == ("r2", None, None)
        assert (oldest.command, oldest.tags, oldest.ended_at_us, oldest.exit_code) == (
            ("node", "app.js"),
            {"a": "c"},
            5,
            3,
        )
        assert reader.runs("other") == []


def test_a_deleted_or_replaced_file_is_noticed_and_made_again(database: Path, normalize: Normalize) -> None:
    said: list[str] = []
    with Writer(database, normalize=normalize, report=said.append) as writer:
        writer.begin_run("r", "p", START_US, ["app"], {})
        writer.apply([turn(1)])
        for path in database.parent.glob(f"{database.name}*"):
            path.unlink()
        writer.apply([turn(2)])
        writer.apply([turn(3)])
        writer.end_run("r", START_US + 1, 0)
    assert len(said) == 1
    assert "was deleted or replaced" in said[0]
    with Writer(database, normalize=normalize) as writer:
        assert writer.records() == 2
        assert writer._connection.execute("SELECT run, exit_code FROM run").fetchall() == [("r", 0)]


def test_a_damaged_file_is_told_from_one_that_is_busy(database: Path, normalize: Normalize) -> None:
    Writer(database, normalize=normalize).close()
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(UnusableStoreError, match="move it away"), Writer(database, normalize=normalize) as writer:
        writer.apply([turn(1)])


def test_the_log_becomes_short_unless_somebody_reads(database: Path, normalize: Normalize) -> None:
    log = database.with_name(f"{database.name}-wal")
    with Writer(database, normalize=normalize) as writer, Reader(database) as reader:
        writer.apply([exchange({"input": "one"}, answer("v1_1"))])
        with reader._snapshot():
            assert len(reader.interactions()) == 1
            writer.apply([exchange({"input": "two"}, answer("v1_2"), at_us=START_US + SECOND)])
            assert not writer.shorten_log()
            assert len(reader.interactions()) == 1
        assert log.stat().st_size > 0
        assert writer.shorten_log()
        assert log.stat().st_size == 0
        assert len(reader.interactions()) == 2
        writer.apply([exchange({"input": "three"}, answer("v1_3"), at_us=START_US + 2 * SECOND)])
        assert len(reader.interactions()) == 3
