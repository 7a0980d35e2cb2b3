"""Wrong requests over a socket: every one gets an answer that says what is wrong, never a 500, a traceback or a hang.

`make badinput` sends 10,000 of them.
"""

from __future__ import annotations

import copy
import gzip
import http.client
import json
import logging
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracer.player.limits import GuideLimits
from tracer.player.rules import Rules
from tracer.player.script.model import Rule, Script
from tracer.player.script.source import Scripted
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.serve.server import Server

EXAMPLES = int(os.environ.get("TRACER_BAD_REQUESTS", "300"))
TIMEOUT_S = 60
"""A request that is not answered by then hangs."""

SCHEMA = {
    "type": "object",
    "properties": {"rating": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["rating"],
}
VERDICT = {
    "type": "object",
    "properties": {
        "is_safe": {"type": "boolean"},
        "categories": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "confidence": {"type": "number", "maximum": 1},
    },
}
FUNCTION = {"type": "function", "name": "get_weather", "description": "Weather of a place", "parameters": SCHEMA}
USER = {"type": "user_input", "content": [{"type": "text", "text": "Weather in Paris and Rome"}]}
SEEDS: list[dict[str, Any]] = [
    {"model": "gemini-2.5-flash", "input": "My name is Alice"},
    {"model": "gemini-2.5-flash", "input": "Tell me about the sea", "stream": True, "store": False},
    {
        "agent": "deep-research-pro-preview-12-2025",
        "input": "Research",
        "background": True,
        "agent_config": {"type": "d"},
    },
    {"model": "m", "input": [USER], "tools": [FUNCTION, {"type": "google_search"}], "generation_config": {"seed": 1}},
    {"model": "m", "input": [{"role": "user", "content": "a"}, {"role": "model", "content": [{"type": "text"}]}]},
    {
        "model": "m",
        "input": [{"type": "image", "data": "aGk=", "mime_type": "image/png"}, {"type": "text", "text": "?"}],
    },
    {"model": "m", "input": [{"type": "function_result", "call_id": "c", "name": "f", "result": {"t": 1}}]},
    {"model": "m", "input": "Rate 5", "response_format": {"type": "text", "schema": SCHEMA}, "stream": True},
    {"model": "m", "input": "Draw", "response_modalities": ["IMAGE"], "generation_config": {"max_output_tokens": 3}},
    {"model": "m", "continuation_token": "ct_x", "previous_interaction_id": "v1_x"},
    {"model": "m", "input": "https://example.com", "tools": [{"type": "mcp_server", "name": "s", "url": "u"}]},
    {
        "model": "gemini-3.5-flash", "input": "Open the clock and type 'noon'",
        "tools": [{"type": "computer_use", "environment": "mobile", "excluded_predefined_functions": ["click"]}],
    },
    {"model": "m", "input": "Weather in Rome", "tools": [{"type": "tool_search"}, {**FUNCTION, "defer_loading": True}]},
    {
        "model": "m", "input": "Weather in Rome",
        "tools": [
            {"type": "tool_search", "execution": "client", "name": "find", "parameters": SCHEMA},
            {**FUNCTION, "defer_loading": True},
        ],
    },
    {"model": "m", "input": "Moderate: I hate you", "response_format": VERDICT},
    {"id": "my-agent", "base_agent": "antigravity-preview-05-2026"},
    {"file": {"mime_type": "text/plain", "size_bytes": 5}},
]  # fmt: skip
ODD = st.sampled_from(
    [
        None, True, False, 0, -1, 1e308, -0.0, 2**70, "", "\x00", "\ud800", "a" * 20_000, [], {}, [[]], {"": None},
        [[[[[[[[[[]]]]]]]]]], {"type": None}, {"type": "text"}, ["text", 5], {"$ref": "#"}, {"anyOf": [{"$ref": "#"}]},
        "my my my my is is is " * 200, "https://" * 200, "9" * 5000, "(" * 1000, "Paris, " * 500, "a@" * 1000,
    ]
)  # fmt: skip
JSON: st.SearchStrategy[Any] = ODD | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        "/v1/interactions", "/v1beta/interactions", "/v1/projects/p/locations/l/interactions", "/x/v1/interactions",
        "/v1/interactions/{id}", "/v1/interactions/{id}/cancel", "/v1/interactions/{id}:cancel", "/v1/interactions/",
        "/v1/interactions/nothing", "/v1/interactions/%00%ff", "/v1/interactions/{id}/cancel/x", "/v1/agents",
        "/v1/agents/my-agent", "/upload/v1/files", "/v1/files", "/v1/files/{id}", "/_clock", "/", "//", "/v1/../v1",
    ]
)  # fmt: skip
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["stream", "last_event_id", "include_input", "key", "alt", "page_size", "upload_id", "advance"]
        ),
        st.sampled_from(["true", "false", "", "evt_002", "evt_999", "invalid", "-1", "9" * 400, "\x00", "é"]),
    ),
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-type", "content-encoding", "accept-encoding", "user-agent", "authorization", "x-goog-api-key"]
    ),
    st.sampled_from(
        [
            "application/json", "text/plain", "gzip", "br", "", "google-genai-sdk/1.75.0", "Bearer x", "invalid", "é",
            "a" * 5000, "google-genai-sdk/9" + "9" * 99, "application/json; charset=\xff",
        ]
    ),
    max_size=3,
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A request that the service would take, changed in up to three places, or broken as bytes."""
    root = {"body": copy.deepcopy(draw(st.sampled_from(SEEDS)))}
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(_places(root))))
        match draw(st.sampled_from(["replace", "replace", "delete", "wrap", "rename", "double"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(JSON))
            case "delete" if holder is not root:
                del holder[key]
            case "wrap":
                holder[key] = draw(st.sampled_from([[holder[key]], {"a": holder[key]}]))
            case "rename" if isinstance(holder, dict) and holder is not root:
                holder[draw(st.text(max_size=5))] = holder.pop(key)
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
    raw = json.dumps(root["body"]).encode()
    broken = draw(st.integers(0, 9))
    if broken == 0:
        return raw[: draw(st.integers(0, len(raw)))]
    if broken == 1:
        place = draw(st.integers(0, len(raw)))
        return raw[:place] + draw(st.binary(max_size=4)) + raw[place:]
    return (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf" + raw, b"[" * 100_000, b"1" * 6000, b"NaN"])) if broken == 2 else raw
    )


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


class Client:
    """Keeps a connection to a server, and the ids that the server gave out."""

    def __init__(self, server: Server) -> None:
        address = urlsplit(server.url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT_S)
        self.ids = ["v1_nothing"]

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        try:
            self._connection.request(method, path, body, headers)
            with self._connection.getresponse() as answer:
                packed = answer.headers["content-encoding"] == "gzip"
                content = gzip.decompress(answer.read()) if packed else answer.read()
                found = answer.status, answer.headers["content-type"] or "", content
        except (http.client.HTTPException, ConnectionError):
            self._connection.close()
            raise
        if found[1] == "application/json" and isinstance(value := json.loads(found[2]), dict) and "id" in value:
            self.ids = [*self.ids[-20:], str(value["id"])]
        return found

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module", params=["rules", "script"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    source: Any = Rules()
    if request.param == "script":
        some = Rule.model_validate({"when": {"matches": "a", "result": "f", "tool": "*"}, "then": {"structured": None}})
        source = GuideLimits(Scripted(Script(rules=[some]), source))
    with Server(Engine(source, seed=1, pace=Pace(0, 0)), compress=True) as server:
        client = Client(server)
        yield client
        client.close()


@settings(
    max_examples=EXAMPLES // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    method=st.sampled_from(["POST", "POST", "POST", "POST", "GET", "DELETE", "PUT", "PATCH", "OPTIONS", "X-ODD"]),
    path=PATHS | st.just("/v1/interactions"),
    query=QUERIES,
    headers=HEADERS,
    body=bodies(),
    chosen=st.integers(0, 20),
)
@pytest.mark.timeout(3600)
def test_a_wrong_request_is_answered(
    client: Client,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    chosen: int,
) -> None:
    caplog.clear()
    target = path.replace("{id}", quote(client.ids[chosen % len(client.ids)], safe=""))
    if query:
        target += "?" + "&".join(f"{name}={quote(value)}" for name, value in query)
    encoded = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}
    status, kind, answer = client.send(method, target, {"content-type": "application/json", **encoded}, body)
    assert status < 500, answer
    assert kind in ("application/json", "text/event-stream")
    if status >= 400:
        error = json.loads(answer)["error"]
        assert error["message"]
        assert b"Traceback" not in answer
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"input": "Hi"}, "Exactly one of 'model' and 'agent'"),
        ({"model": "m"}, "'input'"),
        ({"model": "m", "input": "Hi", "stream": "yes"}, "'stream'"),
        ({"model": "m", "input": [5]}, "'input[0]'"),
        ({"model": "m", "input": "Hi", "tools": [{"type": "x"}]}, "'tools[0]'"),
        ({"model": "m", "input": "Hi", "tools": [{"type": "function"}]}, "'name' at 'tools[0]'"),
        ({"model": ["m"], "input": "Hi"}, "'model'"),
        ({"model": "m", "input": "Hi", "generation_config": 5}, "'generation_config'"),
        ({"model": "m", "input": "Hi", "generation_config": {"temperature": "hot"}}, "'generation_config.temperature'"),
        ({"model": "m", "input": "Hi", "generation_config": {"max_output_tokens": 1.5}}, "max_output_tokens'"),
        ({"model": "m", "input": "Hi", "agent_config": []}, "'agent_config'"),
        ({"model": "m", "input": "Hi", "response_modalities": "image"}, "'response_modalities'"),
        ({"model": "m", "input": "Hi", "service_tier": 1}, "'service_tier'"),
        ({"model": "m", "input": "Hi", "labels": {"a": 1}}, "'labels'"),
        ({"model": "m", "input": "Hi", "inptu": "Hi"}, "'inptu'. Did you mean 'input'?"),
        (
            {"model": "m", "input": "Hi", "generation_config": {"presence_penalty": 1}},
            "'generation_config.presence_pen",
        ),
    ],
)
def test_the_field_that_is_wrong_is_named(client: Client, body: dict[str, Any], named: str) -> None:
    status, _, answer = client.send(
        "POST", "/v1/interactions", {"content-type": "application/json"}, json.dumps(body).encode()
    )
    assert status == 400
    assert named in json.loads(answer)["error"]["message"]
