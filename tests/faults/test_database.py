"""A database that is locked, deleted, replaced or damaged while calls are recorded: the traffic never notices."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import Any

import pytest

from tracer.errors import StoreError

LOCKED_SECONDS = float(os.environ.get("TRACER_FAULT_SECONDS", "0"))
"""How long another process holds the database locked; `make faults` takes 30, else it lasts as long as the calls."""


PATIENCE = 60


async def until_there(path: Any) -> None:
    while True:
        if path.exists():
            return
        await asyncio.sleep(0.02)


async def recorded(place: Any, name: str) -> None:
    while True:
        try:
            if name in place.stored():
                return
        except StoreError:
            pass
        await asyncio.sleep(0.02)


async def test_a_locked_database_is_waited_for(ground: Any, wire: Any) -> None:
    async with ground(wire.whole_answer) as place, place.proxy() as proxy:
        await recorded_call(place, wire, proxy.port, "before")
        lock = sqlite3.connect(place.db, isolation_level=None, timeout=PATIENCE)
        lock.execute("BEGIN EXCLUSIVE")
        ends_at = asyncio.get_running_loop().time() + LOCKED_SECONDS
        asked = 0
        while asked < 5 or asyncio.get_running_loop().time() < ends_at:
            assert await wire.ask(proxy.port, f"locked {asked}") == await wire.ask(place.port, f"locked {asked}")
            asked += 1
            await asyncio.sleep(LOCKED_SECONDS / 30)
        lock.close()
        said = await proxy.stop()
        assert proxy.process.returncode == 0
        stored = place.stored()
    assert {f"locked {number}" for number in range(asked)} <= stored.keys()
    assert not list(place.journal.iterdir())
    if LOCKED_SECONDS > 10:
        assert "what crosses meanwhile waits in the journal" in said
        assert "the database can be written again" in said
    assert "Traceback" not in said


async def recorded_call(place: Any, wire: Any, port: int, name: str) -> None:
    await wire.ask(port, name)
    await recorded(place, name)


@pytest.mark.parametrize("how", ["deleted", "folder deleted"])
async def test_a_deleted_database_is_made_again_and_said(ground: Any, wire: Any, how: str, tmp_path: Any) -> None:
    async with ground(wire.whole_answer, db=tmp_path / "data" / "t.db") as place, place.proxy() as proxy:
        await recorded_call(place, wire, proxy.port, "before")
        for path in place.db.parent.glob("t.db*"):
            if path.is_file():
                path.unlink()
            elif how == "folder deleted":
                for each in path.iterdir():
                    each.unlink()
                path.rmdir()
        if how == "folder deleted":
            place.db.parent.rmdir()
        for number in range(3):
            answer = await wire.ask(proxy.port, f"after {number}")
            assert answer == await wire.ask(place.port, f"after {number}")
        if how == "folder deleted":
            # Until somebody looks whether the journal is in its place, what crosses is lost.
            await until_there(place.journal)
        await recorded_call(place, wire, proxy.port, "last")
        said = await proxy.stop()
        stored = place.stored()
    assert "was deleted" in said
    assert "last" in stored
    if how != "folder deleted":
        assert stored.keys() == {"after 0", "after 1", "after 2", "last"}
    assert "Traceback" not in said


async def test_a_damaged_database_is_said_and_the_journal_keeps_what_crosses(ground: Any, wire: Any) -> None:
    async with ground(wire.whole_answer) as place:
        async with place.proxy() as proxy:
            await recorded_call(place, wire, proxy.port, "before")
            for path in place.db.parent.glob("t.db*"):
                if path.is_file():
                    path.write_bytes(b"\xff" * path.stat().st_size)
            for number in range(3):
                answer = await wire.ask(proxy.port, f"after {number}")
                assert answer == await wire.ask(place.port, f"after {number}")
            said = await proxy.stop()
            assert proxy.process.returncode == 0
        with pytest.raises(StoreError):
            place.stored()
        for path in place.db.parent.glob("t.db*"):
            if path.is_file():
                path.rename(path.with_name(f"moved-{path.name}"))
        done = await place.tracer("recover")
        stored = place.stored()
    assert done.returncode == 0, done.stderr
    assert stored.keys() >= {"after 0", "after 1", "after 2"}
    assert "traffic goes on" in said
    assert "move it away" in said
    assert "Traceback" not in said + done.stderr
