"""What was not asked when it was recorded is answered from the state that the recordings tell."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tracer.errors import ReplayMiss
from tracer.player.matching import IdMap
from tracer.player.reply import Call, Reply
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.player.tape import Tape
from tracer.testing import answer, exchange, text_stream
from tracer.wire import sse
from tracer.wire.exchange import Exchange, Outcome

CREATE = {"model": "gemini-3.5-flash", "input": "My name is Zoë."}
JOB = {"agent": "deep-research-pro-preview-12-2025", "input": "Dig.", "background": True}
SDK = {"steps": "google-genai-sdk/3.4.0", "outputs": "google-genai-sdk/1.75.0"}


def call(method: str = "GET", of: str = "", query: tuple[tuple[str, str], ...] = (), body: Any = None) -> Call:
    path = f"/v1beta/interactions{of}"
    return Call(method, path, query, (), b"" if body is None else json.dumps(body).encode())


def body(reply: Reply) -> Any:
    return json.loads(reply.body)


class Service:
    """The emulator, and the exchanges of what it was asked."""

    def __init__(self, dialect: str = "steps") -> None:
        self._engine = Engine(Rules(), seed=5, pace=Pace(0, 0))
        self._headers = (("x-goog-api-client", SDK[dialect]), ("content-type", "application/json"))
        self.exchanges: list[Exchange] = []

    def ask(self, asked: Call) -> Reply:
        asked = Call(asked.method, asked.path, asked.query, self._headers, asked.body)
        reply = self._engine.answer(asked, 1_795_338_000_000_000)
        made = exchange(
            None,
            reply.body,
            method=asked.method,
            path=asked.path,
            query=asked.query,
            request_headers=asked.headers,
            response_headers=reply.headers,
            status=reply.status,
            at_us=1_795_338_000_000_000 + len(self.exchanges),
            outcome=Outcome.CUT if reply.cut else Outcome.COMPLETE,
        )
        self.exchanges.append(replace(made, request_body=asked.body))
        return reply

    def tape(self, **more: Any) -> Tape:
        return Tape(self.exchanges, **more)


@pytest.mark.parametrize("dialect", ["steps", "outputs"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("query", [(), (("include_input", "true"),)])
def test_get_is_what_the_service_says(dialect: str, stream: bool, query: tuple[tuple[str, str], ...]) -> None:
    service = Service(dialect)
    asked = call("POST", body={**CREATE, "stream": stream})
    service.ask(asked)
    tape = service.tape()
    tape.answer(asked, 0)
    (name,) = {text for text in str(service.exchanges[0].response_body).split('"') if text.startswith("v1_")}
    expected = body(service.ask(call(of=f"/{name}", query=query)))
    found = body(tape.answer(call(of=f"/{name}", query=query), 0))
    # A stream's last event has no times.
    assert {**found, "created": 0, "updated": 0, "service_tier": 0} == {
        **expected,
        "created": 0,
        "updated": 0,
        "service_tier": 0,
    }


def test_finished_job_is_got_with_its_input_and_streamed() -> None:
    service = Service()
    asked = call("POST", body=JOB)
    name = body(service.ask(asked))["id"]
    for _ in range(3):
        service.ask(call(of=f"/{name}"))
    tape = service.tape(polls="as_recorded")
    tape.answer(asked, 0)
    with_input = body(tape.answer(call(of=f"/{name}", query=(("include_input", "true"),)), 0))
    assert with_input["status"] == "completed"
    assert with_input["input"][0]["content"][0]["text"] == "Dig."
    streamed = tape.answer(call(of=f"/{name}", query=(("stream", "true"),)), 0)
    expected = service.ask(call(of=f"/{name}", query=(("stream", "true"),)))
    assert kinds(streamed) == kinds(expected)


def kinds(reply: Reply) -> list[str]:
    return [
        json.loads(event.data)["event_type"] for event in sse.SseParser().feed(reply.body) if event.data != "[DONE]"
    ]


def test_job_whose_end_was_not_recorded_is_a_miss() -> None:
    service = Service()
    asked = call("POST", body=JOB)
    name = body(service.ask(asked))["id"]
    tape = service.tape()
    tape.answer(asked, 0)
    with pytest.raises(ReplayMiss):
        tape.answer(call(of=f"/{name}"), 0)


def test_stream_is_resumed_after_any_event() -> None:
    service = Service()
    asked = call("POST", body={**CREATE, "stream": True})
    whole = service.ask(asked)
    events = [json.loads(event.data) for event in sse.SseParser().feed(whole.body) if event.data != "[DONE]"]
    of = f"/{events[0]['interaction']['id']}"
    tape = service.tape()
    tape.answer(asked, 0)
    for n in (0, 3, len(events) - 1):
        rest = tape.answer(call(of=of, query=(("stream", "true"), ("last_event_id", events[n]["event_id"]))), 0)
        told = [event.data for event in sse.SseParser().feed(rest.body)]
        assert [json.loads(data) for data in told[:-1]] == events[n + 1 :]
        assert told[-1] == "[DONE]"
    with pytest.raises(ReplayMiss):
        tape.answer(call(of=of, query=(("stream", "true"), ("last_event_id", "elsewhere"))), 0)


def test_what_a_cut_stream_lacks_comes_from_its_resume() -> None:
    service = Service()
    asked = call("POST", body={**CREATE, "input": "Tell me more, please break the stream.", "stream": True})
    first = service.ask(asked)
    events = [json.loads(event.data) for event in sse.SseParser().feed(first.body)]
    of = f"/{events[0]['interaction']['id']}"
    service.ask(call(of=of, query=(("stream", "true"), ("last_event_id", events[-1]["event_id"]))))
    tape = service.tape()
    assert tape.answer(asked, 0).cut
    rest = tape.answer(call(of=of, query=(("stream", "true"), ("last_event_id", events[1]["event_id"]))), 0)
    assert not rest.cut
    assert kinds(rest)[-1] == "interaction.completed"
    assert len({json.loads(e.data)["event_id"] for e in sse.SseParser().feed(rest.body) if e.data != "[DONE]"}) == len(
        kinds(rest)
    )


def test_cut_stream_that_was_never_resumed_is_cut_again() -> None:
    cut = exchange({**CREATE, "stream": True}, numbered("v1_c"), outcome=Outcome.CUT)
    tape = Tape([cut])
    tape.answer(call("POST", body={**CREATE, "stream": True}), 0)
    assert tape.answer(call(of="/v1_c", query=(("stream", "true"), ("last_event_id", "e1"))), 0).cut


def numbered(name: str) -> list[dict[str, Any]]:
    return [{**event, "event_id": f"e{n}"} for n, event in enumerate(text_stream(name, ["a", "b"], ended=False))]


def test_deleted_interactions_are_gone() -> None:
    tape = Tape([exchange(CREATE, answer("v1_a", text="Hi"))])
    with pytest.raises(ReplayMiss):
        tape.answer(call("DELETE", "/v1_a"), 0)
    tape.answer(call("POST", body=CREATE), 0)
    assert tape.answer(call("DELETE", "/v1_a"), 0).status == 200
    told = [
        tape.answer(call(method, f"/v1_a{more}"), 0).status
        for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"))
    ]
    assert told == [404] * 3
    recorded = exchange(None, {}, method="DELETE", path="/v1/interactions/v1_a", at_us=2)
    tape = Tape([exchange(CREATE, answer("v1_a", text="Hi"), at_us=1), recorded])
    tape.answer(call("POST", body=CREATE), 0)
    tape.answer(call("DELETE", "/v1_a"), 0)
    assert tape.answer(call(of="/v1_a"), 0).status == 404


def test_job_is_cancelled_and_stays_so() -> None:
    job = answer("v1_job", status="in_progress", usage=None)
    done = exchange(None, answer("v1_job", text="Dug."), path="/v1/interactions/v1_job", at_us=2)
    tape = Tape([exchange(JOB, job, at_us=1), done])
    tape.answer(call("POST", body=JOB), 0)
    assert body(tape.answer(call("POST", "/v1_job/cancel"), 0))["status"] == "cancelled"
    assert body(tape.answer(call("POST", "/v1_job/cancel"), 0))["status"] == "cancelled"
    assert body(tape.answer(call(of="/v1_job"), 0))["status"] == "cancelled"
    plain = Tape([exchange(CREATE, answer("v1_a", text="Hi"))])
    plain.answer(call("POST", body=CREATE), 0)
    assert plain.answer(call("POST", "/v1_a/cancel"), 0).status == 400


def test_answers_from_state_are_in_issued_ids_and_count_as_played() -> None:
    ids = IdMap()
    ids.issue("v1_a", "v1_new")
    tape = Tape([exchange(CREATE, answer("v1_a", text="Hi"))], ids=ids)
    tape.answer(call("POST", body=CREATE), 0)
    assert body(tape.answer(call(of="/v1_new"), 0))["id"] == "v1_new"
    assert [one.method for one in tape.played] == ["POST", "GET"]
    assert len({one.key for one in tape.played}) == 2
