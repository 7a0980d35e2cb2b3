from __future__ import annotations

import json

from tracer.cli.main import run


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
