"""Scripts: which rule answers a turn, what it lets the service say, and how mistakes are told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tracer.errors import ScriptError
from tracer.player.reply import Call, Reply
from tracer.player.rules import Rules
from tracer.player.script.reader import read_script
from tracer.player.script.source import Scripted
from tracer.player.state import Engine
from tracer.wire.sse import SseParser

NOW = 1_795_338_000_000_000
FUNCTION = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PNG = base64.b64encode(b"picture").decode()


def files(name: str) -> bytes:
    if name != "pictures/cat.jpg":
        raise FileNotFoundError(2, "No such file or directory")
    return b"picture"


class Service:
    """An engine that goes by a script."""

    def __init__(self, script: str, read: Callable[[str], bytes] | None = files) -> None:
        self.engine = Engine(Scripted(read_script(script, "s.yaml", read), Rules()), seed=1)

    def call(self, method: str, path: str, body: Any = None, headers: Any = ()) -> Reply:
        raw = b"" if body is None else json.dumps(body).encode()
        return self.engine.answer(Call(method, path, (), headers, raw), NOW)

    def ask(self, text: Any = "Hi", headers: Any = (), **fields: Any) -> dict[str, Any]:
        body = {**({} if "agent" in fields else {"model": "gemini-2.5-flash"}), "input": text, **fields}
        reply = self.call("POST", "/v1/interactions", body, headers)
        return dict(json.loads(reply.body), http=reply.status, headers=dict(reply.headers))


def said(answer: dict[str, Any]) -> str:
    contents = [part for step in answer.get("steps", []) for part in step.get("content", [])]
    return "".join(part.get("text", "") for part in contents)


def rule(when: str, then: str = "yes") -> str:
    return f"rules:\n  - when: {when}\n    then: {then!r}\n  - then: no\n".replace("then: no", "then: 'no'")


RESULT = {"type": "function_result", "call_id": "c1", "result": {"temp": 20}}
CALL = {"type": "function_call", "id": "c1", "name": "get_weather", "arguments": {}}


@pytest.mark.parametrize(
    ("when", "fits", "misses"),
    [
        ("{model: gemini-2.5-*}", {}, {"model": "gemini-3-pro-preview"}),
        ("{model: [a, gemini-2.5-flash]}", {}, {"model": "b"}),
        ("{agent: deep-*}", {"agent": "deep-research-pro-preview-12-2025"}, {"agent": "antigravity"}),
        ("{contains: WEATHER}", {"text": "The weather?"}, {"text": "The time?"}),
        ("{contains: [weather, paris]}", {"text": "Weather in Paris"}, {"text": "Weather in Rome"}),
        ("weather", {"text": "Weather in Paris"}, {"text": "Time"}),
        (r"{matches: 'in \w+\?$'}", {"text": "Weather in Paris?"}, {"text": "in Paris? Or not"}),
        ("{tool: get_weather}", {"tools": [FUNCTION]}, {"tools": [{"type": "google_search"}]}),
        ("{tool: google_*}", {"tools": [{"type": "google_search"}]}, {"tools": [FUNCTION]}),
        ("{result: get_weather}", {"text": [CALL, RESULT]}, {"text": [{**CALL, "name": "x"}, RESULT]}),
        ("{result: get_weather}", {"text": [CALL, {**RESULT, "name": "get_weather"}]}, {"text": "get_weather"}),
        ("{header: {X-Test: 'a*'}}", {"headers": (("x-test", "abc"),)}, {"headers": (("x-test", "bc"),)}),
        ("{header: {x-test: a}}", {"headers": (("X-Test", "a"),)}, {}),
        ("{background: true}", {"background": True}, {}),
        ("{background: false}", {}, {"background": True}),
    ],
)
def test_when(when: str, fits: dict[str, Any], misses: dict[str, Any]) -> None:
    service = Service(rule(when))
    for asked, expected in ((fits, "yes"), (misses, "no")):
        answer = service.ask(**asked)
        if asked.get("background"):
            for _ in range(3):
                answer = json.loads(service.call("GET", f"/v1/interactions/{answer['id']}").body)
            answer["steps"] = answer["steps"][1:]
        assert said(answer) == expected


def test_turns_are_counted_along_the_chain_and_in_a_history() -> None:
    service = Service(rule("{turn: [2, 4]}"))
    chain = [service.ask()]
    for _ in range(3):
        chain.append(service.ask(previous_interaction_id=chain[-1]["id"]))
    assert [said(answer) for answer in chain] == ["no", "yes", "no", "yes"]
    user = {"type": "user_input", "content": [{"type": "text", "text": "a"}]}
    model = {"type": "model_output", "content": [{"type": "text", "text": "b"}]}
    assert said(service.ask([user, model, user])) == "yes"
    assert said(service.ask([user, model, user, model, user])) == "no"
    assert said(service.ask([user, user])) == "no"


def test_the_first_rule_that_fits_answers_as_often_as_it_may() -> None:
    service = Service("rules:\n- {then: once, times: 1}\n- {then: twice, times: 2}\n- {when: other, then: other}\n")
    assert [said(service.ask()) for _ in range(3)] == ["once", "twice", "twice"]
    assert "this emulator" not in said(service.ask("other things"))
    assert said(service.ask()) == "Hello! How can I help you today?"


def test_a_strict_script_refuses_what_no_rule_fits() -> None:
    answer = Service("strict: true\nrules:\n- {when: x, then: y}\n").ask("Hello")
    assert (answer["http"], answer["error"]["code"]) == (400, "no_rule_fits")
    assert answer["error"]["message"] == 'No rule of the script fits turn 1, "Hello".'


def test_what_a_pattern_found_goes_into_the_answer() -> None:
    script = r"""
