"""What surrounds the interactions of a service: keys, methods, content types, agents, retention, clocks, limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.player.limits import GuideLimits, TextFirst
from tracer.player.reply import Call, Reply
from tracer.player.rules import Rules
from tracer.player.state import Engine

NOW = 1_795_338_000_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
JSON = ("content-type", "application/json")
HI = {"model": "gemini-2.5-flash", "input": "Hi"}
JOB = {"agent": "deep-research-pro-preview-12-2025", "input": "Research the sea", "background": True}


def send(
    engine: Engine,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: tuple[tuple[str, str], ...] = (JSON,),
    query: tuple[tuple[str, str], ...] = (),
    now_us: int = NOW,
) -> Reply:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return engine.answer(Call(method, path, query, headers, raw), now_us)


def create(engine: Engine, body: Any, now_us: int = NOW) -> dict[str, Any]:
    reply = send(engine, "POST", "/v1/interactions", body, now_us=now_us)
    return dict(json.loads(reply.body), http=reply.status)


def get(engine: Engine, interaction_id: str, now_us: int = NOW) -> dict[str, Any]:
    reply = send(engine, "GET", f"/v1/interactions/{interaction_id}", now_us=now_us)
    return dict(json.loads(reply.body), http=reply.status)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, str(json.loads(reply.body)["error"]["message"])


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/interactions", "POST"),
        ("PUT", "/v1/interactions", "POST"),
        ("PATCH", "/v1beta/interactions/v1_a", "GET, DELETE"),
        ("GET", "/v1/interactions/v1_a/cancel", "POST"),
        ("DELETE", "/v1/interactions/v1_a:cancel", "POST"),
        ("PUT", "/v1beta1/projects/p/locations/l/interactions", "POST"),
        ("DELETE", "/v1/agents", "GET, POST"),
        ("POST", "/v1/files", "GET"),
        ("GET", "/upload/v1/files", "POST"),
    ],
)
def test_a_method_that_a_resource_does_not_know(method: str, path: str, allow: str) -> None:
    reply = send(Engine(Rules(), seed=1), method, path)
    assert reply.status == 405
    assert dict(reply.headers)["allow"] == allow


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/interactionsx", "/v1/interactions/a/b/c", "/upload/v1/files/x"])
def test_a_path_that_means_nothing(path: str) -> None:
    assert send(Engine(Rules(), seed=1), "POST", path).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("content-type", "text/plain"),), 415),
        ((("content-type", "application/x-www-form-urlencoded"),), 415),
        ((JSON, ("content-encoding", "br")), 415),
        ((("content-type", "application/json; charset=utf-8"),), 200),
        ((("Content-Type", "Application/JSON"),), 200),
        ((("content-type", "application/vnd.api+json"),), 200),
        ((), 200),
    ],
)
def test_content_types(headers: tuple[tuple[str, str], ...], status: int) -> None:
    assert send(Engine(Rules(), seed=1), "POST", "/v1/interactions", HI, headers=headers).status == status


@pytest.mark.parametrize(
    ("path", "headers", "query", "status"),
    [
        ("/v1/interactions", (), (), 403),
        ("/v1/interactions", (("authorization", "Basic eA=="),), (), 401),
        ("/v1beta1/projects/p/locations/l/interactions", (), (), 401),
        ("/v1beta1/projects/p/locations/l/interactions", (("authorization", "Bearer x"),), (), 200),
        ("/v1/interactions", (("x-goog-api-key", "mine"),), (), 200),
        ("/v1/interactions", (), (("key", "mine"),), 200),
        ("/v1/interactions", (("x-goog-api-key", "invalid"),), (), 400),
        ("/elsewhere", (), (), 403),
    ],
)
def test_a_key_can_be_demanded(path: str, headers: Any, query: Any, status: int) -> None:
    demanding = Engine(Rules(), seed=1, require_key=True)
    assert send(demanding, "POST", path, HI, headers=(JSON, *headers), query=query).status == status
    assert send(Engine(Rules(), seed=1), "POST", "/v1/interactions", HI).status == 200


def test_agents_are_listed_made_read_and_deleted() -> None:
    engine = Engine(Rules(), seed=1)
    mine = {"id": "customer-sentinel", "base_agent": "antigravity-preview-05-2026", "description": "Watches"}
    assert json.loads(send(engine, "POST", "/v1/agents", mine).body) == mine
    assert error(send(engine, "POST", "/v1/agents", mine)) == (409, "Agent 'customer-sentinel' exists already.")
    listed = json.loads(send(engine, "GET", "/v1/agents").body)["agents"]
    assert listed[0]["id"] == "deep-research-pro-preview-12-2025"
    assert listed[-1] == mine
    assert json.loads(send(engine, "GET", "/v1/agents/customer-sentinel").body) == mine
    assert send(engine, "DELETE", "/v1/agents/customer-sentinel").status == 200
    assert send(engine, "GET", "/v1/agents/customer-sentinel").status == 404
    assert create(engine, {"agent": "customer-sentinel", "input": "Watch"})["agent"] == "customer-sentinel"


def test_agents_come_in_pages() -> None:
    engine = Engine(Rules(), seed=1)
    first = json.loads(send(engine, "GET", "/v1/agents", query=(("page_size", "2"),)).body)
    token = ("page_token", first["next_page_token"])
    second = json.loads(send(engine, "GET", "/v1/agents", query=(("page_size", "2"), token)).body)
    assert (len(first["agents"]), len(second["agents"])) == (2, 1)
    assert "next_page_token" not in second
    assert send(engine, "GET", "/v1/agents", query=(("page_size", "-1"),)).status == 400
    assert send(engine, "POST", "/v1/agents", {"id": "../x"}).status == 400
    assert send(engine, "POST", "/v1/agents", b"[").status == 400


def test_what_is_kept_is_forgotten_after_its_time() -> None:
    engine = Engine(Rules(), seed=1, retention_us=DAY)
    first = create(engine, HI)
    second = create(engine, {**HI, "previous_interaction_id": first["id"]}, NOW + DAY - 1)
    assert get(engine, first["id"], NOW + DAY - 1)["http"] == 200
    assert get(engine, first["id"], NOW + DAY)["http"] == 404
    late = create(engine, {**HI, "previous_interaction_id": first["id"]}, NOW + DAY)
    assert (late["http"], late["error"]["code"]) == (404, "not_found")
    assert get(engine, second["id"], NOW + DAY)["status"] == "completed"


def test_what_is_kept_stays_without_a_retention() -> None:
    engine = Engine(Rules(), seed=1)
    assert get(engine, create(engine, HI)["id"], NOW + 1000 * DAY)["http"] == 200


def test_a_job_by_the_clock_is_done_when_its_time_is_over_however_often_it_is_asked_for() -> None:
    engine = Engine(Rules(), seed=1, job_us=10 * SECOND)
    job = create(engine, JOB)
    seen = [get(engine, job["id"], NOW + n * SECOND) for n in range(11)]
    assert [one["status"] for one in seen] == ["in_progress"] * 10 + ["completed"]
    lengths = [len(one["steps"]) for one in seen]
    assert lengths == sorted(lengths)
    assert lengths[1] < lengths[8] < lengths[10]
    assert seen[-1]["updated"] == "2026-11-22T09:00:10Z"


def test_a_job_waits_in_the_queue_first() -> None:
    asked = {**JOB, "input": "Research the sea, please wait in the queue"}
    engine = Engine(Rules(), seed=1)
    job = create(engine, asked)
    seen = [job["status"], *(get(engine, job["id"])["status"] for _ in range(4))]
    assert seen == ["queued", "in_progress", "in_progress", "in_progress", "completed"]
    clocked = Engine(Rules(), seed=1, job_us=10 * SECOND)
    job = create(clocked, asked)
    seen = [job["status"], *(get(clocked, job["id"], NOW + n * SECOND)["status"] for n in (1, 2, 9, 10))]
    assert seen == ["queued", "queued", "in_progress", "in_progress", "completed"]


@pytest.mark.parametrize(
    "more",
    [{"input": "Hi, please exceed the budget"}, {"agent_config": {"type": "antigravity", "max_total_tokens": "20"}}],
)
def test_a_budget_that_is_used_up(more: dict[str, Any]) -> None:
    engine = Engine(Rules(), seed=1)
    assert (
        create(engine, {"agent": "antigravity-preview-05-2026", "input": "Go", **more})["status"] == "budget_exceeded"
    )


def test_a_budget_that_lasts() -> None:
    config = {"type": "antigravity", "max_total_tokens": 100_000}
    asked = {"agent": "antigravity-preview-05-2026", "input": "Go", "agent_config": config}
    assert create(Engine(Rules(), seed=1), asked)["status"] == "completed"


def tool(kind: str) -> dict[str, Any]:
    named = {"name": "get_weather"} if kind == "function" else {"name": "w", "url": "https://x.example/mcp"}
    return {"type": kind, **(named if kind in ("function", "mcp_server") else {})}


@pytest.mark.parametrize(
    ("model", "kinds", "message"),
    [
        ("gemini-2.5-pro", ["google_maps"], "Grounding with Google Maps is not supported yet"),
        ("gemini-2.5-pro", ["computer_use"], "Computer use is not supported yet"),
        (
            "gemini-2.5-pro",
            ["function", "google_search"],
            "Tools of several kinds can't be mixed in one interaction yet: built-in tools, function calling.",
        ),
        (
            "gemini-2.5-pro",
            ["mcp_server", "function"],
            "Tools of several kinds can't be mixed in one interaction yet: MCP, function calling.",
        ),
        ("gemini-3-pro-preview", ["mcp_server"], "Remote MCP is not supported by 'gemini-3-pro-preview' yet."),
    ],
)
def test_limits_of_the_guide(model: str, kinds: list[str], message: str) -> None:
    asked = {"model": model, "input": "Hi", "tools": [tool(kind) for kind in kinds]}
    limited = create(Engine(GuideLimits(Rules()), seed=1), asked)
    assert limited["http"] == 400
    assert limited["error"]["message"].startswith(message)
    assert create(Engine(Rules(), seed=1), asked)["http"] == 200


@pytest.mark.parametrize(
    "kinds", [["google_search", "url_context", "code_execution"], ["function"], ["mcp_server"], []]
)
@pytest.mark.parametrize(
    "model",
    [
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gemini-3-pro-preview",
        "gemini-3-pro-image-preview",
        "deep-research-pro-preview-12-2025",
    ],
)
def test_every_model_and_agent_of_the_guide_answers_within_its_limits(model: str, kinds: list[str]) -> None:
    who = "agent" if model.startswith("deep") else "model"
    asked = {who: model, "input": "Summarize https://example.com", "tools": [tool(kind) for kind in kinds]}
    done = create(Engine(GuideLimits(Rules()), seed=1), asked)
    if model.startswith("gemini-3") and kinds == ["mcp_server"]:
        assert done["http"] == 400
        return
    assert done["status"] == ("requires_action" if kinds == ["function"] and who == "model" else "completed")
    assert done[who] == model


def test_text_may_stand_before_the_tool_it_is_about() -> None:
    asked = {"model": "gemini-2.5-flash", "input": "Who won?", "tools": [{"type": "google_search"}]}
    kinds = [step["type"] for step in create(Engine(TextFirst(Rules()), seed=1), asked)["steps"]]
    assert kinds == ["thought", "model_output", "google_search_call", "google_search_result"]
    plain = [step["type"] for step in create(Engine(TextFirst(Rules()), seed=1), HI)["steps"]]
    assert plain == ["thought", "model_output"]
