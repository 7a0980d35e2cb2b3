"""`tracer import` as a user sees it: summary, exit codes, the bar on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.cassettes.jsonl import dump_line
from tracer.cli.main import run
from tracer.store.reader import Reader
from tracer.testing import START_US, answer, exchange


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tracer.db"
    monkeypatch.setenv("TRACER_DB", str(path))
    monkeypatch.setenv("TRACER_PROJECT", "main")
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    file = tmp_path / "some.jsonl"
    calls = [exchange({"input": f"q{n}"}, answer(f"v1_{n}"), at_us=START_US + n) for n in range(3)]
    calls.append(exchange({"contents": []}, {}, path="/v1beta/models/m:generateContent"))
    file.write_text("\n".join([*map(dump_line, calls), "{}"]))
    return file


def test_the_summary_says_what_became_of_the_file(db: Path, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "--tag", "from=tests", str(lines)]) == 0
    out, err = capsys.readouterr()
    left_out = "left out: 1 lines that are no exchange"
    assert out == ""
    assert err == f"tracer: {str(lines)!r}: 3 new, 0 there already, 1 other calls; {left_out}\n"
    assert run(["import", str(lines)]) == 0
    assert f"0 new, 4 there already, 0 other calls; {left_out}" in capsys.readouterr().err
    with Reader(db) as reader:
        assert {row.project for row in reader.interactions()} == {"main"}
        assert [run.tags for run in reader.runs()] == [{"from": "tests"}]


def test_other_files_are_imported_although_one_is_nothing(
    db: Path, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    empty = tmp_path / "empty.har"
    empty.write_text('{"log": {"entries": []}}')
    missing = tmp_path / "missing.har"
    assert run(["import", str(text), str(missing), str(lines), str(empty)]) == 1
    said = capsys.readouterr().err.splitlines()
    kinds = "a vcrpy cassette, a when/then recording, a HAR, a mitmproxy flow file, exchange lines"
    assert said[0] == f"tracer: {str(text)!r} is none of what can be imported ({kinds}): it begins like none of them"
    assert said[1] == f"tracer: {str(missing)!r} can't be read: No such file or directory"
    assert said[3] == f"tracer: {str(empty)!r}: nothing to import"
    assert said[4].startswith("tracer: 4 files: 3 new, 0 there already, 1 other calls")
    with Reader(db) as reader:
        assert len(reader.interactions()) == 3


def test_json_is_one_object_a_file(db: Path, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    assert run(["import", "--json", "--project", "other", str(lines), str(missing)]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    skipped = {"lines that are no exchange": 1}
    counts = {"interactions": 3, "others": 1, "known": 0, "skipped": skipped}
    assert first == {"file": str(lines), **counts, "error": None}
    assert second["error"].endswith("No such file or directory")
    with Reader(db) as reader:
        assert {row.project for row in reader.interactions()} == {"other"}


@pytest.mark.parametrize("arguments", [[], ["--tag", "novalue", "x"]])
def test_wrong_calls_are_usage_errors(db: Path, arguments: list[str]) -> None:
    assert run(["import", *arguments]) == 2
    assert not db.exists()


def test_a_terminal_shows_a_bar(db: Path, lines: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm"}
    command = [sys.executable, "-m", "tracer", "import", str(lines)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # Linux says so when the last writer is gone
    finally:
        os.close(ours)
    assert child.communicate(timeout=60) == (b"", None)
    assert child.returncode == 0
    assert b"Importing" in shown
    assert b"100%" in shown
    assert b"3 new" in shown
