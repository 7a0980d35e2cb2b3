from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.errors import ReplayMiss, UsageError
from tracer.player.matching import IdMap, call_of
from tracer.player.reissue import reissued
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.player.tape import Tape
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Chunk, Exchange, Outcome

ASKED = {"model": "gemini-3.5-flash", "input": "Hi"}
JOB = {"agent": "deep-research", "input": "Hi", "background": True}


def create(body: dict[str, Any], at_us: int = 0, response: Any = None, **more: Any) -> Exchange:
    return exchange(body, answer(f"v1_{at_us}") if response is None else response, at_us=at_us, **more)


def get(status: str, at_us: int, **more: Any) -> Exchange:
    return exchange(None, answer("v1_job", status=status), path="/v1/interactions/v1_job", at_us=at_us, **more)


def other(method: str, at_us: int, suffix: str = "", response: Any = None) -> Exchange:
    return exchange(None, response or {}, method=method, path=f"/v1/interactions/v1_job{suffix}", at_us=at_us)


def status_of(tape: Tape, recorded: Exchange) -> str | int:
    reply = tape.answer(call_of(recorded), 0)
    return json.loads(reply.body).get("status", reply.status)


def id_of(tape: Tape, body: dict[str, Any]) -> str:
    return json.loads(tape.answer(Call("POST", "/v1beta/interactions", (), (), json.dumps(body).encode()), 0).body)[
        "id"
    ]


def test_first_in_first_out_per_request() -> None:
    tape = Tape([create(ASKED, 1), create({**ASKED, "input": "Ho"}, 2), create(ASKED, 3)])
    assert [id_of(tape, {**ASKED, "input": "Ho"}), id_of(tape, ASKED), id_of(tape, ASKED)] == ["v1_2", "v1_1", "v1_3"]
    with pytest.raises(ReplayMiss, match="asked again, but the cassette holds 2 of it, already played"):
        id_of(tape, ASKED)
    assert [one.started_at_us for one in tape.played] == [2, 1, 3]


def test_unplayed_are_told() -> None:
    first, second = create(ASKED, 1), create({**ASKED, "input": "Ho"}, 2)
    tape = Tape([first, second])
    id_of(tape, ASKED)
    assert [one.exchange for one in tape.unplayed] == [second]


POLLS = [create(JOB, 1), get("queued", 2), get("in_progress", 3), get("completed", 4)]


def test_polls_collapse_to_the_last_state() -> None:
    tape = Tape(POLLS)
    assert [status_of(tape, POLLS[1]) for _ in range(5)] == ["completed"] * 5


def test_polls_as_recorded_never_go_back() -> None:
    tape = Tape(POLLS, polls="as_recorded")
    told = [status_of(tape, POLLS[1]) for _ in range(5)]
    assert told == ["queued", "in_progress", "completed", "completed", "completed"]


def test_cancel_and_delete_separate_the_states() -> None:
    cancelled = answer("v1_job", status="cancelled")
    gone = exchange(None, {"error": {}}, path="/v1/interactions/v1_job", status=404, at_us=9)
    recorded = [
        create(JOB, 1),
        get("in_progress", 2),
        other("POST", 3, "/cancel", cancelled),
        get("cancelled", 4),
        other("DELETE", 5),
        gone,
    ]
    tape = Tape(recorded)
    assert [status_of(tape, recorded[1]) for _ in range(2)] == ["in_progress"] * 2
    status_of(tape, recorded[2])
    assert [status_of(tape, recorded[1]) for _ in range(2)] == ["cancelled"] * 2
    status_of(tape, recorded[4])
    assert tape.answer(call_of(recorded[1]), 0).status == 404


def test_cancelled_job_that_was_not_asked_again_answers_as_its_cancel() -> None:
    recorded = [
        create(JOB, 1),
        get("in_progress", 2),
        other("POST", 3, "/cancel", answer("v1_job", status="cancelled")),
    ]
    tape = Tape(recorded)
    status_of(tape, recorded[2])
    assert status_of(tape, recorded[1]) == "cancelled"


def test_get_that_was_never_recorded_is_a_miss() -> None:
    with pytest.raises(ReplayMiss, match="differs first at operation"):
        status_of(Tape([create(JOB, 1)]), get("completed", 2))


def test_failed_attempts_made_good_later_are_skipped() -> None:
    busy = {"error": {"code": "rate_limit_exceeded"}}
    recorded = [create(ASKED, 1, busy, status=429), create(ASKED, 2, busy, status=503), create(ASKED, 3)]
    assert id_of(Tape(recorded), ASKED) == "v1_3"


def test_attempts_that_all_failed_are_replayed_without_a_wait() -> None:
    busy = {"error": {"code": "rate_limit_exceeded"}}
    wait = (("content-type", "application/json"), ("Retry-After", "30"))
    tape = Tape([create(ASKED, n, busy, status=429, response_headers=wait) for n in (1, 2)])
    replies = [tape.answer(call_of(create(ASKED)), 0) for _ in range(4)]
    assert [reply.status for reply in replies] == [429] * 4
    assert {reply.headers for reply in replies} == {(("content-type", "application/json"), ("retry-after-ms", "1"))}


def test_attempt_without_a_response_is_no_recording() -> None:
    failed = create(ASKED, 1, b"", status=None, outcome=Outcome.FAILED)
    assert id_of(Tape([failed, create(ASKED, 2)]), ASKED) == "v1_2"
    with pytest.raises(ReplayMiss, match="holds no recording, and POST"):
        id_of(Tape([failed]), ASKED)