rules:
  - when: {matches: 'from (?P<from>\w+) to (\w+)'}
    then:
      - text: "${from} -> ${2}, ${unknown} $5 of ${prompt}"
      - call: {name: book, arguments: {legs: [{to: "${2}"}]}}
"""
    text, call = Service(script).ask("Go from Rome to Oslo")["steps"]
    assert text["content"][0]["text"] == "Rome -> Oslo, ${unknown} $5 of Go from Rome to Oslo"
    assert call["arguments"] == {"legs": [{"to": "Oslo"}]}


STEPS: list[tuple[str, list[dict[str, Any]]]] = [
    ("Hello", [{"type": "model_output", "content": [{"type": "text", "text": "Hello"}]}]),
    (
        "{text: {text: Hello, annotations: [{type: url_citation, url: 'https://x.example'}]}}",
        [
            {
                "type": "model_output",
                "content": [
                    {
                        "type": "text",
                        "text": "Hello",
                        "annotations": [{"type": "url_citation", "url": "https://x.example"}],
                    }
                ],
            }
        ],
    ),
    (
        "{thought: {summary: [a, b], signature: c2ln}}",
        [
            {
                "type": "thought",
                "summary": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                "signature": "c2ln",
            }
        ],
    ),
    ("{thought: }", [{"type": "thought", "signature": "*"}]),
    (
        "{call: {name: f, arguments: {a: [1]}, id: c9}}",
        [{"type": "function_call", "id": "c9", "name": "f", "arguments": {"a": [1]}}],
    ),
    (
        "{call: get_weather}",
        [{"type": "function_call", "id": "*", "name": "get_weather", "arguments": {"location": "Paris"}}],
    ),
    ("{call: undeclared}", [{"type": "function_call", "id": "*", "name": "undeclared", "arguments": {}}]),
    (
        "{computer_use: {action: click_at, arguments: {x: 1, y: 2}}}",
        [{"type": "function_call", "id": "*", "name": "click_at", "arguments": {"x": 1, "y": 2}}],
    ),
    (
        "{json: {day: 2026-01-02, list: [1, null]}}",
        [
            {
                "type": "model_output",
                "content": [{"type": "text", "text": '{"day": "2026-01-02", "list": [1, null]}'}],
            }
        ],
    ),
    ("{json: null}", [{"type": "model_output", "content": [{"type": "text", "text": "null"}]}]),
    (
        "{image: pictures/cat.jpg}",
        [{"type": "model_output", "content": [{"type": "image", "mime_type": "image/jpeg", "data": PNG}]}],
    ),
    (
        f"{{document: {{data: {PNG}}}}}",
        [{"type": "model_output", "content": [{"type": "document", "mime_type": "application/pdf", "data": PNG}]}],
    ),
    (
        f"{{audio: !!binary {PNG}}}",
        [{"type": "model_output", "content": [{"type": "audio", "mime_type": "audio/wav", "data": PNG}]}],
    ),
    (
        "{video: {uri: 'https://x.example/v', mime_type: video/webm}}",
        [
            {
                "type": "model_output",
                "content": [{"type": "video", "mime_type": "video/webm", "uri": "https://x.example/v"}],
            }
        ],
    ),
    (
        "{google_search: {queries: [a, b], results: [{search_suggestions: c}], search_type: image_search}}",
        [
            {
                "type": "google_search_call",
                "id": "*",
                "arguments": {"queries": ["a", "b"]},
                "search_type": "image_search",
                "signature": "*",
            },
            {
                "type": "google_search_result",
                "call_id": "*",
                "result": [{"search_suggestions": "c"}],
                "is_error": False,
                "signature": "*",
            },
        ],
    ),
    (
        "{url_context: {urls: https://x.example, is_error: true}}",
        [
            {
                "type": "url_context_call",
                "id": "*",
                "arguments": {"urls": ["https://x.example"]},
                "signature": "*",
            },
            {
                "type": "url_context_result",
                "call_id": "*",
                "result": [{"url": "https://x.example", "status": "error"}],
                "is_error": True,
                "signature": "*",
            },
        ],
    ),
    (
        "{code_execution: {code: print(1), output: '1', id: e1}}",
        [
            {
                "type": "code_execution_call",
                "id": "e1",
                "arguments": {"language": "python", "code": "print(1)"},
                "signature": "*",
            },
            {"type": "code_execution_result", "call_id": "e1", "result": "1", "is_error": False, "signature": "*"},
        ],
    ),
    (
        "{google_maps: {queries: cafe, places: [{name: Cafe}], widget_context_token: t}}",
        [
            {"type": "google_maps_call", "id": "*", "arguments": {"queries": ["cafe"]}, "signature": "*"},
            {
                "type": "google_maps_result",
                "call_id": "*",
                "result": [{"places": [{"name": "Cafe"}], "widget_context_token": "t"}],
                "is_error": False,
                "signature": "*",
            },
        ],
    ),
    (
        "{file_search: }",
        [
            {"type": "file_search_call", "id": "*", "signature": "*"},
            {"type": "file_search_result", "call_id": "*", "is_error": False, "signature": "*"},
        ],
    ),
    (
        "{mcp: {server: s, name: n, arguments: {a: 1}, result: {ok: true}}}",
        [
            {
                "type": "mcp_server_tool_call",
                "id": "*",
                "arguments": {"a": 1},
                "name": "n",
                "server_name": "s",
                "signature": "*",
            },
            {
                "type": "mcp_server_tool_result",
                "call_id": "*",
                "result": {"ok": True},
                "name": "n",
                "server_name": "s",
                "is_error": False,
                "signature": "*",
            },
        ],
    ),
    (
        "{retrieval: q}",
        [
            {
                "type": "retrieval_call",
                "id": "*",
                "arguments": {"queries": ["q"]},
                "retrieval_type": "rag_store",
                "signature": "*",
            },
            {"type": "retrieval_result", "call_id": "*", "is_error": False, "signature": "*"},
        ],
    ),
    (
        "{tool_search: {function_names: f, functions: [{name: f}]}}",
        [
            {"type": "tool_search_call", "id": "*", "arguments": {"function_names": ["f"]}, "signature": "*"},
            {
                "type": "tool_search_result",
                "call_id": "*",
                "result": [{"name": "f"}],
                "is_error": False,
                "signature": "*",
            },
        ],
    ),
    (
        "{processing: }",
        [
            {"type": "processing_call", "id": "*", "signature": "*"},
            {"type": "processing_result", "call_id": "*", "is_error": False, "signature": "*"},
        ],
    ),
    ("{type: of_the_future, x: [1]}", [{"type": "of_the_future", "x": [1]}]),
]


def masked(steps: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # What is made up is a string that isn't empty; results refer to their calls.
    for step, wanted in zip(steps, expected, strict=True):
        for name in [name for name, value in wanted.items() if value == "*"]:
            assert isinstance(step[name], str)
            assert step[name]
    calls = [step["id"] for step in steps if "id" in step]
    assert all(step["call_id"] in calls for step in steps if "call_id" in step)
    return [
        {name: "*" if wanted.get(name) == "*" else value for name, value in step.items()}
        for step, wanted in zip(steps, expected, strict=True)
    ]


@pytest.mark.parametrize(("step", "expected"), STEPS, ids=[step for step, _ in STEPS])
def test_steps(step: str, expected: list[dict[str, Any]]) -> None:
    answer = Service(f"rules:\n  - then:\n    - {step}\n").ask("Weather in Paris", tools=[FUNCTION])
    assert masked(answer["steps"], expected) == expected
    calls = any(one["type"] == "function_call" for one in expected)
    assert answer["status"] == ("requires_action" if calls else "completed")


def test_every_step_streams_to_what_it_is() -> None:
    lines = "".join(f"    - {step}\n" for step, _ in STEPS)
    service = Service(f"rules:\n  - then:\n{lines}")
    whole = service.ask("Weather in Paris")["steps"]
    body = {"model": "m", "input": "Weather in Paris", "stream": True}
    reply = service.call("POST", "/v1/interactions", body)
    events = [json.loads(event.data) for event in SseParser().feed(reply.body)[:-1]]
    started = [event["step"]["type"] for event in events if event["event_type"] == "step.start"]
    assert started == [step["type"] for step in whole]


def test_contents_that_follow_each_other_are_one_message() -> None:
    script = "rules:\n- then: [a, {image: }, {thought: t}, b, {json: 1}]\n"
    kinds = [
        (step["type"], [part["type"] for part in step.get("content", [])]) for step in Service(script).ask()["steps"]
    ]
    assert kinds == [
        ("model_output", ["text", "image"]),
        ("thought", []),
        ("model_output", ["text", "text"]),
    ]


def test_samples_are_real_media() -> None:
    script = "rules:\n- then: [{image: }, {audio: }, {video: }, {document: }]\n"
    image, audio, video, document = Service(script).ask()["steps"][0]["content"]
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")
    assert base64.b64decode(audio["data"]).startswith(b"RIFF")
    assert video["uri"].startswith("https://")
    assert document["mime_type"] == "application/pdf"


def test_structured_output_satisfies_the_schema_that_was_asked_for() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "rating": {"type": "integer", "minimum": 3}},
        "required": ["city", "rating"],
    }
    wanted = {"type": "text", "mime_type": "application/json", "schema": schema}
    service = Service("rules:\n- then: {structured: {city: Oslo}}\n")
    assert json.loads(said(service.ask(response_format=wanted))) == {"city": "Oslo", "rating": 3}
    assert json.loads(said(service.ask())) == {"city": "Oslo"}


def test_errors_of_both_forms() -> None:
    script = """
