from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tracer.cli import rendering
from tracer.cli.main import run
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange
from tracer.wire.exchange import Exchange


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["tree", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return re.sub(r"\$0\.\d+", "$?", out)


def test_a_conversation_is_drawn_with_its_fork(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "v1_c") == (
        "── 4 interactions, 164 tokens, $?, 59m ago\n"
        "◆ Weather in Oslo?  requires_action · gemini-3.5-flash · → get_weather · 41 tok · $? · 1.0 s"
        " · 0001000000000000\n"
        '● get_weather: {"temp": 20}  gemini-3.5-flash · 41 tok · $? · 750 ms · 0002000000000000\n'
        "├─● And Rome?  gemini-3.5-flash · 41 tok · $? · 1.0 s · 0003000000000000\n"
        "╰─● And 東京?  gemini-3.5-flash · 41 tok · $? · 1.0 s · 0004000000000000\n"
    )


def test_every_conversation_is_printed_newest_last(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = printed(capsys).split("\n\n")
    assert [block.splitlines()[1].split("  ")[0] for block in blocks] == [
        "◆ Weather in Oslo?",
        "● Dig",
        "✗ Busy?",
        "○ v1_unseen (never recorded)",
        "◐ Tell",
    ]
    assert "1 failed" in blocks[2].splitlines()[0]
    assert "1 running" in blocks[4].splitlines()[0]
    assert blocks[3].splitlines()[2].startswith("● And me?")
    assert len(printed(capsys, "--limit", "2").split("\n\n")) == 2


def test_json_has_the_recorded_ones_in_the_trees_order(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in printed(capsys, "--json").splitlines()]
    assert [record["id"] for record in records] == ["v1_a", "v1_b", "v1_c", "v1_d", "v1_job", None, "v1_e", "v1_r"]
    assert records[6]["parent_key"] == records[6]["root_key"] != records[6]["key"]


def test_nothing_there_is_said(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["tree", "nope"]) == 1
    assert "begins with 'nope'" in capsys.readouterr().err
    monkeypatch.setenv("TRACER_PROJECT", "elsewhere")
    assert run(["tree"]) == 1
    assert "no conversation found; other projects are here ('main')" in capsys.readouterr().err


def test_a_narrow_terminal_keeps_the_prompt_and_drops_numbers(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("tree", "list"):
        for columns in (60, 80, 120):
            monkeypatch.setattr("tracer.cli.rendering.line_width", lambda columns=columns: columns)
            assert run([verb]) == 0
            lines = capsys.readouterr().out.splitlines()
            assert max(map(rendering.width, lines)) <= columns
            assert any("Weather in" in line for line in lines)


def test_a_filter_chooses_conversations_whole(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", "is:fork"]) == 0
    drawn = capsys.readouterr().out
    assert drawn.count("── ") == 1
    assert run(["tree", "Rome"]) == 0
    assert "Rome" in capsys.readouterr().out
    assert run(["tree", "nothing-like-it"]) == 1
    assert "no interaction has a key or an id that begins with 'nothing-like-it'" in capsys.readouterr().err


def test_a_branch_of_several_turns_says_what_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def turn(name: str, after: str | None, second: int) -> Exchange:
        link = {} if after is None else {"previous_interaction_id": after}
        asked = {"model": "gemini-3.5-flash", "input": name, **link}
        return exchange(asked, answer(name, text="x"), at_us=START_US + second * 10**6, project="main")

    database = tmp_path / "branches.db"
    with Writer(database) as writer:
        writer.apply([turn("a", None, 0), turn("b", "a", 2), turn("c", "b", 4), turn("d", "a", 6)])
    assert run(["tree", "--db", str(database), "--all-projects"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [("Σ 2 turns, 82 tok, $0.000558" in line) for line in lines] == [False, False, True, False, False]
