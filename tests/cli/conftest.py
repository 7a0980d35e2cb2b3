"""A database with a little of everything, and a clock that stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracer.cli import list_, scope, tree
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000


def conversation() -> list[Exchange]:
    """A tool loop with a fork, a polled job, a retried call, an orphan, a running stream, another kind of call."""
    count = iter(range(1, 100))
    model = {"model": "gemini-3.5-flash"}

    def at(second: int, request: dict[str, Any] | None, response: Any, **more: Any) -> Exchange:
        key = f"{next(count):04x}" + "0" * 28
        return exchange(
            request, response, at_us=START_US + second * SECOND, key=key, project="main", run="a" * 32, **more
        )

    steps = [
        {"type": "thought", "summary": [{"type": "text", "text": "Ask the\ntool."}], "signature": "c2ln"},
        function_call("fc1", "get_weather", city="Oslo"),
    ]
    result = [function_result("fc1", "get_weather", {"temp": 20})]
    wait = {"error": {"code": 429, "message": "slow \x1b[2Jdown"}}
    job = "/v1/interactions/v1_job"
    return [
        at(0, {**model, "input": "Weather in Oslo?"}, answer("v1_a", status="requires_action", steps=steps)),
        at(
            10,
            {**model, "input": result, "previous_interaction_id": "v1_a"},
            text_stream("v1_b", ["20 ", "°C\x1b[31m"]),
        ),
        at(20, {**model, "input": "And Rome?", "previous_interaction_id": "v1_b"}, answer("v1_c", text="22 °C")),
        at(30, {**model, "input": "And 東京?", "previous_interaction_id": "v1_b"}, answer("v1_d", text="25 °C")),
        at(
            40,
            {"agent": "researcher", "input": "Dig", "background": True},
            answer("v1_job", status="in_progress", usage=None),
        ),
        at(45, None, answer("v1_job", text="Dug.", model=None), path=job),
        at(60, {**model, "input": "Busy?"}, wait, status=429),
        at(62, {**model, "input": "Busy?"}, wait, status=429),
        at(70, {**model, "input": "And me?", "previous_interaction_id": "v1_unseen"}, answer("v1_e", text="You too.")),
        at(
            80,
            {**model, "input": "Tell", "stream": True},
            text_stream("v1_r", ["Once"], ended=False),
            outcome=Outcome.OPEN,
        ),
        at(90, {"contents": []}, {"candidates": []}, path="/v1beta/models/m:generateContent"),
    ]


@pytest.fixture
def exchanges() -> list[Exchange]:
    return conversation()


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: list[Exchange]) -> Path:
    """A database of project `main`, which is also where commands look."""
    path = tmp_path / "tracer.db"
    with Writer(path) as writer:
        writer.begin_run("a" * 32, "main", START_US, ["python", "app.py"], {"branch": "dev"})
        writer.apply(exchanges)
    monkeypatch.setenv("TRACER_DB", str(path))
    monkeypatch.setenv("TRACER_PROJECT", "main")
    for module in (list_, scope, tree):
        monkeypatch.setattr(module, "now_us", lambda: START_US + 3600 * SECOND)
    return path