rules:
  - {when: first, then: {error: {status: 429, retry_after: 2, headers: {X-A: b}, message: "wait ${prompt}"}}}
  - {when: second, then: {error: {status: 404, code: model_not_found, form: interactions}}}
  - {when: third, then: {error: {status: 503, form: google}}}
  - {when: fourth, then: {error: 400}}
"""
    service = Service(script)
    first = service.ask("first")
    assert (first["http"], first["headers"]["retry-after"], first["headers"]["x-a"]) == (429, "2", "b")
    assert first["error"] == {"code": "rate_limit_exceeded", "message": "wait first"}
    assert service.ask("second")["error"]["code"] == "model_not_found"
    third = service.ask("third")
    assert third["error"] == {
        "code": 503,
        "message": "The service is currently unavailable.",
        "status": "UNAVAILABLE",
    }
    assert service.ask("fourth")["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("status", ["incomplete", "budget_exceeded", "failed", "requires_action", "completed"])
def test_statuses(status: str) -> None:
    answer = Service(f"rules:\n- then: {{steps: [a], status: {status}}}\n").ask()
    assert (answer["status"], said(answer)) == (status, "a")
    assert bool(answer.get("errors")) is (status == "failed")


def test_a_continuation_is_answered_by_its_own_rule() -> None:
    script = """
