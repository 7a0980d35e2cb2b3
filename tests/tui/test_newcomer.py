"""The ten tasks of docs/tui.md: the keys are read there, typed, and lead to what one wanted to see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange, Outcome

DOCS = Path(__file__).parents[2] / "docs" / "tui.md"
NAMED = {"↵": "enter", "/": "slash", "tab": "tab", "esc": "escape"}
LETTERS = {" ": "space", ":": "colon", "_": "underscore"}
MOST = 6


def tasks() -> dict[str, list[str]]:
    """Task -> its keys, from the table in the docs."""
    text = DOCS.read_text(encoding="utf-8").partition("| task | keys |")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|") for row in text.splitlines() if row.startswith("| ") and "---" not in row]
    return {task.strip(): re.findall(r"`([^`]+)`", keys.partition("(")[0]) for task, keys, *_ in rows}


def usage(cached: int) -> dict[str, int]:
    tokens = {"total_input_tokens": 2000, "total_output_tokens": 50, "total_thought_tokens": 0, "total_tokens": 2050}
    return {**tokens, "total_cached_tokens": cached}


def agent() -> list[Exchange]:
    """An agent that calls a tool twice, loses the cache, fails, and answers twice; a job that still runs."""

    def turn(minute: int, text: object, body: object, previous: str | None = None, **fields: object) -> Exchange:
        link = {} if previous is None else {"previous_interaction_id": previous}
        request = {"model": "gemini-3.5-flash", "input": text, **link}
        return exchange(request, body, at_us=START_US + minute * 60_000_000, **fields)  # type: ignore[arg-type]

    thought = {"type": "thought", "summary": [{"type": "text", "text": "The first look-up found nothing: try again."}]}
    first, second = (function_call(f"call_{n}", "lookup_order", order_id=n) for n in (416, 417))
    results = [
        function_result("call_416", "lookup_order", {"found": False}),
        function_result("call_417", "lookup_order", {"found": True}),
    ]
    quota = {"error": {"code": "rate_limit_exceeded", "message": "Quota exceeded."}}
    started = {"id": "v1_job", "object": "interaction", "status": "in_progress", "agent": "deep-research"}
    return [
        exchange(
            {"agent": "deep-research", "input": "Compare heat pumps", "background": True}, started, at_us=START_US
        ),
        turn(
            10,
            "Where is my refund?",
            answer("v1_1", status="requires_action", steps=[first, thought, second], usage=usage(0)),
        ),
        turn(11, results, answer("v1_2", text="Your refund is on its way.", usage=usage(1600)), "v1_1"),
        turn(12, "Say it shorter", answer("v1_3", text="On its way.", usage=usage(0)), "v1_2"),
        turn(13, "In French", quota, "v1_2", status=429),
        turn(14, "In German", answer("v1_4", text="Sie ist unterwegs.", usage=usage(1700)), "v1_3"),
    ]


@pytest.fixture
def agent_database(tmp_path: Path) -> Path:
    path = tmp_path / "agent.db"
    with Writer(path) as writer:
        writer.begin_run("0" * 32, "test", START_US, ["python", "agent.py"], {})
        writer.apply(agent())
    return path


def write_more_of_the_job(path: Path) -> None:
    request = {"agent": "deep-research", "input": "Compare more heat pumps", "background": True, "stream": True}
    grown = text_stream("v1_job2", ["Heat pumps differ "], ended=False)
    with Writer(path) as writer:
        writer.apply([exchange(request, grown, outcome=Outcome.OPEN, at_us=START_US + 1_200_000_000)])


async def type_keys(driver, keys: list[str]) -> None:
    for key in keys:
        if key in NAMED or len(key) == 1:
            await driver.press(NAMED.get(key, key))
        else:
            await driver.press(*(LETTERS.get(letter, letter) for letter in key))


def shown(driver) -> str:
    """The whole screen as text."""
    strips = driver.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


WANTED = {
    "find the failed turn": ["429 rate_limit_exceeded", "Quota exceeded."],
    "why did it call the tool twice": ["The first look-up found nothing: try again.", '{"found": false}'],
    "what did this branch cost": ["Σ 4 turns"],
    "which turn lost the cache": ["Say it shorter", "   0%", "80%"],
    "copy the prompt": ["prompt: sent to the terminal's clipboard"],
    "make a test of it": ["test_interaction_"],
    "compare two answers": ["On its way.", "Sie ist unterwegs."],
    "follow a running job": ["FOLLOW", "Heat pumps differ"],
    'find the text "refund"': ["Your refund is on its way."],
    "see the raw bytes": ["POST /v1/interactions", "200 application/json"],
}


def test_the_docs_name_these_ten_and_none_takes_more_than_six_keys():
    named = tasks()
    assert set(named) == set(WANTED)
    assert {task: len(keys) for task, keys in named.items() if not 1 <= len(keys) <= MOST} == {}


@pytest.mark.parametrize("task", WANTED)
async def test_the_documented_keys_lead_there(opened, agent_database, tmp_path, monkeypatch, task):
    monkeypatch.chdir(tmp_path)
    keys = tasks()[task]
    async with opened(agent_database, folder=tmp_path / "screen") as driver:
        driver.app.make_test = lambda key, subtree: f"test_interaction_{key[:12]}.py"
        await type_keys(driver, keys)
        if task == "follow a running job":
            write_more_of_the_job(agent_database)
            await driver.look()
        text = shown(driver)
        assert [wanted for wanted in WANTED[task] if wanted not in text] == [], text
