from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tracer import normalize as normalizing
from tracer.capture import patience
from tracer.cli.main import run
from tracer.store.reader import Reader


@pytest.fixture
def first(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database as the first schema's code wrote it."""
    path = tmp_path / "first.db"
    shutil.copy(repository / "fixtures" / "stores" / "m001.sqlite", path)
    monkeypatch.setenv("TRACER_DB", str(path))
    monkeypatch.setenv("TRACER_PROJECT", "main")
    return path


def reindexed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["reindex", "--json", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_an_old_database_learns_what_new_code_knows_and_only_once(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["list"]) == 0
    assert "`tracer reindex` fills in what is new" in capsys.readouterr().err
    found = reindexed(capsys)
    assert (found["records"], found["skipped"], found["dry_run"]) == (9, 0, False)
    assert found["changed"] == 9
    assert found["fields"]["links"] == 1
    again = reindexed(capsys)
    assert (again["records"], again["changed"], again["fields"]) == (9, 0, {})
    with Reader(first) as reader:
        rows = {row.key[:4]: row for row in reader.interactions()}
        assert (rows["0009"].parent_key, rows["0009"].linked_by) == (rows["0008"].key, "history")
        assert rows["0002"].parent_key == rows["0001"].key


def test_a_dry_run_says_the_same_and_writes_nothing(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    would = reindexed(capsys, "--dry-run")
    with Reader(first) as reader:
        rev = reader.last_rev()
        assert {row.linked_by for row in reader.interactions()} == {None, "id"}
    did = reindexed(capsys)
    assert would["dry_run"]
    assert {**would, "dry_run": False} == did
    with Reader(first) as reader:
        assert reader.last_rev() > rev


def test_on_paper_it_counts_by_field(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reindex"]) == 0
    out, err = capsys.readouterr()
    assert err == "tracer: 9 of 9 records changed\n"
    assert "       1  links\n" in out


def test_a_record_that_differs_is_made_anew_and_the_field_named(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reindexed(capsys)["changed"] == 0
    with Reader(recorded) as reader:
        key = reader.resolve("v1_c")
        before = reader.record(key)
    spoilt = {**before, "output_text": "wrong", "usage": {**before["usage"], "input_tokens": 1}, "tags": {}}
    with sqlite3.connect(recorded) as raw:
        raw.execute(
            "UPDATE record SET codec = 'raw', data = ? WHERE seq = (SELECT seq FROM interaction WHERE key = ?)",
            (json.dumps(spoilt | {"parent_key": None, "root_key": None, "linked_by": None}).encode(), key),
        )
    raw.close()
    found = reindexed(capsys)
    assert (found["changed"], found["fields"]) == (1, {"output_text": 1, "usage.input_tokens": 1})
    with Reader(recorded) as reader:
        assert reader.record(key) == before


def test_what_is_only_in_an_index_is_put_right(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(recorded) as raw:
        raw.execute("UPDATE interaction SET prompt = '' WHERE id = 'v1_c'")
    raw.close()
    assert reindexed(capsys)["fields"] == {"index": 1}
    with Reader(recorded) as reader:
        assert reader.interaction(reader.resolve("v1_c")).prompt == "And Rome?"


def test_records_without_their_bodies_stay(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Reader(recorded) as reader:
        before = {row.key: reader.record(row.key) for row in reader.interactions()}
    with sqlite3.connect(recorded) as raw:
        raw.execute("DELETE FROM blob")
    raw.close()
    found = reindexed(capsys)
    assert (found["changed"], found["skipped"]) == (0, len(before) - 1)  # all but the running one
    with Reader(recorded) as reader:
        assert {row.key: reader.record(row.key) for row in reader.interactions()} == before


def test_what_tells_the_identity_is_read_again(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(recorded) as raw:
        # As an earlier version might have read it: the poll's id was not understood.
        raw.execute("UPDATE exchange SET interaction_id = NULL WHERE operation = 'get'")
    raw.close()
    found = reindexed(capsys)
    assert (found["changed"], found["fields"]) == (1, {"identity": 1})
    assert reindexed(capsys)["changed"] == 0
    with sqlite3.connect(recorded) as raw:
        assert raw.execute("SELECT interaction_id FROM exchange WHERE operation = 'get'").fetchall() == [("v1_job",)]
    raw.close()


def test_without_a_database_it_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.db"
    assert run(["reindex", "--db", str(missing)]) == 1
    assert "there is no database at" in capsys.readouterr().err
    assert not missing.exists()


def test_a_record_that_our_code_never_comes_to_an_end_with_holds_up_no_other(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    understand = normalizing.understand

    def endless(exchanges: Any, *rest: Any) -> Any:
        while b"v1_c" in exchanges[0].response_body:
            pass
        return understand(exchanges, *rest)

    monkeypatch.setattr(patience, "SECONDS", 0.2)
    monkeypatch.setattr(normalizing, "understand", endless)
    assert reindexed(capsys)["changed"] >= 1
    with Reader(recorded) as reader:
        (row,) = [row for row in reader.interactions() if "took more than" in str(reader.record(row.key)["notes"])]
        assert b"v1_c" in reader.exchanges(row.key)[0].response_body
