"""Opening a database: made, found, or refused with one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.errors import StoreError
from tracer.store import schema
from tracer.store.reader import Reader
from tracer.store.writer import Normalize, Writer
from tracer.testing import answer, exchange


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_its_folder_are_private(database: Path, normalize: Normalize) -> None:
    before = os.umask(0)
    try:
        with Writer(database, normalize=normalize) as writer:
            writer.apply([exchange({"input": "Hi"}, answer("v1_1"))])
            assert mode(database.parent) == 0o700
            assert {mode(file) for file in database.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)


def test_it_is_a_log_ahead_database_of_ours(database: Path, normalize: Normalize) -> None:
    Writer(database, normalize=normalize).close()
    with sqlite3.connect(database) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert raw.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        names = [name for (name,) in raw.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
        assert names == [migration.__name__ for migration in schema.MIGRATIONS]
        assert [name[:5] for name in names] == [f"m{number:03}_" for number in range(1, len(names) + 1)]
    raw.close()


def test_many_may_make_it_at_once(database: Path) -> None:
    opening = f"open_for_writing(Path({str(database)!r})).close()"
    code = f"from tracer.store.schema import *; from pathlib import Path; {opening}"
    makers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    assert [maker.communicate()[1] for maker in makers] == [b""] * 4
    Reader(database).close()


def test_opening_a_current_one_needs_no_migration_library(database: Path, normalize: Normalize) -> None:
    Writer(database, normalize=normalize).close()
    code = (
        "import sys; from pathlib import Path; from tracer.store.schema import *;"
        f"open_for_writing(Path({str(database)!r})).close(); from tracer.store.reader import Reader;"
        f"Reader(Path({str(database)!r})).interactions();"
        "print({'sqlite_utils', 'pydantic', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_newer_schema_is_refused(database: Path, normalize: Normalize) -> None:
    Writer(database, normalize=normalize).close()
    with sqlite3.connect(database) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    for opener in (Reader, Writer):
        with pytest.raises(StoreError, match=r"has schema 99, this tracer knows \d+: update interactions-tracer"):
            opener(database)


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_database_of_every_released_schema_opens(database: Path, repository: Path, version: int) -> None:
    database.parent.mkdir()
    shutil.copy(repository / "fixtures" / "stores" / f"m{version:03}.sqlite", database)
    with pytest.raises(StoreError, match=rf"has schema {version}, this tracer reads {schema.VERSION}: "):
        Reader(database)
    Writer(database).close()
    with Reader(database) as reader:
        rows = {row.id: row for row in reader.interactions() if row.id}
        assert reader.record(rows["v1_b"].key)["output_text"] == "20 C"
        assert rows["v1_c"].parent_key == rows["v1_b"].key
        # From the second schema on a history carried along links as well.
        assert len(reader.conversations(reader.conversation_seqs())) == (7 if version == 1 else 6)
        assert [one.path for one in reader.exchanges(rows["v1_job"].key)] == [
            "/v1/interactions",
            "/v1/interactions/v1_job",
        ]
    with sqlite3.connect(database) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()


def test_what_broke_off_counts_as_failed_in_an_old_database_too(database: Path, repository: Path) -> None:
    database.parent.mkdir()
    shutil.copy(repository / "fixtures" / "stores" / "m003.sqlite", database)
    with sqlite3.connect(database) as raw:
        raw.execute("UPDATE interaction SET state = 'truncated' WHERE id IN ('v1_b', 'v1_c')")
    raw.close()
    Writer(database).close()
    with Reader(database) as reader:
        whole = {one.root_key: one.failed for one in reader.conversations(reader.conversation_seqs())}
        (row,) = [row for row in reader.interactions() if row.id == "v1_b"]
        assert whole[row.root_key] == 2
        assert sum(whole.values()) == 2 + 1  # and the call that was refused


def test_an_old_database_has_the_tables_of_a_new_one(tmp_path: Path, repository: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    shutil.copy(repository / "fixtures" / "stores" / "m001.sqlite", old)
    tables = []
    for path in (old, new):
        Writer(path).close()
        with sqlite3.connect(path) as raw:
            tables.append(raw.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
        raw.close()
    assert tables[0] == tables[1]


def test_another_programs_database_is_left_alone(database: Path) -> None:
    database.parent.mkdir()
    with sqlite3.connect(database) as raw:
        raw.execute("CREATE TABLE theirs(x)")
    raw.close()
    before = database.read_bytes()
    for opener in (Reader, Writer):
        with pytest.raises(StoreError, match="is another program's SQLite file"):
            opener(database)
    assert database.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(database: Path) -> None:
    database.parent.mkdir()
    database.write_text("no database " * 100)
    for opener in (Reader, Writer):
        with pytest.raises(StoreError, match="is no SQLite file or is damaged"):
            opener(database)
    assert database.read_text() == "no database " * 100


def test_a_damaged_database_is_named(database: Path, normalize: Normalize) -> None:
    with Writer(database, normalize=normalize) as writer:
        writer.apply([exchange({"input": f"Hi {n}"}, answer(f"v1_{n}", text="x" * 3000)) for n in range(50)])
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with pytest.raises(StoreError, match=r"damaged|malformed"), Reader(database) as reader:
        reader.interactions()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    for opener in (Reader, Writer):
        with pytest.raises(StoreError, match="it is a folder: name a file"):
            opener(tmp_path)


def test_a_folder_below_a_file_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be opened"):
        Writer(tmp_path / "file" / "tracer.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_we_may_not_read_is_named(database: Path, normalize: Normalize) -> None:
    Writer(database, normalize=normalize).close()
    database.chmod(0)
    with pytest.raises(StoreError, match="check that you may read and write it"):
        Reader(database)


def test_without_a_database_the_reader_says_how_to_make_one(database: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no database at .* yet: `tracer run -- CMD`"):
        Reader(database)
    assert not database.parent.exists()


def test_an_empty_file_is_no_database_yet(database: Path, normalize: Normalize) -> None:
    database.parent.mkdir()
    database.touch()
    with pytest.raises(StoreError, match="is empty"):
        Reader(database)
    Writer(database, normalize=normalize).close()
    Reader(database).close()


def test_a_locked_database_is_named(database: Path, normalize: Normalize, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.01)
    Writer(database, normalize=normalize).close()
    with Writer(database, normalize=normalize) as writer:
        holder = sqlite3.connect(database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked; nothing of it was stored"):
            writer.apply([exchange({"input": "Hi"}, answer("v1_1"))])
        holder.close()
