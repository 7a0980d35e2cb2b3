"""A lock on a database is seen at once, and so is who has it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from locking import LOCKING

from tracer.store.locks import holder, is_locked
from tracer.store.writer import Writer


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    Writer(path).close()
    return path


def test_a_writer_locks_nobody_out(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert not is_locked(database)


def test_an_exclusive_lock_is_seen_with_its_holder(database: Path) -> None:
    command = [sys.executable, "-c", LOCKING, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert is_locked(database)
        if sys.platform == "linux":
            assert holder(database).endswith(f"(process {process.pid})")
            assert holder(database).startswith(sys.executable)
        process.communicate("\n", timeout=30)
    assert not is_locked(database)
    assert holder(database) == ""


def test_what_is_no_database_is_not_locked(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(os.urandom(5_000))
    assert not is_locked(tmp_path / "bad.db")
    assert not is_locked(tmp_path / "missing.db")
