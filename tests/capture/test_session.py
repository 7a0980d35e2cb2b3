"""A run's clock and its journal, when somebody sets the one back and deletes the other."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from tracer.capture.child import Destination
from tracer.capture.session import CaptureSession, ForwardClock, RunInfo
from tracer.store.reader import Reader
from tracer.store.schema import open_for_writing
from tracer.wire.exchange import Outcome


def test_the_clock_of_a_run_never_goes_back() -> None:
    said: list[str] = []
    wall = iter([1_000_000_000, 2_000_000_000, -3_598_000_000_000, -3_597_000_000_000, 9_000_000_000_000])
    clock = ForwardClock(said.append, lambda: next(wall))
    assert [clock.now_us() for _ in range(4)] == [1_000_000, 2_000_000, 2_000_000, 3_000_000]
    assert said == ["the clock was set back by 3600 s: the times of this run go on without a step"]
    assert clock.now_us() > 9_000_000_000


def test_a_small_step_is_not_worth_a_sentence() -> None:
    wall = iter([5_000_000, 4_000_000])
    clock = ForwardClock(pytest.fail, lambda: next(wall))
    assert [clock.now_us(), clock.now_us()] == [5_000, 5_000]


async def test_a_deleted_journal_is_made_again_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    open_for_writing(tmp_path / "t.db").close()
    destination = Destination(db=tmp_path / "t.db", journal=tmp_path / "t.db.journal")
    session = CaptureSession(
        destination, RunInfo(project="p"), account_key=b"k" * 32, max_body=1 << 20, report=said.append
    )

    def call(text: bytes) -> None:
        recorder = session.recorder(
            origin="http://h", method="POST", path="/v1/interactions", query=(), headers=(), keep_bodies=True
        )
        recorder.request_data(b'{"model":"m","input":"%b"}' % text)
        recorder.request_end()
        recorder.failed(1, Outcome.FAILED, "refused")

    def records() -> int:
        with Reader(tmp_path / "t.db") as reader:
            return len(reader.interactions(None, "p"))

    call(b"one")
    deadline = time.monotonic() + 30
    while not records():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    shutil.rmtree(tmp_path / "t.db.journal")
    session.check()
    session.check()
    call(b"two")
    assert await session.close(None, seconds=30, hurry=asyncio.Event())
    assert records() == 2
    assert len(said) == 1
    assert "was deleted" in said[0]
    assert list((tmp_path / "t.db.journal").iterdir()) == []
