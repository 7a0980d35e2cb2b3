"""From the journal into the database: live, after a death, with a database that does not want to."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tracer import identity
from tracer import normalize as normalizing
from tracer.capture import patience
from tracer.capture.child import Destination, IngesterProcess
from tracer.capture.entries import RunEnded, RunStarted
from tracer.capture.ingester import Ingester, open_writer
from tracer.capture.journal import JournalWriter
from tracer.capture.recovery import recover
from tracer.capture.segments import SegmentSet, segments, set_names
from tracer.capture.tail import SetTail
from tracer.errors import StoreError
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.frames import Closed, Frame, Opened, RequestData, ResponseData, ResponseStarted

RUN = "0192f0e0c0ffee0192f0e0c0ffee000a"
PLAIN = exchange({"model": "m", "input": "plain"}, answer("v1_plain", text="ok"), run=RUN)
STREAM = exchange({"model": "m", "input": "stream", "stream": True}, text_stream("v1_s", ["Hel", "lo."]), run=RUN)


def frames(whole: Exchange) -> Iterator[Frame]:
    yield Opened(
        key=whole.key, at_us=whole.started_at_us, run=whole.run, project=whole.project, account=None,
        origin=whole.origin, method=whole.method, path=whole.path, query=whole.query, headers=whole.request_headers,
    )  # fmt: skip
    yield RequestData(key=whole.key, data=whole.request_body, wire_size=whole.request_size)
    assert whole.status is not None
    assert whole.headers_at_us is not None
    yield ResponseStarted(key=whole.key, at_us=whole.headers_at_us, status=whole.status, headers=whole.response_headers)
    position = 0
    for chunk in whole.chunks:
        data = whole.response_body[position : position + chunk.size]
        position += chunk.size
        yield ResponseData(key=whole.key, at_us=chunk.at_us, data=data, wire_size=chunk.wire_size)
    assert whole.ended_at_us is not None
    yield Closed(key=whole.key, at_us=whole.ended_at_us, outcome=whole.outcome)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "tracer.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tracer.db.journal"


def journal(folder: Path, some: Sequence[Any], **options: Any) -> JournalWriter:
    writer = JournalWriter(folder, report=pytest.fail, **options)
    for entry in some:
        writer.append(entry)
    return writer


def stored(db: Path) -> dict[str, Exchange]:
    with Reader(db) as reader:
        return {one.key: one for row in reader.interactions() for one in reader.exchanges(row.key)}


def eventually[T](look: Callable[[], T]) -> T:
    """What `look` gives once it is true; another process is at work."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_recover_brings_in_finished_and_interrupted_exchanges_and_the_run(db: Path, folder: Path) -> None:
    started = RunStarted(key=RUN, at_us=1, project="test", command=("app",), tags={"a": "b"})
    running = list(frames(STREAM))[:-3]
    journal(folder, [started, *frames(PLAIN), *running, RunEnded(key=RUN, at_us=9, exit_code=3)]).close()
    with open_writer(db, tier=None, prices=None) as writer:
        found = recover(writer, folder)
        again = recover(writer, folder)
    assert (found.sets, found.exchanges, found.in_use) == (1, 2, ())
    assert (again.sets, again.exchanges) == (0, 0)
    assert list(folder.iterdir()) == []
    kept = stored(db)
    assert kept[PLAIN.key] == PLAIN
    assert kept[STREAM.key].outcome is Outcome.INTERRUPTED
    assert STREAM.response_body.startswith(kept[STREAM.key].response_body)
    assert kept[STREAM.key].chunks == STREAM.chunks[:-2]
    with Reader(db) as reader:
        (run,) = reader.runs()
        assert (run.run, run.project, run.command, run.tags, run.exit_code) == (RUN, "test", ("app",), {"a": "b"}, 3)
        states = {row.id: row.state for row in reader.interactions()}
    assert states == {"v1_plain": "complete", "v1_s": "interrupted"}


def test_recover_leaves_a_living_writer_alone(db: Path, folder: Path) -> None:
    living = journal(folder, frames(PLAIN))
    with open_writer(db, tier=None, prices=None) as writer:
        found = recover(writer, folder)
    assert (found.sets, found.exchanges) == (0, 0)
    assert found.in_use == (f"{os.getpid()} records",)
    assert len(segments(folder, living.name)) == 1
    living.close()


def test_recover_says_when_another_ingester_does_not_end(db: Path, folder: Path) -> None:
    dead = journal(folder, frames(PLAIN))
    dead.close()
    other = SegmentSet.take_over(folder, dead.name)
    assert other is not None
    with open_writer(db, tier=None, prices=None) as writer:
        assert recover(writer, folder, patience=0).in_use == (f"{os.getpid()} ingests",)
        other.release()
        assert recover(writer, folder, patience=0).exchanges == 1


