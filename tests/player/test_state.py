"""The service's state, asked without a socket: life cycles, chains, streams, errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.player.reply import Call, Reply
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace, text_pieces
from tracer.wire.sse import SseParser

NOW = 1_795_338_000_000_000
LEGACY = (
    ("user-agent", "GeminiNextGenAPIClient/Python 1.75.0"),
    ("user-agent", "google-genai-sdk/1.75.0 gl-python/3.13"),
)
MODEL = {"model": "gemini-2.5-flash"}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


class Service:
    """An engine and the few calls that tests make."""

    def __init__(self, headers: tuple[tuple[str, str], ...] = (), **options: Any) -> None:
        self.engine = Engine(Rules(), **{"seed": 7, **options})
        self.headers = headers

    def call(self, method: str, path: str, body: Any = None, query: str = "", now_us: int = NOW) -> Reply:
        pairs = tuple(tuple(pair.split("=")) for pair in query.split("&") if pair)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.engine.answer(Call(method, path, pairs, self.headers, raw), now_us)

    def create(self, text: Any = "Hi", **fields: Any) -> dict[str, Any]:
        body = {**({} if "agent" in fields else MODEL), "input": text, **fields}
        return ok(self.call("POST", "/v1/interactions", body))

    def get(self, interaction_id: str, query: str = "", now_us: int = NOW) -> dict[str, Any]:
        return ok(self.call("GET", f"/v1/interactions/{interaction_id}", None, query, now_us))

    def events(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        return events(self.call("POST", "/v1/interactions", {**MODEL, **body, "stream": True}))


def ok(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    assert dict(reply.headers)["content-type"] == "application/json"
    return json.loads(reply.body)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["error"]["code"]


def events(reply: Reply) -> list[dict[str, Any]]:
    assert dict(reply.headers)["content-type"] == "text/event-stream"
    parsed = SseParser().feed(reply.body)
    assert (parsed[-1].name, parsed[-1].data) == ("done", "[DONE]")
    payloads = [json.loads(event.data) for event in parsed[:-1]]
    assert [event.name for event in parsed[:-1]] == [payload["event_type"] for payload in payloads]
    return payloads


def text(interaction: dict[str, Any]) -> str:
    parts = [part for step in interaction["steps"] if step["type"] == "model_output" for part in step["content"]]
    return "".join(part["text"] for part in parts if part["type"] == "text")


def calls(interaction: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in interaction["steps"] if step["type"] == "function_call"]


def test_same_seed_and_calls_give_the_same_bytes() -> None:
    def session(seed: int) -> list[bytes]:
        service = Service(seed=seed)
        first = service.create("My name is Alice")
        tool = service.create("Weather in Paris?", tools=[WEATHER], previous_interaction_id=first["id"])
        stream = service.call("POST", "/v1/interactions", {**MODEL, "input": "Tell me a story", "stream": True})
        job = service.create("Research", agent="deep-research-pro-preview-12-2025", background=True)
        polls = [json.dumps(service.get(job["id"])).encode() for _ in range(4)]
        return [json.dumps(first).encode(), json.dumps(tool).encode(), stream.body, json.dumps(job).encode(), *polls]

    assert session(1) == session(1)
    assert not set(session(1)) & set(session(2))


def test_ids_have_the_structure_of_real_ones() -> None:
    service = Service()
    first = service.create()
    second = service.create(previous_interaction_id=first["id"])

    def parts(interaction_id: str) -> list[str]:
        raw = base64.urlsafe_b64decode(interaction_id.removeprefix("v1_") + "==")
        assert (raw[0], raw[2 + raw[1]]) == (0x0A, 0x12)
        return [raw[2 : 2 + raw[1]].decode(), raw[4 + raw[1] :].decode()]

    root, own = parts(first["id"])
    assert root == own
    assert parts(second["id"])[0] == root
    assert parts(second["id"])[1] != root
    assert int.from_bytes(base64.urlsafe_b64decode(own + "==")[:4], "little") == NOW // 1_000_000


@pytest.mark.parametrize(
    "path",
    [
        "/v1/interactions",
        "/v1beta/interactions",
        "/v1alpha2/interactions",
        "/some/gateway/v1/interactions",
        "/v1beta1/projects/p/locations/global/interactions",
    ],
)
def test_every_path_form_reaches_the_same_state(path: str) -> None:
    service = Service()
    created = ok(service.call("POST", path, {**MODEL, "input": "Hi"}))
    assert service.get(created["id"])["status"] == "completed"
    assert ok(service.call("DELETE", f"{path}/{created['id']}")) == {}
    assert error(service.call("GET", f"{path}/{created['id']}")) == (404, "not_found")
    assert error(service.call("DELETE", f"{path}/{created['id']}")) == (404, "not_found")


def test_chain_remembers_and_counts_the_cached_part() -> None:
    service = Service()
    first = service.create("My name is Alice")
    second = service.create("What's my name?", previous_interaction_id=first["id"])
    assert text(second) == "Your name is Alice."
    assert second["previous_interaction_id"] == first["id"]
    assert first["usage"]["total_cached_tokens"] == 0
    assert 0 < second["usage"]["total_cached_tokens"] < second["usage"]["total_input_tokens"]
    forked = service.create("What's my name?", previous_interaction_id=first["id"])
    assert forked["id"] != second["id"]


def test_usage_adds_up() -> None:
    usage = Service().create("Who won?", tools=[{"type": "google_search"}])["usage"]
    parts = ("input", "output", "thought", "tool_use")
    assert usage["total_tokens"] == sum(usage[f"total_{part}_tokens"] for part in parts)
    assert min(usage[f"total_{part}_tokens"] for part in parts) > 0
    assert usage["grounding_tool_count"] == [{"type": "google_search", "count": 1}]


def test_a_turn_survives_the_deletion_of_its_parent() -> None:
    service = Service()
    first = service.create("My name is Alice")
    second = service.create("Hello", previous_interaction_id=first["id"])
    service.call("DELETE", f"/v1/interactions/{first['id']}")
    assert error(
        service.call("POST", "/v1/interactions", {**MODEL, "input": "x", "previous_interaction_id": first["id"]})
    ) == (404, "not_found")
    assert "Alice" in text(service.create("What's my name?", previous_interaction_id=second["id"]))


def test_get_answers_the_timeline_and_the_input_if_asked() -> None:
    service = Service()
    created = service.create("Hi")
    said = {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}
    assert service.get(created["id"], "stream=false")["steps"] == [said, *created["steps"]]
    assert "input" not in service.get(created["id"])
    assert service.get(created["id"], "include_input=true&stream=false")["input"] == [said]


def test_store_false_leaves_nothing_behind() -> None:
    service = Service()
    created = service.create("Hi", store=False)
    assert "id" not in created
    started = service.events({"input": "Hi", "store": False})
    assert started[0]["interaction"]["id"] == ""
    assert started[-1]["interaction"]["id"] == ""
    assert error(service.call("GET", "/v1/interactions/")) == (404, 404)


def test_background_job_progresses_with_its_polls() -> None:
    service = Service()
    job = service.create("Research it", agent="deep-research-pro-preview-12-2025", background=True)
    assert job["status"] == "in_progress"
    assert not {"steps", "outputs", "usage", "model"} & job.keys()
    polls = [service.get(job["id"]) for _ in range(4)]
    assert [poll["status"] for poll in polls] == ["in_progress", "in_progress", "completed", "completed"]
    thoughts = [[step["type"] for step in poll["steps"]].count("thought") for poll in polls]
    assert 0 < thoughts[0] < thoughts[1] < thoughts[2] == thoughts[3]
    assert "usage" not in polls[1]
    assert text(polls[2]).startswith("# Report: Research it")


def test_chaining_to_a_running_job_waits_for_it() -> None:
    service = Service()
    job = service.create("Research AI trends", agent="deep-research-pro-preview-12-2025", background=True)
    summary = service.create("Summarize in 3 bullet points", previous_interaction_id=job["id"])
    assert text(summary).count("- ") == 3
    assert service.get(job["id"])["status"] == "completed"


@pytest.mark.parametrize("ending", ["/cancel", ":cancel"])
def test_cancel_stops_a_running_job_only(ending: str) -> None:
    service = Service()
    job = service.create("Research", agent="a", background=True)
    path = f"/v1/interactions/{job['id']}{ending}"
    assert ok(service.call("POST", path))["status"] == "cancelled"
    assert [service.get(job["id"])["status"] for _ in range(4)] == ["cancelled"] * 4
    done = service.create("Research", agent="a", background=True)
    for _ in range(3):
        service.get(done["id"])
    assert ok(service.call("POST", f"/v1/interactions/{done['id']}{ending}"))["status"] == "completed"
    plain = service.create()
    assert error(service.call("POST", f"/v1/interactions/{plain['id']}{ending}")) == (400, "failed_precondition")


def test_stream_has_the_events_of_the_service_in_order() -> None:
    happened = Service().events({"input": "Tell me about the sea", "generation_config": {"thinking_summaries": "auto"}})
    names = [event["event_type"] for event in happened]
    assert names[:3] == ["interaction.created", "interaction.status_update", "step.start"]
    assert names[-2:] == ["step.stop", "interaction.completed"]
    deltas = [event["delta"] for event in happened if event["event_type"] == "step.delta"]
    assert [delta["type"] for delta in deltas[:2]] == ["thought_summary", "thought_signature"]
    assert len([delta for delta in deltas if delta["type"] == "text"]) > 5
    assert "steps" not in happened[-1]["interaction"]
    assert happened[-1]["interaction"]["usage"]["total_tokens"] > 0
    assert len({event["event_id"] for event in happened}) == len(happened)


def test_stream_says_what_the_body_says() -> None:
    body = {"input": "Weather in Paris and in San Francisco?", "tools": [WEATHER]}
    whole = Service().create(body["input"], tools=[WEATHER])
    happened = Service().events(body)
    fragments: dict[int, str] = {}
    for event in happened:
        if event["event_type"] == "step.delta" and event["delta"]["type"] == "arguments_delta":
            fragments[event["index"]] = fragments.get(event["index"], "") + event["delta"]["arguments"]
    assert [json.loads(joined) for joined in fragments.values()] == [call["arguments"] for call in calls(whole)]
    assert len([1 for event in happened if event.get("delta", {}).get("type") == "arguments_delta"]) > len(fragments)
    assert happened[-1]["interaction"]["status"] == whole["status"] == "requires_action"
    assert happened[-1]["interaction"]["usage"] == whole["usage"]


def test_resume_sends_what_follows_an_event() -> None:
    service = Service()
    happened = service.events({"input": "Tell me about the sea"})
    path = f"/v1/interactions/{happened[0]['interaction']['id']}"
    again = service.call("GET", path, None, "stream=true")
    assert events(again) == happened
    rest = service.call("GET", path, None, f"stream=true&last_event_id={happened[6]['event_id']}")
    assert events(rest) == happened[7:]
    refused = service.call("GET", path, None, "stream=true&last_event_id=nope")
    assert error(refused) == (400, "invalid_request")


def test_a_broken_stream_can_be_resumed() -> None:
    service = Service()
    body = {**MODEL, "input": "Tell me about the sea, please break the stream", "stream": True}
    broken = service.call("POST", "/v1/interactions", body)
    assert broken.cut
    received = [json.loads(event.data) for event in SseParser().feed(broken.body)]
    path = f"/v1/interactions/{received[0]['interaction']['id']}"
    rest = events(service.call("GET", path, None, f"stream=true&last_event_id={received[-1]['event_id']}"))
    whole = service.call("GET", path, None, "stream=true")
    assert not whole.cut
    assert received + rest == events(whole)
    assert service.get(path.rpartition("/")[2])["status"] == "completed"


def test_refusal_in_a_stream_is_a_bare_line() -> None:
    body = {**MODEL, "input": "Hi, please refuse", "stream": True}
    parsed = SseParser().feed(Service().call("POST", "/v1/interactions", body).body)
    assert [event.name for event in parsed] == ["interaction.created", "interaction.status_update", None]
    assert parsed[-1].bare
    assert json.loads(parsed[-1].data)["error"]["code"] == "prohibited_content"


@pytest.mark.parametrize("headers", [(), LEGACY])
def test_error_event_ends_a_stream_and_fails_the_interaction(headers: tuple[tuple[str, str], ...]) -> None:
    service = Service(headers)
    body = {**MODEL, "input": "Hi, please send an error in the stream", "stream": True}
    parsed = SseParser().feed(service.call("POST", "/v1/interactions", body).body)
    first, last = json.loads(parsed[0].data), json.loads(parsed[-1].data)
    assert (last["event_type"], last["error"]["code"]) == ("error", "internal_error")
    got = service.get(first["interaction"]["id"])
    assert (got["status"], got["errors"][0]["code"]) == ("failed", "internal_error")


def test_a_job_that_is_streamed_from_the_start_can_be_left_and_cancelled() -> None:
    service = Service()
    body = {"agent": "a", "input": "Research", "background": True, "stream": True}
    happened = events(service.call("POST", "/v1/interactions", body))
    path = f"/v1/interactions/{happened[0]['interaction']['id']}"
    assert ok(service.call("POST", f"{path}/cancel"))["status"] == "cancelled"
    assert events(service.call("GET", path, None, "stream=true"))[-1]["interaction"]["status"] == "cancelled"


def test_a_job_fails_when_its_prompt_asks_for_it() -> None:
    service = Service()
    job = service.create("Research it. Please fail the job, please take 2 polls", agent="a", background=True)
    assert [service.get(job["id"])["status"] for _ in range(2)] == ["in_progress", "failed"]
    assert service.get(job["id"])["errors"][0]["code"] == "internal_error"
    guide = Service(dialect="guide").create("please fail the job")
    assert guide["error"] == guide["errors"][0]


def test_retries_of_a_failing_request_succeed_in_the_end() -> None:
    service = Service()
    body = {**MODEL, "input": "Hi, please fail with 503 twice"}
    statuses = [service.call("POST", "/v1/interactions", body).status for _ in range(4)]
    assert statuses == [503, 503, 200, 503]


@given(st.text())
def test_pieces_of_a_text_join_to_it(text: str) -> None:
    assert "".join(text_pieces(text)) == text


def test_streaming_a_background_job_lets_it_finish_when_everything_was_sent() -> None:
    service = Service(pace=Pace(1_000, 1_000))
    job = service.create("Research", agent="a", background=True)
    reply = service.call("GET", f"/v1/interactions/{job['id']}", None, "stream=true")
    assert events(reply)[-1]["interaction"]["status"] == "completed"
    took = sum(chunk.delay_us for chunk in reply.chunks)
    assert service.get(job["id"], now_us=NOW + took - 1)["status"] == "in_progress"
    assert service.get(job["id"], now_us=NOW + took)["status"] == "completed"


def test_function_results_need_a_known_call() -> None:
    service = Service()
    asked = service.create("Weather in Paris?", tools=[WEATHER])
    (call,) = calls(asked)
    result = {"type": "function_result", "call_id": call["id"], "name": "get_weather", "result": {"temp": 20}}
    answered = service.create([result], tools=[WEATHER], previous_interaction_id=asked["id"])
    assert answered["status"] == "completed"
    assert "temp is 20" in text(answered)
    for wrong in ({**result, "call_id": "nope"}, {key: value for key, value in result.items() if key != "call_id"}):
        body = {**MODEL, "input": [wrong], "previous_interaction_id": asked["id"]}
        assert error(service.call("POST", "/v1/interactions", body)) == (400, "invalid_request")
    unlinked = service.call("POST", "/v1/interactions", {**MODEL, "input": [result]})
    assert error(unlinked) == (400, "invalid_request")
    stateless = [{"type": "user_input", "content": "Weather in Paris?"}, call, result]
    assert "temp is 20" in text(service.create(stateless, store=False))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        ({"input": "Hi"}, "invalid_request"),
        ({**MODEL, "agent": "a", "input": "Hi"}, "invalid_request"),
        (MODEL, "invalid_request"),
        ({**MODEL, "input": []}, "invalid_request"),
        ({**MODEL, "input": [1]}, "invalid_request"),
        ({**MODEL, "input": "Hi", "stream": "yes"}, "invalid_request"),
        ({**MODEL, "input": "Hi", "tools": [{"type": "x"}]}, "invalid_request"),
        ({**MODEL, "input": "Hi", "tools": [{"name": "f"}]}, "invalid_request"),
        ({**MODEL, "input": "Hi", "store": False, "background": True}, "invalid_request"),
        ({**MODEL, "continuation_token": "nope"}, "invalid_request"),
    ],
)
def test_wrong_creates_are_refused(body: Any, code: Any) -> None:
    assert error(Service().call("POST", "/v1/interactions", body)) == (400, code)


def test_refusal_of_a_tool_names_the_value_and_the_place() -> None:
    body = {**MODEL, "input": "Hi", "tools": [{"type": "google_search"}, {"type": "x"}]}
    refused = json.loads(Service().call("POST", "/v1/interactions", body).body)
    assert refused["error"]["message"] == "The value 'x' is not supported for 'type' at 'tools[1]'."


def test_other_paths_and_keys_get_errors_in_the_google_form() -> None:
    unknown = json.loads(Service().call("POST", "/v1beta/models/m:generateContent", {}).body)["error"]
    assert (unknown["code"], unknown["status"]) == (404, "NOT_FOUND")
    refused = Service((("x-goog-api-key", "invalid"),)).call("POST", "/v1/interactions", {**MODEL, "input": "Hi"})
    assert json.loads(refused.body)["error"]["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("agent", "field"),
    [
        ("google-genai-sdk/1.75.0 gl-python/3.13.0", "outputs"),
        ("google-genai-sdk/1.52.0 gl-node/v22.1.0", "outputs"),
        ("google-genai-sdk/2.0.0 gl-python/3.13.0", "steps"),
        ("google-genai-sdk/10.0.0 gl-python/3.13.0", "steps"),
        ("litellm/1.106.2", "steps"),
    ],
)
def test_dialect_goes_by_the_user_agent(agent: str, field: str) -> None:
    assert field in Service((("User-Agent", agent),)).create()


def test_dialect_can_be_configured() -> None:
    assert "outputs" in Service(dialect="outputs").create()
    assert "steps" in Service(LEGACY, dialect="steps").create()
    guide = Service(dialect="guide").create("Hi", generation_config={"temperature": 1.0})
    assert guide["input"] == [{"type": "text", "text": "Hi"}]
    assert guide["usage"].keys() == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert (guide["stream"], guide["store"], guide["previous_interaction_id"]) == (False, True, None)
    assert guide["generation_config"] == {"temperature": 1.0}
    streamed = Service(dialect="guide").events({"input": "Hi", "tools": [WEATHER]})
    for told in (streamed[0]["interaction"], streamed[-1]["interaction"]):
        assert (told["stream"], told["tools"], told["background"]) == (True, [WEATHER], False)


def test_legacy_client_gets_legacy_words_throughout() -> None:
    service = Service(LEGACY)
    happened = service.events({"input": "Weather in Paris?", "tools": [WEATHER]})
    assert (happened[0]["event_type"], happened[-1]["event_type"]) == ("interaction.start", "interaction.complete")
    assert {event["event_type"] for event in happened[2:-1]} == {"content.start", "content.delta", "content.stop"}
    (delta,) = [e["delta"] for e in happened if e.get("delta", {}).get("type") == "function_call"]
    assert delta["arguments"] == {"location": "Paris"}
    got = service.get(happened[0]["interaction"]["id"], "include_input=true")
    assert got["input"] == [{"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]}]
    assert [output["type"] for output in got["outputs"]] == ["thought", "function_call"]
    resumed = service.call(
        "GET",
        f"/v1beta/interactions/{got['id']}",
        None,
        f"stream=true&last_event_id={happened[3]['event_id']}",
    )
    assert events(resumed) == happened[4:]


def test_continuation_token_goes_on() -> None:
    service = Service()
    first = service.create("Explain the sea, please need a continuation")
    assert first["status"] == "requires_continuation"
    body = {**MODEL, "continuation_token": first["continuation_token"], "previous_interaction_id": first["id"]}
    second = ok(service.call("POST", "/v1/interactions", body))
    assert second["status"] == "completed"


def test_files_are_uploaded_got_and_deleted() -> None:
    service = Service((("host", "127.0.0.1:9"), ("x-goog-upload-header-content-type", "text/plain")))
    start = service.call("POST", "/gw/upload/v1/files", {"file": {"display_name": "a.txt"}})
    url = dict(start.headers)["x-goog-upload-url"]
    assert url.startswith("http://127.0.0.1:9/gw/upload/v1/files?upload_id=")
    query = url.partition("?")[2]
    service.headers = (("x-goog-upload-command", "upload"),)
    assert dict(service.call("POST", "/gw/upload/v1/files", b"hel", query).headers)["x-goog-upload-status"] == "active"
    service.headers = (("x-goog-upload-command", "upload, finalize"),)
    file = ok(service.call("POST", "/gw/upload/v1/files", b"lo", query))["file"]
    assert (file["sizeBytes"], file["mimeType"], file["displayName"], file["state"]) == (
        "5",
        "text/plain",
        "a.txt",
        "ACTIVE",
    )
    assert ok(service.call("GET", f"/gw/v1/{file['name']}")) == file
    assert ok(service.call("GET", "/gw/v1/files"))["files"] == [file]
    assert ok(service.call("DELETE", f"/gw/v1/{file['name']}")) == {}
    assert error(service.call("GET", f"/gw/v1/{file['name']}")) == (404, "not_found")


def test_job_goes_on_when_its_stream_ends_early() -> None:
    service = Service()
    job = {"agent": "a", "input": "Research. Please end the stream early.", "background": True, "stream": True}
    reply = service.call("POST", "/v1/interactions", job)
    first = [json.loads(event.data) for event in SseParser().feed(reply.body)]
    assert not reply.cut
    assert first[-1]["event_type"] != "interaction.completed"
    interaction_id, later = first[0]["interaction"]["id"], NOW + 3_600_000_000
    assert service.get(interaction_id, now_us=later)["status"] == "in_progress"
    resumed = service.call(
        "GET", f"/v1/interactions/{interaction_id}", None, f"stream=true&last_event_id={first[-1]['event_id']}", later
    )
    rest = events(resumed)
    whole = events(service.call("GET", f"/v1/interactions/{interaction_id}", None, "stream=true", later))
    assert [*first, *rest] == whole
    assert rest[-1]["interaction"]["status"] == "completed"
    assert service.get(interaction_id, now_us=later + 60_000_000)["status"] == "completed"