rules:
  - {when: {continuation: true}, then: the rest}
  - {then: {steps: [the beginning], status: requires_continuation}}
"""
    service = Service(script)
    first = service.ask()
    token = {"continuation_token": first["continuation_token"], "previous_interaction_id": first["id"]}
    reply = service.call("POST", "/v1/interactions", {"model": "gemini-2.5-flash", **token})
    assert said(json.loads(reply.body)) == "the rest"


def test_a_failed_job_tells_why() -> None:
    script = "rules:\n- then: {steps: [a], errors: [{code: quota_exceeded, message: too much}, other], polls: 1}\n"
    service = Service(script)
    job = service.ask(background=True)
    done = json.loads(service.call("GET", f"/v1/interactions/{job['id']}").body)
    assert done["status"] == "failed"
    assert [error["code"] for error in done["errors"]] == ["quota_exceeded", "internal_error"]


def test_usage_is_as_told() -> None:
    assert Service("rules:\n- then: {steps: [a], usage: {input: 3, output: 4, cached: 2}}\n").ask()["usage"] == {
        "total_input_tokens": 3,
        "total_output_tokens": 4,
        "total_thought_tokens": 0,
        "total_cached_tokens": 2,
        "total_tool_use_tokens": 0,
        "total_tokens": 7,
    }


def test_pace_and_pieces() -> None:
    script = "rules:\n- then: {steps: [abcdefgh], delay_ms: 250, chunk_ms: 40, chunk_chars: 3}\n"
    service = Service(script)
    reply = service.call("POST", "/v1/interactions", {"model": "m", "input": "x", "stream": True})
    assert [chunk.delay_us for chunk in reply.chunks[:3]] == [250_000, 40_000, 40_000]
    events = [json.loads(event.data) for event in SseParser().feed(reply.body)[:-1]]
    assert [event["delta"]["text"] for event in events if event["event_type"] == "step.delta"] == ["abc", "def", "gh"]
    plain = service.call("POST", "/v1/interactions", {"model": "m", "input": "x"})
    assert plain.chunks[0].delay_us == 250_000


def test_a_stream_breaks_as_told() -> None:
    for how, cut in (("cut", True), ("error", False), ("refusal", False), ("pause", False)):
        service = Service(f"rules:\n- then: {{steps: [a b c d], breaks: {how}}}\n")
        reply = service.call("POST", "/v1/interactions", {"model": "m", "input": "x", "stream": True})
        assert reply.cut is cut
        assert b"[DONE]" not in reply.body
        assert b"interaction.completed" not in reply.body


def test_jobs_queue_and_take_their_time() -> None:
    service = Service("rules:\n- then: {steps: [a], queued: 2, polls: 1}\n")
    job = service.ask(background=True)
    seen = [json.loads(service.call("GET", f"/v1/interactions/{job['id']}").body)["status"] for _ in range(3)]
    assert [job["status"], *seen] == ["queued", "queued", "in_progress", "completed"]
    service = Service("rules:\n- then: {steps: [a], seconds: 1.5}\n")
    job = service.ask(background=True)
    call = Call("GET", f"/v1/interactions/{job['id']}")
    seen = [json.loads(service.engine.answer(call, NOW + us).body)["status"] for us in (0, 1_499_999, 1_500_000)]
    assert seen == ["in_progress", "in_progress", "completed"]


MISTAKES = [
    ("", "s.yaml is empty: a script begins with `rules:`"),
    ("- a", "s.yaml:1: expected a mapping that begins with `rules:`, got ['a']"),
    ("rules: 5", "s.yaml:1: rules: expected a list, got 5"),
    ("rules:\n  - then: [a\n", "s.yaml:3: this is not valid YAML: expected ',' or ']', but got '<stream end>'"),
    (
        "rules:\n- wen: {}\n  then: x",
        "s.yaml:2: rules[0].wen: 'wen' is not known here, did you mean 'when'; expected name",
    ),
    ("rules:\n- then: a\n- then:\n  - txt: b", "s.yaml:4: rules[1].then[0].txt: 'txt' is not known here, did you mean"),
    ("rules:\n- when:\n    model: a\n    turn: one\n  then: a", "s.yaml:4: rules[0].when.turn: expected a"),
    (
        "rules:\n- when: {turn: 0}\n  then: a",
        "s.yaml:2: rules[0].when.turn: expected greater than or equal to 1, got 0",
    ),
    (
        "rules:\n- when:\n    matches: (\n  then: a",
        "s.yaml:3: rules[0].when.matches: expected a regular expression, got",
    ),
    ("rules:\n- name: a", "s.yaml:2: rules[0]: 'then' is missing"),
    ("rules:\n- then: a\n  then: b", "s.yaml:3: expected 'then' once here, got it twice"),
    ("rules:\n- then:\n    status: broken", "s.yaml:3: rules[0].then.status: expected 'completed', 'requires_action'"),
    ("rules:\n- then: {error: 200}", "s.yaml:2: rules[0].then.error: expected greater than or equal to 400, got 200"),
    ("rules:\n- then: {steps: [a], error: 429}", "s.yaml:2: rules[0].then: expected steps or an error, got both"),
    ("rules:\n- then: {polls: 1, seconds: 2}", "s.yaml:2: rules[0].then: expected polls or seconds, got both"),
    (
        "rules:\n- then:\n    usage:\n      inptu: 5",
        "s.yaml:4: rules[0].then.usage.inptu: 'inptu' is no number of tokens",
    ),
    (
        "rules:\n- then:\n    usage: {input: x}",
        "s.yaml:3: rules[0].then.usage.input: expected a number of tokens, got 'x'",
    ),
    ("rules:\n- then:\n  - call: {}", "s.yaml:3: rules[0].then[0].call: 'name' is missing"),
    (
        "rules:\n- then:\n  - call:\n      name: a\n      arguments: 5",
        "s.yaml:5: rules[0].then[0].call.arguments: expected",
    ),
    ("rules:\n- then: [{text: a, thought: b}]", "s.yaml:2: rules[0].then[0]: expected one word such as `text: Hello`"),
    ("rules:\n- then:\n  - text: 5", "s.yaml:3: rules[0].then[0].text: expected a string, got 5"),
    ("rules:\n- then:\n  - image: no.png", "s.yaml:3: rules[0].then[0].image: expected a file that can be read, got"),
    (
        "rules:\n- then:\n  - image: {data: x, uri: y}",
        "s.yaml:3: rules[0].then[0].image: expected one of file, data and uri",
    ),
    ("rules:\n- then:\n  - image:\n      data: 'é'", "s.yaml:4: rules[0].then[0].image.data: expected base64, got 'é'"),
    (
        "rules:\n- then:\n  - json: {1: a}",
        "s.yaml:3: rules[0].then[0].json: expected names of fields to be strings, got 1",
    ),
    (
        "rules:\n- then:\n  - json: .nan",
        "s.yaml:3: rules[0].then[0].json: expected something that JSON can say, got nan",
    ),
    ("rules:\n- then: !!python/object:os.system {}", "s.yaml:2: this is not valid YAML: could not determine"),
    ("rules: &a [*a]", "s.yaml:1: rules[0]: expected a mapping of name, when, then or times"),
    ("rules: []\nstrict: maybe", "s.yaml:2: strict: expected a boolean"),
    ("rules:\n- {}\n- {}\n- {}", "s.yaml:2: rules[0]: 'then' is missing (2 more mistakes in it)"),
]


@pytest.mark.parametrize(("script", "sentence"), MISTAKES, ids=[script for script, _ in MISTAKES])
def test_mistakes_are_told_with_their_line_and_what_was_expected(script: str, sentence: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read_script(script, "s.yaml", files)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