def test_a_damaged_segment_is_read_up_to_the_damage_and_kept(db: Path, folder: Path) -> None:
    dead = journal(folder, [*frames(PLAIN), *frames(STREAM)])
    (path,) = segments(folder, dead.name)
    dead.close()
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    with open_writer(db, tier=None, prices=None) as writer:
        recover(writer, folder)
    assert stored(db)[PLAIN.key].outcome is Outcome.COMPLETE
    assert stored(db)[STREAM.key].outcome is Outcome.INTERRUPTED
    assert [left.suffix for left in folder.iterdir()] == [".damaged"]


def test_spent_segments_go_while_the_writer_lives_and_needed_ones_stay(db: Path, folder: Path) -> None:
    living = journal(folder, frames(PLAIN), segment_bytes=200)
    tail = SetTail(folder, living.name)
    open_one = list(frames(STREAM))
    with open_writer(db, tier=None, prices=None) as writer:
        ingester = Ingester(writer)
        ingester.follow(tail)
        before = segments(folder, living.name)
        assert len(before) == 1
        for frame in open_one[:-1]:
            living.append(frame)
        ingester.follow(tail)
        kept = segments(folder, living.name)
        assert len(kept) > 2
        assert stored(db)[STREAM.key].outcome is Outcome.OPEN
        living.append(open_one[-1])
        ingester.follow(tail)
        assert segments(folder, living.name) == kept[-1:]
        assert stored(db)[STREAM.key] == STREAM
    living.close()


def test_running_exchanges_are_handed_over_at_most_four_times_a_second(db: Path, folder: Path) -> None:
    class Counting(Writer):
        calls = 0

        def apply(self, exchanges: Sequence[Exchange]) -> None:
            self.calls += bool(exchanges)
            super().apply(exchanges)

    living = journal(folder, [])
    tail = SetTail(folder, living.name)
    with Counting(db) as writer:
        ingester = Ingester(writer)
        began = time.monotonic()
        for frame in list(frames(STREAM))[:-1]:
            living.append(frame)
            ingester.follow(tail)
        assert 1 <= writer.calls <= 1 + (time.monotonic() - began) / 0.25
    living.close()


def test_a_write_that_fails_is_repeated_and_nothing_is_lost(db: Path, folder: Path) -> None:
    class Moody(Writer):
        refusals = 3

        def apply(self, exchanges: Sequence[Exchange]) -> None:
            if exchanges and self.refusals:
                self.refusals -= 1
                raise StoreError("the database is locked")
            super().apply(exchanges)

    living = journal(folder, [*frames(PLAIN), *frames(STREAM)])
    asked: list[None] = []
    with Moody(db) as writer:
        Ingester(writer, try_again=lambda: asked.append(None) or True).follow(SetTail(folder, living.name))
    assert len(asked) == 3
    assert stored(db).keys() == {PLAIN.key, STREAM.key}
    living.close()


def test_an_exchange_that_cannot_be_stored_keeps_nobody_else_out_and_stays_in_the_journal(
    db: Path, folder: Path
) -> None:
    class Buggy(Writer):
        def apply(self, exchanges: Sequence[Exchange]) -> None:
            if any(one.key == PLAIN.key for one in exchanges):
                raise KeyError("bug")
            super().apply(exchanges)

        def apply_unread(self, exchange: Exchange, note: str) -> None:
            raise KeyError("bug")

    journal(folder, [*frames(PLAIN), *frames(STREAM)]).close()
    with Buggy(db) as writer:
        recover(writer, folder)
    assert stored(db).keys() == {STREAM.key}
    with open_writer(db, tier=None, prices=None) as writer:
        assert recover(writer, folder).exchanges == 2
    assert stored(db).keys() == {PLAIN.key, STREAM.key}
    assert set_names(folder) == []


