"""With `--durability power` what was written is brought to the disk, segment by segment, without keeping the writer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tracer.capture.entries import RunEnded
from tracer.capture.ingester import Ingester
from tracer.capture.journal import JournalReader, JournalWriter
from tracer.capture.segments import SegmentSet, segments
from tracer.capture.tail import SetTail
from tracer.store.writer import Writer

KEY = "0192" * 8


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes that were synced."""
    found: list[int] = []
    for name in ("fdatasync", "fsync"):
        stock = getattr(os, name)

        def sync(descriptor: int, stock: object = stock) -> None:
            found.append(os.fstat(descriptor).st_ino)
            stock(descriptor)  # type: ignore[operator]

        monkeypatch.setattr(os, name, sync)
    return found


def test_every_segment_is_synced_before_it_is_let_go(tmp_path: Path, synced: list[int]) -> None:
    said: list[str] = []
    writer = JournalWriter(tmp_path, report=said.append, segment_bytes=64, power_safe=True)
    threads = threading.active_count()
    for number in range(5):
        writer.append(RunEnded(key=KEY, at_us=number, exit_code=None))
    paths = segments(tmp_path, writer.name)
    writer.close()
    assert threading.active_count() == threads - 1
    assert len(paths) >= 3
    assert set(synced) >= {path.stat().st_ino for path in paths}
    assert sum(len(JournalReader(path).read()) for path in paths) == 5
    assert said == []


def test_a_write_is_synced_while_nothing_else_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: done.set())
    writer = JournalWriter(tmp_path, report=print, power_safe=True)
    writer.append(RunEnded(key=KEY, at_us=1, exit_code=None))
    assert done.wait(60)
    writer.close()


def test_the_database_is_synced_before_a_segment_goes(tmp_path: Path, synced: list[int]) -> None:
    journal = JournalWriter(tmp_path / "j", report=print)
    journal.append(RunEnded(key=KEY, at_us=1, exit_code=0))
    journal.close()
    db = tmp_path / "t.db"
    with Writer(db) as writer:
        owned = SegmentSet.take_over(tmp_path / "j", journal.name)
        assert owned is not None
        log = tmp_path / "t.db-wal"
        inodes = {db.stat().st_ino, log.stat().st_ino}
        Ingester(writer, sync=(log, db)).finish(owned, SetTail(tmp_path / "j", journal.name))
    assert set(synced) >= inodes
    assert segments(tmp_path / "j", journal.name) == []
