"""How far the database is behind the journal is known, whatever the ingester does, and said."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer.capture import child as module
from tracer.capture.child import Destination, IngesterProcess
from tracer.capture.journal import JournalWriter
from tracer.capture.lag import Lag, Mark, behind, behind_of
from tracer.capture.tail import SetTail
from tracer.testing import answer, exchange

from .test_ingest import eventually, frames, journal, readable

PLAIN = exchange({"model": "m", "input": "plain"}, answer("v1_plain", text="ok"))
LATER = exchange({"model": "m", "input": "later"}, answer("v1_later", text="ok"))
SECOND = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "t.db.journal"


def now_us() -> int:
    return time.time_ns() // 1000


def test_nothing_waits_in_a_folder_that_is_not_there(folder: Path) -> None:
    assert behind(folder) == Lag(0, 0.0)


def test_what_waits_is_counted_from_the_last_moment_at_which_all_was_stored(folder: Path) -> None:
    living = journal(folder, frames(PLAIN), segment_bytes=400)
    tail = SetTail(folder, living.name)
    list(tail.news())
    Mark(folder, living.name).caught_up(now_us() - 5 * SECOND, *tail.place())
    assert behind(folder) == Lag(0, 0.0)
    before = sum(path.stat().st_size for path in folder.glob("*.seg"))
    for frame in frames(LATER):
        living.append(frame)
    lag = behind(folder)
    assert lag.bytes == sum(path.stat().st_size for path in folder.glob("*.seg")) - before
    assert 5 <= lag.seconds < 60
    living.close()


def test_a_set_that_no_ingester_ever_read_waits_since_it_began(folder: Path) -> None:
    living = journal(folder, frames(PLAIN))
    (path,) = folder.glob("*.seg")
    lag = behind_of(folder, living.name)
    assert lag.bytes == path.stat().st_size
    assert 0 <= lag.seconds < 60
    (folder / f"{living.name}.read").write_text("nonsense")
    assert behind_of(folder, living.name).bytes == lag.bytes
    living.close()


def frozen(db: Path, folder: Path, said: list[str]) -> tuple[JournalWriter, IngesterProcess]:
    """A living journal whose ingester has stored everything, and stands still."""
    living = journal(folder, frames(PLAIN))
    child = IngesterProcess(Destination(db=db, journal=folder), living.name, report=said.append)
    eventually(lambda: db.exists() and readable(db))
    eventually(lambda: (folder / f"{living.name}.read").exists() and behind(folder).bytes == 0)
    os.kill(child._process.pid, signal.SIGSTOP)
    return living, child


def test_a_hanging_ingester_is_said_to_be_late_and_to_have_caught_up(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    db = tmp_path / "t.db"
    living, child = frozen(db, folder, said)
    monkeypatch.setattr(module, "_LATE_SECONDS", 0.0)
    child.check()
    assert said == []
    for frame in frames(LATER):
        living.append(frame)
    for _ in range(2):
        child.check()
    assert [sentence.split("behind")[0][:12] for sentence in said] == ["the database"]
    assert "nothing is lost" in said[0]
    os.kill(child._process.pid, signal.SIGCONT)
    eventually(lambda: child.check() or len(said) == 2)
    assert said[1] == "the database has caught up with the journal"
    assert len(readable(db)) == 2
    living.close()
    child.end()
    assert eventually(lambda: child.outcome() is not None)
    assert list(folder.iterdir()) == []


def test_two_proxies_write_one_database(tmp_path: Path, folder: Path) -> None:
    db, said = tmp_path / "t.db", []
    journals = [journal(folder, []) for _ in range(2)]
    children = [IngesterProcess(Destination(db=db, journal=folder), one.name, report=said.append) for one in journals]
    calls = [
        exchange(
            {"input": f"{number}", **({"previous_interaction_id": f"v1_{number - 1}"} if number else {})},
            answer(f"v1_{number}", text="ok"),
            at_us=1_795_338_000_000_000 + number * SECOND,
        )
        for number in range(200)
    ]
    for number, call in enumerate(calls):
        for frame in frames(call):
            journals[number % 2].append(frame)
    for one, ingester in zip(journals, children, strict=True):
        one.close()
        ingester.end()
    assert eventually(lambda: all(ingester.outcome() is not None for ingester in children))
    assert [ingester.outcome() for ingester in children] == [True, True]
    assert said == []
    assert readable(db) == {call.key: call for call in calls}
    with sqlite3.connect(db) as raw:
        assert raw.execute("SELECT count(DISTINCT root_key), count(*), sum(ghost) FROM interaction").fetchone() == (
            1, 200, 0,
        )  # fmt: skip
        assert raw.execute("SELECT interactions FROM conversation").fetchall() == [(200,)]
        assert raw.execute("SELECT count(*) FROM search").fetchone() == (200,)
        assert raw.execute("SELECT count(*) FROM unsearched").fetchone() == (0,)
    raw.close()
    assert list(folder.iterdir()) == []


def look(condition: Callable[[], bool]) -> None:
    assert eventually(condition)


def test_text_is_searched_and_the_log_made_short_while_nothing_else_is_to_do(tmp_path: Path, folder: Path) -> None:
    db, said = tmp_path / "t.db", []
    living = journal(folder, [])
    child = IngesterProcess(Destination(db=db, journal=folder), living.name, report=said.append)
    for number in range(300):
        for frame in frames(exchange({"input": f"{number}"}, answer(f"v1_{number}", text="word " * 200))):
            living.append(frame)
    eventually(lambda: db.exists() and readable(db))
    log = tmp_path / "t.db-wal"
    with sqlite3.connect(db) as raw:
        look(lambda: raw.execute("SELECT count(*) FROM search").fetchone() == (300,))
    raw.close()
    look(lambda: log.stat().st_size == 0)
    living.close()
    child.end()
    look(lambda: child.outcome() is not None)
    assert said == []
