"""Whatever is asked, the engine answers; nothing raises."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.player.reply import Call
from tracer.player.rules import Rules
from tracer.player.state import Engine

TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "My name is Zoë",
            "What's my name?",
            "Weather in Paris and 3,000.5 more",
            "please fail with 429 once",
            "please fail the job",
            "please break the stream",
            "please refuse",
            "please need a continuation",
            "read https://[x and http://",
            "divide 1/0 and 9e9",
        ]
    ),
)
KEYS = st.text(max_size=8) | st.sampled_from(
    ["type", "content", "text", "data", "uri", "id", "call_id", "name", "result", "arguments", "allowed_tools", "tools"]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
SCHEMA_WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        "type properties items enum $ref anyOf allOf required minimum maximum minLength maxItems format const "
        "default multipleOf prefixItems minItems maxLength exclusiveMinimum",
    )
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    JSON | st.sampled_from(["object", "array", "string", "integer", "number", "null", "#", "#/properties/a"]),
    lambda inner: st.dictionaries(SCHEMA_WORDS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)
TOOLS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["function", "google_search", "url_context", "code_execution", "mcp_server", "retrieval"]
        )
    },
    optional={"name": TEXTS, "description": JSON, "parameters": SCHEMAS, "retrieval_types": JSON},
)
STEPS = st.fixed_dictionaries(
    {"type": st.sampled_from(["user_input", "model_output", "function_call", "function_result", "text", "image", "?"])},
    optional={"content": JSON, "text": JSON, "call_id": JSON, "id": JSON, "result": JSON, "data": JSON, "role": JSON},
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "model": st.just("gemini-2.5-flash") | JSON,
    "agent": JSON,
    "input": TEXTS | st.lists(STEPS, max_size=4) | JSON,
    "tools": st.lists(TOOLS, max_size=3) | JSON,
    "stream": st.booleans() | JSON,
    "background": st.booleans(),
    "store": st.booleans(),
    "response_format": SCHEMAS | st.fixed_dictionaries({"type": st.just("text"), "schema": SCHEMAS}),
    "response_mime_type": JSON,
    "response_modalities": JSON,
    "generation_config": st.fixed_dictionaries(
        {},
        optional={"max_output_tokens": JSON, "thinking_level": JSON, "tool_choice": JSON, "thinking_summaries": JSON},
    )
    | JSON,
    "agent_config": JSON,
    "service_tier": JSON,
    "system_instruction": JSON,
    "continuation_token": JSON,
}
BODIES = st.fixed_dictionaries(
    {"model": st.just("gemini-2.5-flash"), "input": FIELDS["input"]},
    optional={name: value for name, value in FIELDS.items() if name not in ("model", "input", "agent")},
) | st.fixed_dictionaries({}, optional=FIELDS)


@settings(max_examples=150, deadline=None)
@given(
    bodies=st.lists(BODIES.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=20), max_size=3),
    dialect=st.sampled_from(["auto", "steps", "outputs", "guide"]),
    query=st.lists(st.tuples(st.sampled_from(["stream", "include_input", "last_event_id"]), st.just("true"))),
)
def test_every_call_gets_a_reply(bodies: list[bytes], dialect: Any, query: list[tuple[str, str]]) -> None:
    engine = Engine(Rules(), dialect=dialect, seed=3)
    asked: list[Call] = []
    for body in bodies:
        created = engine.answer(Call("POST", "/v1/interactions", (), (), body), 1_795_338_000_000_000)
        asked.append(Call("POST", "/v1/interactions", (), (), body))
        assert 200 <= created.status < 600
        if dict(created.headers)["content-type"] == "application/json":
            interaction_id = json.loads(created.body).get("id", "v1_none")
            asked += [
                Call("GET", f"/v1/interactions/{interaction_id}", tuple(query)),
                Call("POST", f"/v1/interactions/{interaction_id}/cancel", body=body),
                Call("DELETE", f"/v1/interactions/{interaction_id}"),
            ]
        else:
            assert created.body.startswith(b"event: interaction.")
    for call in asked:
        reply = engine.answer(call, 1_795_338_000_000_000)
        assert 200 <= reply.status < 600
        assert dict(reply.headers)["content-type"] in ("application/json", "text/event-stream")


@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), path=st.text(max_size=60), body=st.binary())
def test_every_path_gets_a_reply(method: str, path: str, body: bytes) -> None:
    reply = Engine(Rules(), seed=3).answer(Call(method, path, (), (), body), 0)
    assert 200 <= reply.status < 600
    assert json.loads(reply.body)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    ["Aa", "A'a, ", "Aa,", "in Aa ", "my favorite color is ", "1,000", "https://a ", "A.a", " ", "I am ", "5*5"],
)
def test_a_long_prompt_without_structure_is_answered_all_the_same(piece: str) -> None:
    """Reading it takes time that grows with its length, not with its square: else this runs for minutes."""
    prompt = piece * (100_000 // len(piece))
    function = {"type": "function", "name": "f", "parameters": {"properties": {"city": {"type": "string"}}}}
    for more in ({"tools": [function]}, {"response_format": {"type": "object", "properties": {"city": {}}}}):
        body = json.dumps({"model": "m", "input": prompt, **more}).encode()
        reply = Engine(Rules(), seed=1).answer(Call("POST", "/v1/interactions", body=body), 0)
        assert reply.status == 200
