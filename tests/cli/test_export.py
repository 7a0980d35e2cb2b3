from __future__ import annotations

import json
from pathlib import Path

from tracer.cli.main import run
from tracer.store.reader import Reader


def test_jsonl_is_the_default_and_oldest_first(recorded, capsys):
    assert run(["export"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    starts = [record["timing"]["started_at"] for record in records]
    assert len(records) > 5
    assert starts == sorted(starts)


def test_a_filter_chooses_and_a_file_is_written_whole(recorded, tmp_path, capsys):
    target = tmp_path / "out.md"
    assert run(["export", "id:v1_c", "--format", "markdown", "-o", str(target)]) == 0
    assert capsys.readouterr().out == ""
    assert "And Rome?" in target.read_text()
    assert target.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out")) == ["out.md"]


def test_one_by_id_and_what_cannot_be_written_is_said(recorded, capsys):
    assert run(["export", "--id", "v1_c", "--format", "curl"]) == 0
    assert capsys.readouterr().out.startswith("curl ")
    assert run(["export", "id:v1_c", "-o", str(Path("/nonexistent/x"))]) == 1
    assert "choose another file with -o" in capsys.readouterr().err
    assert run(["export", "no-such-word"]) == 1
    assert "nothing to export" in capsys.readouterr().err


def test_exchanges_carry_interactions_to_another_database(recorded, tmp_path, capsys):
    carried, other = tmp_path / "carried.jsonl", tmp_path / "other.db"
    assert run(["export", "--format", "exchanges", "-o", str(carried)]) == 0
    assert run(["import", str(carried), "--db", str(other)]) == 0
    capsys.readouterr()

    def listed(*arguments):
        assert run(["list", "--json", "--limit", "1000", *arguments]) == 0
        records = map(json.loads, capsys.readouterr().out.splitlines())
        return {record["key"]: (record["id"], record["output_text"], record["parent_key"]) for record in records}

    here, there = listed(), listed("--db", str(other))
    assert there == here


def test_only_the_words_are_what_the_screen_copies(recorded, capsys):
    with Reader(recorded) as reader:
        row = next(row for row in reader.interactions() if row.answer and row.prompt == "And Rome?")
    assert run(["export", "--id", row.key, "--format", "prompt"]) == 0
    assert capsys.readouterr().out == "And Rome?\n"
    assert run(["export", "--id", row.key, "--format", "answer"]) == 0
    assert capsys.readouterr().out == f"{row.answer}\n"
