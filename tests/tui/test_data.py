from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tracer.errors import StoreError
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange
from tui.data import KILLED_AFTER_US, Door
from tui.outline import outline


@pytest.fixture
async def door(database: Path):
    opened = Door(lambda: Reader(database), "test")
    yield opened
    await opened.close()


async def test_every_read_is_off_the_event_loop_and_each_reader_stays_in_its_thread(database):
    threads: dict[int, set[int]] = {}

    class Watched(Reader):
        def _query(self, *arguments):
            threads.setdefault(id(self), set()).add(threading.get_ident())
            return super()._query(*arguments)

    door = Door(lambda: Watched(database), "test")
    await door.overview(START_US)
    (row, *_) = await door.conversations(await door.conversation_seqs(None))
    family = (await door.tree(row.root_key))[0]
    await door.detail(outline(family)[0], family)
    await door.start_watching()
    assert await door.changes() is None
    await door.close()
    assert all(len(used) == 1 for used in threads.values())
    assert threading.get_ident() not in set.union(*threads.values())


async def test_changes_speak_once_of_what_was_written(door, database):
    await door.start_watching()
    assert await door.changes() is None
    with Writer(database) as writer:
        writer.apply([exchange({"model": "m", "input": "Hello"}, answer("v1_n", text="Hi."), at_us=START_US * 2)])
        changes = await door.changes()
        assert [row.title for row in changes.rows] == ["Hello"]
        assert await door.changes() is None


async def test_other_projects_do_not_show(door, database):
    await door.start_watching()
    with Writer(database) as writer:
        writer.apply([exchange({"model": "m", "input": "x"}, answer("v1_o", text="y"), project="other")])
        assert (await door.changes()).rows == []
    assert len(await door.conversation_seqs(None)) == 6


async def test_a_run_that_was_killed_long_ago_is_not_live(door):
    assert (await door.overview(START_US + 40 * 60_000_000)).recording
    assert not (await door.overview(START_US + 31 * 60_000_000 + KILLED_AFTER_US)).recording


async def test_a_database_that_can_not_be_opened_is_the_readers_error(tmp_path):
    door = Door(lambda: Reader(tmp_path / "none.db"), None)
    with pytest.raises(StoreError, match="there is no database"):
        await door.conversation_seqs(None)
    await door.close()
