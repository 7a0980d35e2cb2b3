from __future__ import annotations

import json

from tracer.cassettes import files
from tracer.cli.main import run
from tracer.testing import answer, exchange


def test_two_answers_are_compared_by_words(recorded, capsys):
    assert run(["diff", "v1_c", "v1_d"]) == 1
    out = capsys.readouterr().out
    assert "~ user_input\n    And [-Rome-]{+東京+}?" in out
    assert "~ model_output\n    [-22-]{+25+} °C" in out
    assert "parameters: the same" in out


def test_a_record_says_the_same_as_itself(recorded, capsys):
    assert run(["diff", "v1_c", "v1_c", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_control_characters_of_answers_do_not_reach_the_terminal(recorded, capsys):
    run(["diff", "v1_b", "v1_d"])
    assert "\x1b" not in capsys.readouterr().out


def test_recordings_of_files_are_compared(recorded, capsys, tmp_path):
    path = tmp_path / "chat.interactions.yaml"
    asked = {"model": "gemini-3.5-flash", "input": "Name three rivers of Europe."}
    other = {**asked, "input": "Name three lakes of Europe."}
    files.update(path, lambda _: [exchange(asked, answer("v1_a", text="Rhine")), exchange(other, answer("v1_b"))])
    assert run(["diff", f"{path}#1", f"{path}#2"]) == 1
    assert "Name three [-rivers-]{+lakes+} of Europe." in capsys.readouterr().out
    assert run(["diff", str(path), "v1_c"]) == 1
    assert run(["diff", f"{path}#1", f"{path}#1"]) == 0
    capsys.readouterr()
    for name, sentence in ((f"{path}#3", "there is no number 3"), ("gone.yaml#1", "there is no file 'gone.yaml'")):
        assert run(["diff", name, "v1_c"]) == 1
        assert sentence in capsys.readouterr().err
