"""Tool search without a script: functions whose loading is deferred are looked up before they are called."""

from __future__ import annotations

import json
from typing import Any

from tracer.player.reply import Call
from tracer.player.rules import Rules
from tracer.player.state import Engine


def function(name: str, description: str, **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
    return {"type": "function", "name": name, "description": description, "parameters": schema, **more}


WEATHER = function("get_weather", "Gets weather for a location", defer_loading=True)
TRAINS = function("find_trains", "Trains from a location", defer_loading=True)
SERVER = {"type": "tool_search"}
CLIENT = {
    "type": "tool_search", "execution": "client", "name": "find_tools", "description": "Finds tools",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}  # fmt: skip


class App:
    """Talks to an engine with these tools, turn after turn."""

    def __init__(self, *tools: dict[str, Any]) -> None:
        self._engine = Engine(Rules(), seed=1)
        self._body: dict[str, Any] = {"model": "gemini-3.5-flash", "tools": list(tools)}

    def ask(self, given: Any) -> list[dict[str, Any]]:
        body = json.dumps({**self._body, "input": given}).encode()
        answer = json.loads(self._engine.answer(Call("POST", "/v1/interactions", body=body), 0).body)
        self._body["previous_interaction_id"] = answer["id"]
        return [step for step in answer["steps"] if step["type"] != "thought"]

    def answer(self, call: dict[str, Any], result: Any) -> list[dict[str, Any]]:
        return self.ask([{"type": "function_result", "call_id": call["id"], "name": call["name"], "result": result}])


def kinds(steps: list[dict[str, Any]]) -> list[str]:
    return [step["type"] for step in steps]


def test_a_deferred_function_is_found_then_called_and_found_once() -> None:
    app = App(SERVER, WEATHER, TRAINS)
    search, found, call = app.ask("What is the weather in Paris?")
    assert kinds([search, found, call]) == ["tool_search_call", "tool_search_result", "function_call"]
    assert search["arguments"] == {"function_names": ["get_weather"]}
    assert (found["call_id"], found["result"]) == (search["id"], [WEATHER])
    assert (call["name"], call["arguments"]) == ("get_weather", {"location": "Paris"})
    assert kinds(app.answer(call, {"weather": "rain"})) == ["model_output"]
    assert kinds(app.ask("And the weather in Rome?")) == ["function_call"]
    assert kinds(app.ask("Which trains leave from Rome?")) == [
        "tool_search_call",
        "tool_search_result",
        "function_call",
    ]


def test_functions_that_are_there_need_no_search() -> None:
    weather = {name: value for name, value in WEATHER.items() if name != "defer_loading"}
    assert kinds(App(SERVER, weather, TRAINS).ask("What is the weather in Paris?")) == ["function_call"]


def test_a_search_of_the_app_comes_before_the_deferred_functions() -> None:
    app = App(CLIENT, WEATHER, TRAINS)
    (search,) = app.ask("What is the weather in Paris?")
    assert search["name"] == "find_tools"
    assert "weather" in search["arguments"]["query"]
    (call,) = app.answer(search, ["get_weather"])
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    assert kinds(app.answer(call, {"weather": "rain"})) == ["model_output"]


def test_a_search_without_functions_finds_nothing() -> None:
    search, found, _ = App(SERVER).ask("What is the weather in Paris?")
    assert (search["arguments"], found["result"]) == ({"function_names": []}, [])
