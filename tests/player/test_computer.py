"""Computer use without a script: an agent loop in which the app carries out one action after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.player.reply import Call
from tracer.player.rules import Rules
from tracer.player.state import Engine

SCREEN = [{"type": "image", "data": "aGk=", "mime_type": "image/png"}]
FUNCTION = {"type": "function", "name": "ask_user", "description": "Asks the user a question"}


def loop(prompt: str, *, model: str = "gemini-3.5-flash", **tool: Any) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """The actions of an agent loop, and the answer that ends it."""
    engine = Engine(Rules(), seed=1)
    tools = [{"type": "computer_use", **tool}, FUNCTION]
    body: dict[str, Any] = {"model": model, "input": prompt, "tools": tools}
    actions: list[tuple[str, Any]] = []
    for _ in range(9):
        answer = json.loads(engine.answer(Call("POST", "/v1/interactions", body=json.dumps(body).encode()), 0).body)
        calls = [step for step in answer["steps"] if step["type"] == "function_call"]
        assert answer["status"] == ("requires_action" if calls else "completed")
        if not calls:
            break
        (call,) = calls
        actions.append((call["name"], call["arguments"]))
        result = {"type": "function_result", "call_id": call["id"], "name": call["name"], "result": SCREEN}
        body |= {"input": [result], "previous_interaction_id": answer["id"]}
    return actions, answer


def test_a_browser_is_led_to_a_page_and_a_field() -> None:
    actions, answer = loop("Search for 'Gemini API' on https://example.com/a.", environment="browser")
    assert [name for name, _ in actions] == ["navigate", "click", "type"]
    page, field, text = (arguments for _, arguments in actions)
    assert page["url"] == "https://example.com/a"
    assert 0 <= field["x"] < 1000 > field["y"] >= 0
    assert (text["text"], text["press_enter"]) == ("Gemini API", True)
    assert all(arguments["intent"] for _, arguments in actions)
    (said,) = [part["text"] for step in answer["steps"] if step["type"] == "model_output" for part in step["content"]]
    assert "image (image/png)" in said
    assert "aGk=" not in said


@pytest.mark.parametrize(
    ("prompt", "tool", "expected"),
    [
        ("Open the Clock app and set an alarm", {"environment": "mobile"}, ["open_app", "click"]),
        ("Rename the file", {"environment": "desktop"}, ["take_screenshot", "click"]),
        ("Find cheap flights.", {}, ["navigate", "click", "type"]),
        ("Find cheap flights.", {"excluded_predefined_functions": ["click", "type"]}, ["navigate"]),
        ("Find cheap flights.", {"excludedPredefinedFunctions": ["navigate"]}, ["click", "type"]),
    ],
)
def test_actions_go_by_the_environment_and_leave_out_what_is_excluded(
    prompt: str, tool: dict[str, Any], expected: list[str]
) -> None:
    actions, _ = loop(prompt, **tool)
    assert [name for name, _ in actions] == expected


def test_an_app_is_opened_by_its_name() -> None:
    actions, _ = loop("Open the Clock app and set an alarm", environment="mobile")
    assert actions[0][1]["app_name"] == "Clock"


def test_older_models_use_older_words() -> None:
    actions, _ = loop("Search for tiles", model="gemini-2.5-computer-use-preview-10-2025")
    assert [name for name, _ in actions] == ["navigate", "click_at", "type_text_at"]
    assert sorted(actions[2][1]) == ["press_enter", "text", "x", "y"]
    assert "intent" not in actions[0][1]


def test_a_function_of_the_app_is_called_if_the_prompt_asks_for_it() -> None:
    actions, _ = loop("Ask the user where to go")
    assert [name for name, _ in actions] == ["ask_user", "navigate", "click"]


def test_small_talk_moves_nothing() -> None:
    assert loop("Hello!")[0] == []
