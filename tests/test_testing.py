"""Emulators built in Python, as a user's tests build them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tracer.errors import ScriptError, UsageError
from tracer.testing import emulator, function_call, rule, script


def ask(url: str, text: str, **more: Any) -> httpx.Response:
    return httpx.post(f"{url}/v1/interactions", json={"model": "gemini-2.5-flash", "input": text, **more})


def test_rules_answer() -> None:
    weather = rule(
        [{"thought": "Look it up"}, function_call("c1", "get_weather", city="Oslo"), {"image": b"bytes"}],
        name="weather",
        contains="weather",
    )
    with emulator(weather, rule({"error": 429}, times=1), rule("Hello")) as server:
        steps = ask(server.url, "The weather?").json()["steps"]
        assert [step["type"] for step in steps] == ["thought", "function_call", "model_output"]
        assert steps[1] == {"type": "function_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Oslo"}}
        assert steps[2]["content"] == [{"type": "image", "mime_type": "image/png", "data": "Ynl0ZXM="}]
        assert [ask(server.url, "Hi").status_code for _ in range(2)] == [429, 200]


def test_without_rules_answers_are_sensible_and_repeat() -> None:
    answers = []
    for _ in range(2):
        with emulator() as server:
            answers.append(ask(server.url, "My name is Alice").json())
    assert answers[0] == answers[1]
    assert "Alice" in answers[0]["steps"][-1]["content"][0]["text"]


def test_a_strict_emulator_refuses_the_rest() -> None:
    with emulator(rule("a", contains="a"), strict=True) as server:
        assert ask(server.url, "b").json()["error"]["code"] == "no_rule_fits"
    assert script(rule("a"), strict=True).strict


def test_faults_and_options() -> None:
    with emulator(faults=["503,times=1,on=create"], require_key=True) as server:
        assert [ask(server.url, "Hi").status_code for _ in range(2)] == [503, 403]


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"bytes")
    with emulator(rule({"image": str(tmp_path / "a.png")})) as server:
        assert ask(server.url, "Hi").json()["steps"][0]["content"][0]["data"] == "Ynl0ZXM="


def test_mistakes_are_one_sentence() -> None:
    with pytest.raises(ScriptError, match=r"^the rule 'x': when\.contians: 'contians' is not known here, did you mean"):
        rule("a", name="x", contians="b")
    with pytest.raises(ScriptError, match=r"^the rule: then\.steps\.0\.text\.text: expected a string, got 5$"):
        rule([{"text": 5}])
    with pytest.raises(UsageError, match="'teapot' is not known"), emulator(faults=["teapot"]):
        pass