def test_an_exchange_that_cannot_be_read_is_kept_raw_with_a_note(
    db: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = identity.read

    def buggy(exchange: Exchange) -> Any:
        if exchange.key == PLAIN.key and exchange.response_body:
            raise KeyError("bug")
        return real(exchange)

    journal(folder, [*frames(PLAIN), *frames(STREAM)]).close()
    with monkeypatch.context() as patched, Writer(db) as writer:
        patched.setattr("tracer.store.exchanges.Exchanges.upsert.__defaults__", (buggy,))
        assert recover(writer, folder).exchanges == 2
    assert stored(db) == {PLAIN.key: PLAIN, STREAM.key: STREAM}
    with Reader(db) as reader:
        record = reader.record(PLAIN.key)
    assert (record["state"], record["output"]) == ("complete", [])
    assert record["notes"] == ["could not be understood (KeyError: 'bug'); its bytes are kept"]
    assert set_names(folder) == []
    with open_writer(db, tier=None, prices=None) as writer:
        assert writer.reindex().changed == {(PLAIN.project or "", PLAIN.key)}
    with Reader(db) as reader:
        assert reader.record(PLAIN.key)["notes"] == []


def test_work_without_an_end_is_ended(db: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    understand = normalizing.understand

    def endless(exchanges: Sequence[Exchange], known: Any = None) -> Any:
        if exchanges[0].key == STREAM.key:
            looks.append(exchanges[0].outcome)
            while True:
                pass
        return understand(exchanges, known)

    monkeypatch.setattr(patience, "SECONDS", 0.05)
    monkeypatch.setattr(normalizing, "understand", endless)
    living = journal(folder, list(frames(STREAM))[:-1])
    tail = SetTail(folder, living.name)
    with Writer(db) as writer:
        ingester = Ingester(writer)
        for frame in [*frames(PLAIN)]:
            ingester._running_at = 0.0
            living.append(frame)
            ingester.follow(tail)
        living.append(list(frames(STREAM))[-1])
        living.close()
        ingester.follow(tail)
    # While it runs it is looked at once, not at every step.
    assert looks == [Outcome.OPEN, STREAM.outcome]
    assert stored(db)[STREAM.key] == STREAM
    with Reader(db) as reader:
        assert "TimeoutError: it took more than 0.05 s" in reader.record(STREAM.key)["notes"][0]


def start(db: Path, folder: Path, name: str, said: list[str]) -> IngesterProcess:
    return IngesterProcess(Destination(db=db, journal=folder), name, report=said.append)


def test_the_child_follows_live_recovers_others_and_ends_with_its_parent(db: Path, folder: Path) -> None:
    said: list[str] = []
    journal(folder, frames(PLAIN)).close()
    living = journal(folder, list(frames(STREAM))[:-1])
    child = start(db, folder, living.name, said)
    found = eventually(lambda: db.exists() and len(kept := readable(db)) == 2 and kept)
    assert found[STREAM.key].outcome is Outcome.OPEN
    living.append(list(frames(STREAM))[-1])
    living.close()
    child.end()
    assert eventually(lambda: child.outcome() is not None)
    assert child.outcome() is True
    assert stored(db)[STREAM.key] == STREAM
    assert list(folder.iterdir()) == []
    assert said == []


def readable(db: Path) -> dict[str, Exchange]:
    try:
        return stored(db)
    except StoreError:
        return {}


def test_a_child_that_dies_is_started_again_and_reads_from_the_start(db: Path, folder: Path) -> None:
    said: list[str] = []
    living = journal(folder, frames(PLAIN))
    child = start(db, folder, living.name, said)
    eventually(lambda: db.exists() and readable(db))
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    for frame in frames(STREAM):
        living.append(frame)
    child.check()
    eventually(lambda: len(readable(db)) == 2)
    living.close()
    child.end()
    assert eventually(lambda: child.outcome() is not None)
    assert stored(db) == {PLAIN.key: PLAIN, STREAM.key: STREAM}
    assert said == []


def test_a_child_that_can_never_work_is_not_started_again(db: Path, folder: Path) -> None:
    said: list[str] = []
    db.write_bytes(b"this is no database at all, but a text" * 100)
    living = journal(folder, frames(PLAIN))
    child = start(db, folder, living.name, said)
    child._process.wait()
    child.check()
    child.check()
    assert len(said) == 1
    assert "tracer recover" in said[0]
    living.close()
    child.end()
    assert child.outcome() is False
    assert len(segments(folder, living.name)) == 1


def test_a_child_that_dies_now_and_then_is_started_for_ever_and_one_that_dies_at_once_is_not(
    db: Path, folder: Path
) -> None:
    said: list[str] = []
    living = journal(folder, frames(PLAIN))
    child = start(db, folder, living.name, said)
    for _ in range(6):
        for place in range(len(child._starts)):
            child._starts[place] -= 3600
        child._process.kill()
        child._process.wait()
        child.check()
    assert said == []
    for _ in range(4):
        child._process.kill()
        child._process.wait()
        child.check()
    assert len(said) == 1
    living.close()
    child.end()


def test_a_locked_database_is_waited_for_from_the_start(db: Path, folder: Path) -> None:
    said: list[str] = []
    open_writer(db, tier=None, prices=None).close()
    lock = sqlite3.connect(db, isolation_level=None)
    lock.execute("PRAGMA locking_mode = EXCLUSIVE")
    lock.execute("BEGIN IMMEDIATE")
    living = journal(folder, frames(PLAIN))
    living.close()
    child = start(db, folder, living.name, said)
    child.end()
    assert child.outcome() is None
    lock.close()
    assert eventually(lambda: child.outcome() is not None)
    assert child.outcome() is True
    assert stored(db) == {PLAIN.key: PLAIN}


def test_the_module_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer.capture.ingest", "--help"], capture_output=True, text=True, check=True
    )
    assert "--journal" in done.stdout
