"""What the built-in source says: everything in the published guide gets a sensible answer."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from tracer.player.failures import Failure
from tracer.player.ids import Mint
from tracer.player.prompts import MAGIC_WORDS, facts, places, trouble_in
from tracer.player.rules import Rules
from tracer.player.schemas import Filler
from tracer.player.turn import Answer, Turn


def user(*contents: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in contents]
    return {"type": "user_input", "content": parts}


def model(text: str) -> dict[str, Any]:
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def function(name: str, description: str = "", **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "name": name, "description": description, "parameters": schema}


def ask(*given: Any, context: tuple[dict[str, Any], ...] = (), attempt: int = 0, **request: Any) -> Answer | Failure:
    steps = [user(one) if isinstance(one, str) else one for one in given]
    request = {"model": "gemini-2.5-flash", **request}
    return Rules().answer(Turn(request, steps, list(context), Mint(1, "t"), attempt))


def answered(*given: Any, **request: Any) -> Answer:
    answer = ask(*given, **request)
    assert isinstance(answer, Answer)
    return answer


def text(answer: Answer) -> str:
    contents = [part for step in answer.steps if step["type"] == "model_output" for part in step["content"]]
    return "".join(part.get("text", "") for part in contents)


def called(answer: Answer) -> list[tuple[str, Any]]:
    return [(step["name"], step["arguments"]) for step in answer.steps if step["type"] == "function_call"]


STRING, NUMBER = {"type": "string"}, {"type": "number"}
WEATHER = function("get_weather", "Gets weather for a location", location=STRING)
TIME = function("get_time", "The local time of a city", city=STRING)


@pytest.mark.parametrize(
    ("told", "asked", "expected"),
    [
        ("My name is Alice", "What's my name?", "Your name is Alice."),
        ("Hi, I'm Bob and I like tea.", "Do you remember my name?", "Your name is Bob."),
        ("My favourite colour is dark blue.", "What is my favorite colour?", "Your favorite colour is dark blue."),
        ("Hello", "Who am I?", "You have not told me your name yet."),
    ],
)
def test_it_remembers_what_it_was_told(told: str, asked: str, expected: str) -> None:
    assert text(answered(asked, context=(user(told), model("Ok.")))) == expected
    assert text(answered(user(told), model("Ok."), user(asked))) == expected


def test_later_facts_win() -> None:
    assert "Carol" in text(answered("What's my name?", context=(user("My name is Bob"), user("My name is Carol"))))


@pytest.mark.parametrize(
    ("prompt", "tools", "expected"),
    [
        ("Weather?", [WEATHER], [("get_weather", {"location": "sample location"})]),
        ("What's the weather in Paris?", [WEATHER], [("get_weather", {"location": "Paris"})]),
        ("Weather in Paris, France", [WEATHER], [("get_weather", {"location": "Paris, France"})]),
        (
            "Weather in Paris and in New York?",
            [WEATHER],
            [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "New York"})],
        ),
        (
            "What is the weather in Paris and what time is it in Tokyo?",
            [TIME, WEATHER],
            [("get_time", {"city": "Paris"}), ("get_weather", {"location": "Tokyo"})],
        ),
        (
            "What's the total for $1,100.50 with 8% tax?",
            [WEATHER, function("calculate_price", "Calculate total price with tax", price=NUMBER, tax=NUMBER)],
            [("calculate_price", {"price": 1100.5, "tax": 8})],
        ),
        ("Hello!", [WEATHER], []),
        ("Do something with it", [function("frobnicate")], [("frobnicate", {})]),
    ],
)
def test_declared_functions_are_called(prompt: str, tools: list[Any], expected: list[Any]) -> None:
    answer = answered(prompt, tools=tools)
    assert called(answer) == expected
    assert answer.status == ("requires_action" if expected else "completed")


def test_an_unrelated_prompt_calls_no_function_once_one_was_called() -> None:
    before = (user("Weather in Paris?"), {"type": "function_call", "id": "a", "name": "get_weather", "arguments": {}})
    assert called(answered("Tell me a joke", tools=[WEATHER], context=before)) == []


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", []),
        ("any", ["get_weather"]),
        ({"allowed_tools": {"mode": "any", "tools": ["get_time"]}}, ["get_time"]),
    ],
)
def test_tool_choice_is_obeyed(choice: Any, expected: list[str]) -> None:
    answer = answered("Hello!", tools=[WEATHER, TIME], generation_config={"tool_choice": choice})
    assert [name for name, _ in called(answer)] == expected


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"temp": 20, "sky": "clear"}, "temp is 20, sky is clear"),
        ('{"temp": 20}', "temp is 20"),
        ("It rains", "It rains"),
        ([{"type": "text", "text": "It snows"}], "It snows"),
        (42, "42"),
        (None, "null"),
    ],
)
def test_results_are_used(result: Any, words: str) -> None:
    given = {"type": "function_result", "call_id": "a", "name": "get_weather", "result": result}
    answer = answered(given, tools=[WEATHER], context=(user("Weather in Paris?"),))
    assert words in text(answer)
    assert answer.status == "completed"


REVIEW = {
    "type": "object",
    "properties": {
        "sentiment": {"enum": ["positive", "negative", "neutral"], "type": "string"},
        "rating": {"type": "integer", "minimum": 3, "maximum": 5},
        "summary": {"type": "string", "maxLength": 10},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "minItems": 2},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
    },
    "required": ["sentiment", "rating", "summary"],
    "$defs": {"Tag": {"type": "object", "properties": {"name": STRING}, "required": ["name"]}},
}


@pytest.mark.parametrize(
    "request_fields",
    [
        {"response_format": REVIEW},
        {"response_format": {"type": "text", "mime_type": "application/json", "schema": REVIEW}},
        {"response_format": [{"type": "text", "mime_type": "application/json", "schema": REVIEW}]},
        {"response_format": REVIEW, "response_mime_type": "application/json"},
    ],
)
def test_every_form_of_response_format_gets_json(request_fields: dict[str, Any]) -> None:
    value = json.loads(text(answered("Review: This product is amazing!", **request_fields)))
    assert value["sentiment"] == "positive"
    assert 3 <= value["rating"] <= 5
    assert len(value["summary"]) <= 10
    assert len(value["tags"]) == 2
    assert all(isinstance(tag["name"], str) for tag in value["tags"])
    assert isinstance(value["note"], str)


def test_plain_text_formats_stay_text() -> None:
    said = text(answered("Explain the sea", response_format={"type": "text", "mime_type": "text/plain"}))
    assert said.startswith("The sea")
    assert json.loads(text(answered("Explain the sea", response_mime_type="application/json"))) == {}


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert isinstance(Filler("x").value(node), dict)
    assert Filler("x").value({"$ref": "#"}) == "sample text"
    assert isinstance(Filler("x").value({"type": "array", "prefixItems": [{"$ref": "#"}]}), list)
    bush = {"type": "object", "properties": {str(n): {"$ref": "#"} for n in range(20)}, "required": ["0", "1"]}
    assert len(json.dumps(Filler("x").value(bush))) < 1_000_000


@pytest.mark.parametrize(
    ("tool", "prompt", "kind", "argument"),
    [
        (
            "google_search",
            "Who won the 2024 Super Bowl?",
            "google_search",
            {"queries": ["Who won the 2024 Super Bowl"]},
        ),
        ("url_context", "Summarize https://example.org/a.", "url_context", {"urls": ["https://example.org/a"]}),
    ],
)
def test_server_tools_call_answer_and_cite(tool: str, prompt: str, kind: str, argument: Any) -> None:
    steps = answered(prompt, tools=[{"type": tool}]).steps
    _, call, result, output = steps
    assert (call["type"], result["type"]) == (f"{kind}_call", f"{kind}_result")
    assert call["arguments"] == argument
    assert result["call_id"] == call["id"]
    (content,) = output["content"]
    (citation,) = content["annotations"]
    cited = content["text"].encode()[citation["start_index"] : citation["end_index"]].decode()
    assert citation["type"] == "url_citation"
    assert cited
    assert citation["url"].startswith("https://")


@pytest.mark.parametrize(
    ("prompt", "result"),
    [("Calculate the 50th Fibonacci number", "12586269025"), ("What is 6 * 7?", "42"), ("Divide 1 / 0", "nan")],
)
def test_code_execution_computes(prompt: str, result: str) -> None:
    steps = answered(prompt, tools=[{"type": "code_execution"}]).steps
    (ran,) = [step for step in steps if step["type"] == "code_execution_result"]
    assert ran["result"] == f"{result}\n"


@pytest.mark.parametrize("tool", ["mcp_server", "google_maps", "file_search", "retrieval", "tool_search"])
def test_other_tools_get_an_answer(tool: str) -> None:
    answer = answered("Where is it?", tools=[{"type": tool, "name": "w"}])
    kind = {"mcp_server": "mcp_server_tool"}.get(tool, tool)
    assert [step["type"] for step in answer.steps[1:]] == [f"{kind}_call", f"{kind}_result", "model_output"]
    assert answer.status == "completed"
    assert text(answer)


def test_attachments_are_acknowledged() -> None:
    picture = {"type": "image", "data": base64.b64encode(b"12345").decode(), "mime_type": "image/png"}
    film = {"type": "video", "uri": "https://example.com/files/abc", "mime_type": "video/mp4"}
    said = text(answered(user("What's in this?", picture, film)))
    assert "image (image/png, 5 bytes)" in said
    assert "https://example.com/files/abc" in said


def test_image_output_is_a_real_png() -> None:
    asked = [{"response_modalities": ["IMAGE"]}, {"response_format": {"type": "image", "aspect_ratio": "1:1"}}]
    for fields in asked:
        (output,) = [s for s in answered("A sunset", **fields).steps if s["type"] == "model_output"]
        data = base64.b64decode(output["content"][0]["data"])
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", data[16:24])
        size = struct.unpack(">I", data[33:37])[0]
        assert len(zlib.decompress(data[41 : 41 + size])) == height * (1 + 3 * width)


def test_audio_output_is_a_real_wav() -> None:
    (output,) = [s for s in answered("Say hi", response_modalities=["audio"]).steps if s["type"] == "model_output"]
    data = base64.b64decode(output["content"][0]["data"])
    assert (data[:4], data[8:12]) == (b"RIFF", b"WAVE")
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8


@pytest.mark.parametrize(
    ("config", "summarised"),
    [
        ({}, False),
        ({"thinking_summaries": "auto"}, True),
        ({"thinking_level": "low"}, True),
        ({"thinking_level": "low", "thinking_summaries": "none"}, False),
    ],
)
def test_thoughts_are_signed_and_summarised_if_asked(config: dict[str, Any], summarised: bool) -> None:
    thought = answered("Explain the sea", generation_config=config).steps[0]
    assert thought["type"] == "thought"
    assert base64.b64decode(thought["signature"])
    assert ("summary" in thought) is summarised


def test_an_agent_thinks_searches_and_reports() -> None:
    answer = answered("Research AI trends", agent="deep-research-pro-preview-12-2025")
    kinds = [step["type"] for step in answer.steps]
    assert kinds.count("thought") > 2
    assert "google_search_call" in kinds
    assert answer.steps[-1]["content"][0]["annotations"]


def test_earlier_output_is_summarised_and_formatted() -> None:
    before = (user("Explain"), model("One thing. Another thing. A third thing. A fourth."))
    assert (
        text(answered("Summarize in 3 bullet points", context=before))
        == "- One thing.\n- Another thing.\n- A third thing."
    )
    assert text(answered("Format as markdown", context=before)).startswith("# Answer\n\n- One thing.")


def test_max_output_tokens_cuts_the_answer() -> None:
    answer = answered("Explain the sea", generation_config={"max_output_tokens": 3})
    assert (answer.status, len(text(answer))) == ("incomplete", 12)


def test_trouble_is_made_when_asked_for() -> None:
    assert ask("please fail with 429") == Failure(429)
    assert ask("Hi, please fail with 503 twice", attempt=1) == Failure(503)
    assert answered("Hi, please fail with 503 twice", attempt=2).status == "completed"
    failed = answered("Research it. Please fail the job", agent="a")
    assert (failed.status, failed.errors[0]["code"]) == ("failed", "internal_error")
    assert answered("please break the stream").breaks == "cut"
    assert answered("please send an error in the stream", stream=True).breaks == "error"
    refused = ask("please refuse")
    assert isinstance(refused, Failure)
    assert refused.code == "prohibited_content"
    assert answered("please refuse", stream=True).breaks == "refusal"
    assert answered("Explain it, please stop early").status == "incomplete"
    assert answered("please take 7 polls").polls == 7


def test_trouble_of_earlier_turns_is_over() -> None:
    answer = answered(user("please fail with 429"), model("Sorry."), user("Hi"))
    assert answer.status == "completed"


def test_documented_magic_words_all_work() -> None:
    nothing = trouble_in("please")
    assert all(trouble_in(f"Hello, {words}!") != nothing for words in MAGIC_WORDS)


def test_prompts_are_read() -> None:
    assert places("Weather in Paris, London and New York?") == ["Paris", "London", "New York"]
    assert facts("My name is Zoë. Call me Al") == {"name": "Zoë"}