def test_stream_keeps_its_chunks_and_its_cut() -> None:
    whole = exchange({**ASKED, "stream": True}, text_stream("v1_s", ["Hel", "lo."]), took_us=800)
    reply = Tape([whole]).answer(call_of(whole), 0)
    assert [chunk.delay_us for chunk in reply.chunks] == [0] * 7
    assert [chunk.data for chunk in reply.chunks][-1] == b"event: done\ndata: [DONE]\n\n"
    assert reply.body == whole.response_body
    assert not reply.cut

    delays = [chunk.delay_us for chunk in Tape([whole], speed=1).answer(call_of(whole), 0).chunks]
    assert delays == [whole.chunks[0].at_us] * 7
    assert sum(chunk.delay_us for chunk in Tape([whole], speed=2).answer(call_of(whole), 0).chunks) == sum(delays) // 2

    cut = exchange({**ASKED, "stream": True}, text_stream("v1_s", ["Hel"], ended=False), outcome=Outcome.CUT)
    assert Tape([cut]).answer(call_of(cut), 0).cut


def test_chunks_that_do_not_fit_the_body_are_one() -> None:
    edited = create(ASKED, 1, b"{}", chunks=(Chunk(1, 5, 5),))
    assert Tape([edited]).answer(call_of(edited), 0).chunks == (ReplyChunk(0, b"{}"),)
    held_back = create(ASKED, 1, b"{}", chunks=(Chunk(1, 1, 0), Chunk(2, 1, 2)))
    assert Tape([held_back]).answer(call_of(held_back), 0).chunks == (ReplyChunk(0, b"{}"),)


def test_resume_may_be_asked_again() -> None:
    query = (("stream", "true"), ("last_event_id", "e1"))
    resumed = exchange(None, text_stream("v1_job", ["lo."]), path="/v1/interactions/v1_job", query=query)
    tape = Tape([resumed])
    assert {tape.answer(call_of(resumed), 0).body for _ in range(2)} == {resumed.response_body}


def test_other_calls_replay_too() -> None:
    states = [exchange(None, {"state": state}, path="/v1beta/files/a", at_us=n) for n, state in enumerate("PA")]
    uploaded = exchange(None, {"file": {}}, method="POST", path="/upload/v1beta/files")
    upload = replace(uploaded, request_body=b"\x00bytes")
    tape = Tape([upload, *states])
    asked = Call("GET", "/v1/files/a")
    assert [json.loads(tape.answer(asked, 0).body)["state"] for _ in range(3)] == ["P", "A", "A"]
    assert tape.answer(Call("POST", "/upload/v1/files", (), (), b"\x00bytes"), 0).status == 200
    with pytest.raises(ReplayMiss):
        tape.answer(Call("POST", "/upload/v1/files", (), (), b"\x00other"), 0)


def test_framing_headers_are_not_replayed() -> None:
    names = ("Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "server-timing")
    recorded = create(ASKED, 1, response_headers=tuple((name, "x") for name in names))
    headers = Tape([recorded]).answer(call_of(recorded), 0).headers
    assert [name for name, _ in headers] == ["Content-Type", "server-timing"]


def test_request_is_redacted_before_it_is_compared() -> None:
    def body(secret: str) -> dict[str, Any]:
        tool = {"type": "mcp_server", "name": "m", "headers": {"Authorization": secret}}
        return {**ASKED, "tools": [tool]}

    tape = Tape([create(body("[redacted]"), 1)])
    asked = Call(
        "POST", "/v1/interactions", (), (("x-goog-api-key", "AIza-another"),), json.dumps(body("t0ken")).encode()
    )
    assert tape.answer(asked, 0).status == 200


def test_miss_teaches() -> None:
    tape = Tape(
        [create(ASKED, 1), create({**ASKED, "stream": True}, 2)],
        source="chat.interactions.yaml",
        remedy="record it: pytest test_chat.py --interactions-record=all",
    )
    with pytest.raises(ReplayMiss) as miss:
        id_of(tape, {**ASKED, "input": "Hello"})
    assert str(miss.value) == (
        "chat.interactions.yaml holds no recording of POST /v1beta/interactions\n"
        "  nearest is recording 1 of 2, which differs first at input[0].content[0].text\n"
        '    recorded: "Hi"\n'
        '    asked:    "Hello"\n'
        "  record it: pytest test_chat.py --interactions-record=all"
    )


def test_wrong_path_to_ignore_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="is not a JSON path"):
        Tape([], ignore=["a["])


def test_app_is_given_other_ids() -> None:
    ids = IdMap()
    ids.issue("v1_1", "v1_new")
    second = {**ASKED, "input": "Ho", "previous_interaction_id": "v1_1"}
    tape = Tape([create(ASKED, 1), create(second, 2, answer("v1_2", previous_interaction_id="v1_1"))], ids=ids)
    assert id_of(tape, ASKED) == "v1_new"
    asked = {**second, "previous_interaction_id": "v1_new"}
    body = json.loads(tape.answer(call_of(create(asked)), 0).body)
    assert (body["id"], body["previous_interaction_id"]) == ("v1_2", "v1_new")


@settings(deadline=None)
@given(st.lists(st.sampled_from([b'"v1_a"', b'"v1_ab"', b'"x"', b"v1_a"])), st.lists(st.integers(1, 9), max_size=12))
def test_ids_are_replaced_wherever_chunks_end(parts: list[bytes], sizes: list[int]) -> None:
    body = b", ".join(parts)
    chunks, rest = [], body
    for size in sizes:
        chunks.append(ReplyChunk(size, rest[:size]))
        rest = rest[size:]
    reply = Reply(200, (), (*chunks, ReplyChunk(0, rest)))
    changed = reissued(reply, [("v1_a", "other"), ("v1_ab", "v1_a")])
    expected = body.replace(b'"v1_a"', b'"\0"').replace(b'"v1_ab"', b'"v1_a"').replace(b'"\0"', b'"other"')
    assert changed.body == expected
    assert reissued(reply, []) is reply
