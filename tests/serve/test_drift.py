"""What is told when a service answers otherwise than when it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tracer.cassettes import files
from tracer.serve.drift import drifts
from tracer.testing import answer, emulator, exchange, rule

TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
OSLO: dict[str, Any] = {"call": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
SPENT = {"input": 100, "output": 50}


@contextmanager
def service(
    call: dict[str, Any] = OSLO, text: str = "It rains.", usage: dict[str, int] = SPENT, **more: Any
) -> Iterator[str]:
    rules = (rule({"steps": [{"text": text}], "usage": usage, **more}, result="get_weather"), rule([call]))
    with emulator(*rules, seed=3) as server:
        yield server.url


@pytest.fixture
def cassette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A call, its result, a stream."""
    path = tmp_path / "chat.interactions.yaml"
    with service() as url, monkeypatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", url)
        with tracer.record(path):

            def ask(given: Any, **more: Any) -> httpx.Response:
                body = {"model": "gemini-3.5-flash", "input": given, "tools": [TOOL], **more}
                return httpx.post(f"{url}/v1/interactions", json=body)

            first = ask("Weather?").json()
            (call,) = [step for step in first["steps"] if step["type"] == "function_call"]
            result = {"type": "function_result", "call_id": call["id"], "name": "get_weather", "result": "rain"}
            ask([result], previous_interaction_id=first["id"])
            assert "event: done" in ask("And tomorrow?", stream=True).text
    return path


def told(cassette: Path, **changed: Any) -> list[tuple[str, int, str]]:
    before = sorted((file, file.read_bytes()) for file in cassette.parent.rglob("*") if file.is_file())
    with service(**changed) as url:
        found = [(drift.severity, drift.number, drift.what) for drift in drifts(cassette, url, "key")]
    after = sorted((file, file.read_bytes()) for file in cassette.parent.rglob("*") if file.is_file())
    assert after == before
    return found


def test_same_answers_are_no_drift(cassette: Path) -> None:
    assert told(cassette) == []


def test_other_arguments_are_behaviour(cassette: Path) -> None:
    rome: dict[str, Any] = {"call": {"name": "get_weather", "arguments": {"city": "Rome"}}}
    what = 'calls get_weather({"city": "Oslo"}) became get_weather({"city": "Rome"})'
    assert told(cassette, call=rome) == [("behaviour", 1, what), ("behaviour", 3, what)]


def test_no_call_any_more_is_behaviour(cassette: Path) -> None:
    found = told(cassette, call={"text": "No idea."})
    assert ("behaviour", 1, 'calls get_weather({"city": "Oslo"}) became none') in found
    assert ("behaviour", 1, "status 'requires_action' became 'completed'") in found


def test_other_words_are_wording(cassette: Path) -> None:
    assert told(cassette, text="It pours.") == [("wording", 2, '"It rains." became "It pours."')]


def test_many_more_tokens_are_usage(cassette: Path) -> None:
    assert told(cassette, usage={"input": 100, "output": 300}) == [("usage", 2, "150 tokens became 400")]
    assert told(cassette, usage={"input": 100, "output": 60}) == []


def test_status_of_the_answer_is_behaviour(cassette: Path) -> None:
    with emulator(rule({"error": {"status": 404}})) as server:
        found = [drift for drift in drifts(cassette, server.url, "key") if drift.severity == "behaviour"]
    assert [drift.what for drift in found] == ["HTTP 200 became 404"] * 3


def test_service_that_is_not_there_is_told(cassette: Path) -> None:
    assert {drift.what.partition(":")[0] for drift in drifts(cassette, "http://127.0.0.1:9", "key")} == {
        "there was no answer"
    }


def test_much_longer_answers_are_usage(tmp_path: Path) -> None:
    from tracer.normalize import normalize
    from tracer.serve.drift import compared

    old = exchange({"model": "m", "input": "Hi"}, answer("v1_a"), took_us=500_000)
    for seconds, expected in ((2, []), (4, [("usage", "500 ms became 4000 ms")])):
        new = replace(old, ended_at_us=seconds * 1_000_000)
        assert list(compared(old, new, normalize([old]), normalize([new]))) == expected


def test_fields_and_types_are_shape(cassette: Path) -> None:
    text = cassette.read_text()
    assert '"total_tokens":150' in text
    cassette.write_text(text.replace('"total_tokens":150', '"total_tokens":"150","spare":1'))
    assert len(files.load(cassette)) == 3
    assert told(cassette)[:2] == [
        ("shape", 2, "usage.spare is gone"),
        ("shape", 2, "usage.total_tokens was string and is number"),
    ]
