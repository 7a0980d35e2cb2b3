from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tracer.capture.entries import RunEnded
from tracer.capture.journal import JournalWriter
from tracer.cli.main import run
from tracer.records.interaction import Interaction
from tracer.store.schema import VERSION


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["list", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_the_newest_comes_first_with_status_numbers_and_prompt(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = listed(capsys)
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "Tell",
        "And me?",
        "Busy?",
        "Dig",
        "And 東京?",
        "And Rome?",
        'get_weather: {"temp": 20}',
        "Weather in Oslo?",
    ]
    assert "◐ running" in lines[0]
    assert "✗ error" in lines[2]
    assert "researcher" in lines[3]
    for part in ("0001000000000000  1h ago", "◆ requires_action", "gemini-3.5-flash", "1.0 s", "41 tok"):
        assert part in lines[-1]


def test_columns_line_up(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, "model:flash", "not:agent:researcher")
    assert len({line.index("gemini-3.5-flash") for line in lines}) == 1


def test_json_is_the_record_with_every_key(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in listed(capsys, "--json")]
    assert len(records) == 8
    keys = [field.alias or name for name, field in Interaction.model_fields.items()]
    assert all(list(record) == keys for record in records)
    assert all(Interaction.model_validate(record) for record in records)
    by_id = {record["id"]: record for record in records}
    assert by_id["v1_d"]["parent_key"] == by_id["v1_b"]["key"]
    assert by_id["v1_d"]["root_key"] == by_id["v1_a"]["key"] == by_id["v1_a"]["root_key"]
    assert (by_id["v1_d"]["linked_by"], by_id["v1_a"]["linked_by"]) == ("id", None)
    assert by_id["v1_a"]["tags"] == {"branch": "dev"}
    assert (by_id["v1_job"]["polls"], by_id[None]["retries"]) == (1, 1)


def test_filters_and_limit(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [json.loads(line)["id"] for line in listed(capsys, "tool:get_weather", "since:2h", "--json")] == ["v1_a"]
    assert len(listed(capsys, "--limit", "3")) == 3
    assert len(listed(capsys, "--limit", "0")) == 8
    assert [line[-9:] for line in listed(capsys, "and rome")] == ["And Rome?"]
    assert [line[-9:] for line in listed(capsys, "model:flash and rome")] == ["And Rome?"]


def test_another_project_and_all_of_them(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_PROJECT", "elsewhere")
    assert run(["list"]) == 1
    assert capsys.readouterr() == (
        "",
        "tracer: no interaction found; other projects are here ('main'): try --all-projects\n",
    )
    assert len(listed(capsys, "--all-projects")) == 8
    assert len(listed(capsys, "--project", "main")) == 8
    assert len(listed(capsys, "project:main")) == len(listed(capsys, "run:aaa")) == 8
    assert run(["list", "--all-projects", "--project", "main"]) == 2


def test_nothing_found_is_said_on_stderr(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "status:nope"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "tracer: no interaction matches 'status:nope'; see what there is without the filter\n"


def test_a_mistake_in_a_filter_is_usage(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "statu:failed"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1:] == ["  statu:failed", "  ^"]


def test_without_a_database_it_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--db", str(tmp_path / "none.db")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no database at" in err
    assert "`tracer run -- CMD`" in err
    assert not list(tmp_path.iterdir())


def test_a_database_of_an_earlier_tracer_is_brought_up_to_date_once(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "old.db"
    shutil.copy(repository / "fixtures" / "stores" / "m001.sqlite", db)
    db.chmod(0o600)
    assert run(["list", "--all-projects", "--db", str(db)]) == 0
    first, said = capsys.readouterr()
    assert f"{db.name!r} had schema 1 and now has {VERSION}: `tracer reindex`" in said
    assert run(["list", "--all-projects", "--db", str(db)]) == 0
    assert capsys.readouterr() == (first, "")
    assert first.strip()


def test_what_the_journal_still_holds_is_said(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded.with_name(f"{recorded.name}.journal")
    dead = JournalWriter(folder, report=pytest.fail)
    dead.append(RunEnded(key="0192" * 8, at_us=1, exit_code=None))
    (segment,) = folder.glob("*.seg")
    (folder / f"{dead.name}.read").write_text(f"{time.time_ns() // 1000 - 60_000_000} 0 {segment.name}")
    dead.close()
    assert run(["list"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 8
    assert "are not in the database yet, for 6" in err
    assert "`tracer recover`" in err
    assert run(["recover"]) == 0
    capsys.readouterr()
    listed(capsys)
