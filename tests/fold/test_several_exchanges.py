from __future__ import annotations

import json
from typing import Any

from tracer.fold import fold
from tracer.records.interaction import Interaction
from tracer.testing import START_US, USAGE, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

ASK = {"model": "gemini-3.5-flash", "input": "Hi"}
ASK_STREAM = {**ASK, "stream": True}
JOB = {"agent": "deep-research-preview-04-2026", "input": "Research", "background": True}
RUNNING = {"id": "v1_a", "object": "interaction", "status": "in_progress"}
SECOND = 1_000_000


def at(seconds: float) -> int:
    return START_US + int(seconds * SECOND)


def get(response: Any, seconds: float, interaction_id: str = "v1_a", **fields: Any) -> Exchange:
    return exchange(None, response, path=f"/v1/interactions/{interaction_id}", at_us=at(seconds), **fields)


def output(record: Interaction) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = json.loads(record.to_json())["output"]
    return value


def with_ids(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**payload, "event_id": f"e{number}"} for number, payload in enumerate(payloads)]


def test_a_background_job_and_its_polls_are_one_record() -> None:
    said = {"type": "user_input", "content": [{"type": "text", "text": "Research"}]}
    done = answer("v1_a", text="Found it.")
    done["steps"].insert(0, said)
    record = fold(
        [
            exchange(JOB, RUNNING),
            get({**RUNNING, "status": "in_progress"}, 10),
            get({**RUNNING, "steps": [said, {"type": "thought", "signature": "c2ln"}]}, 20),
            get(done, 30, took_us=2 * SECOND),
        ]
    )
    assert (record.status, record.state, record.polls, record.retries) == ("completed", "complete", 3, 0)
    assert (record.background, record.stream, record.dialect) == (True, False, "steps")
    assert record.agent == "deep-research-preview-04-2026"
    assert record.output_text == "Found it."
    assert [step["type"] for step in output(record)] == ["model_output"]
    assert record.timing.duration_ms == 32_000
    assert [summary.operation for summary in record.exchanges] == ["create", "get", "get", "get"]
    assert record.key == record.exchanges[0].key


def test_a_job_between_polls_is_complete_as_far_as_the_transport_goes() -> None:
    record = fold([exchange(JOB, RUNNING), get(RUNNING, 10)])
    assert (record.status, record.state, record.timing.duration_ms) == ("in_progress", "complete", None)
    running = fold([exchange(JOB, RUNNING), get(None, 10, status=None, outcome=Outcome.OPEN)])
    assert running.state == "in_flight"


def test_a_late_answer_that_is_older_does_not_turn_the_status_back() -> None:
    done = get(answer("v1_a", text="Done."), 10, took_us=1 * SECOND)
    slow = get(RUNNING, 9, took_us=5 * SECOND)
    record = fold([exchange(JOB, RUNNING), done, slow])
    assert (record.status, record.output_text) == ("completed", "Done.")


def test_of_two_terminal_words_the_later_counts() -> None:
    cancel = exchange(
        None, {"id": "v1_a", "status": "cancelled"}, method="POST", path="/v1/interactions/v1_a/cancel", at_us=at(20)
    )
    record = fold([exchange(JOB, RUNNING), get({"id": "v1_a", "status": "requires_action"}, 10), cancel])
    assert record.status == "cancelled"
    assert record.exchanges[-1].operation == "cancel"
    assert record.timing.duration_ms == 11_000


def test_a_delete_changes_nothing() -> None:
    delete = exchange(None, {}, method="DELETE", path="/v1/interactions/v1_a", at_us=at(5))
    alone = fold([exchange(ASK, answer("v1_a", text="Hello."))])
    record = fold([exchange(ASK, answer("v1_a", text="Hello.")), delete])
    assert (record.id, record.status, record.output_text) == (alone.id, alone.status, alone.output_text)
    assert record.usage == alone.usage
    assert [summary.operation for summary in record.exchanges] == ["create", "delete"]


def test_a_get_alone_tells_input_and_output_apart() -> None:
    said = {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}
    whole = answer("v1_a", text="Hello.", input=[said], previous_interaction_id="v1_0")
    whole["steps"].insert(0, said)
    record = fold([get(whole, 0)])
    assert [step.type for step in record.input] == ["user_input"]
    assert record.output_text == "Hello."
    assert [step.type for step in record.output] == ["model_output"]
    assert (record.id, record.previous_interaction_id, record.polls) == ("v1_a", "v1_0", 1)
    without_echo = {name: value for name, value in whole.items() if name != "input"}
    assert [step.type for step in fold([get(without_echo, 0)]).input] == ["user_input"]


def test_a_timeline_that_starts_with_the_history_sent_is_cut_behind_it() -> None:
    history = [
        {"type": "user_input", "content": [{"type": "text", "text": "A"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "B"}]},
        {"type": "user_input", "content": [{"type": "text", "text": "C"}]},
    ]
    whole = answer("v1_a", text="D")
    whole["steps"] = [*history, *whole["steps"]]
    record = fold([exchange({**ASK, "input": history}, RUNNING), get(whole, 5)])
    assert record.output_text == "D"
    assert [step.type for step in record.input] == ["user_input", "model_output", "user_input"]


def test_a_failing_poll_is_an_error_only_while_the_job_is_unfinished() -> None:
    missing = get({"error": {"code": "not_found", "message": "gone"}}, 10, status=404)
    unfinished = fold([exchange(JOB, RUNNING), missing])
    assert unfinished.error is not None
    assert (unfinished.error.code, unfinished.state) == ("not_found", "complete")
    assert fold([exchange(JOB, RUNNING), missing, get(answer("v1_a", text="Done."), 20)]).error is None


def test_retries_are_attempts_of_one_record() -> None:
    limited = {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    record = fold(
        [
            exchange(ASK, limited, status=429),
            exchange(ASK, b"<html><title>502</title></html>", status=502, at_us=at(2)),
            exchange(ASK, answer("v1_a", text="Hello."), at_us=at(4)),
        ]
    )
    assert (record.status, record.state, record.retries, record.error) == ("completed", "complete", 2, None)
    assert [summary.attempt for summary in record.exchanges] == [1, 2, 3]
    assert record.timing.duration_ms == 5000
    assert record.output_text == "Hello."


def test_the_last_of_failed_attempts_gives_the_error() -> None:
    attempts = [exchange(ASK, {"error": {"code": f"c{n}", "message": "x"}}, status=500, at_us=at(n)) for n in range(3)]
    record = fold(attempts)
    assert record.error is not None
    assert (record.error.code, record.retries, record.state, record.id) == ("c2", 2, "error", None)


def test_an_attempt_that_broke_off_leaves_no_steps_behind() -> None:
    cut = exchange(ASK_STREAM, text_stream("v1_a", ["Hel"], ended=False), outcome=Outcome.CUT)
    again = exchange(ASK_STREAM, text_stream("v1_b", ["Hello."]), at_us=at(3))
    record = fold([cut, again])
    assert (record.id, record.output_text, record.state, record.retries) == ("v1_b", "Hello.", "complete", 1)


def test_a_resumed_stream_continues_the_cut_one() -> None:
    events = with_ids(text_stream("v1_a", ["He", "l", "l", "o."]))
    cut = exchange({**JOB, "stream": True}, events[:4], outcome=Outcome.CUT)
    # The recorder saw one event more than the client did, so the resumed stream repeats it.
    resume = get(events[3:], 5, query=(("stream", "true"), ("last_event_id", "e2")))
    record = fold([cut, resume])
    assert (record.output_text, record.state, record.status) == ("Hello.", "complete", "completed")
    assert [summary.operation for summary in record.exchanges] == ["create", "resume"]
    assert record.retries == record.polls == 0


def test_without_event_ids_a_resumed_stream_is_appended_or_starts_again() -> None:
    events = text_stream("v1_a", ["He", "llo."])
    cut = exchange({**JOB, "stream": True}, events[:3], outcome=Outcome.CUT)
    query = (("stream", "true"), ("last_event_id", "e2"))
    assert fold([cut, get(events[3:], 5, query=query)]).output_text == "Hello."
    assert fold([cut, get(events, 5, query=(("stream", "true"),))]).output_text == "Hello."


def test_the_id_asked_to_resume_after_is_where_an_unnumbered_rest_goes() -> None:
    events = text_stream("v1_a", ["He", "l", "lo."])
    cut = exchange({**JOB, "stream": True}, with_ids(events[:4]), outcome=Outcome.CUT)
    resume = get(events[3:], 5, query=(("stream", "true"), ("last_event_id", "e2")))
    assert fold([cut, resume]).output_text == "Hello."


def test_a_job_streamed_only_later() -> None:
    resume = get(text_stream("v1_a", ["Hello."]), 5, query=(("stream", "true"),), took_us=7 * SECOND)
    record = fold([exchange(JOB, RUNNING), resume])
    assert (record.output_text, record.stream) == ("Hello.", False)
    assert record.timing.first_text_ms == 5000 + 3000


def hops() -> list[Exchange]:
    first = answer("v1_hop1", text="One ", status="requires_continuation", continuation_token="tok1")
    second = {**ASK, "continuation_token": "tok1", "previous_interaction_id": "v1_hop1"}
    del second["input"]
    return [exchange(ASK, first), exchange(second, answer("v1_hop2", text="two."), at_us=at(2))]


def test_hops_of_a_continued_turn_are_summed_up() -> None:
    record = fold(hops())
    assert (record.id, record.status, record.previous_interaction_id) == ("v1_hop2", "completed", None)
    assert record.output_text == "One two."
    assert record.usage is not None
    assert record.usage.total_tokens == 2 * USAGE["total_tokens"]
    assert record.usage.sum_ok is True
    assert [(hop.id, hop.status) for hop in record.hops] == [
        ("v1_hop1", "requires_continuation"),
        ("v1_hop2", "completed"),
    ]
    assert [hop.exchange for hop in record.hops] == [summary.key for summary in record.exchanges]
    assert (record.retries, len(record.input), record.timing.duration_ms) == (0, 1, 3000)
    assert "continuation_token" not in record.request


def test_a_retried_hop_is_an_attempt_of_that_hop() -> None:
    first, second = hops()
    failed = exchange(json.loads(second.request_body), {"error": {"code": "x"}}, status=503, at_us=at(1))
    record = fold([first, failed, second])
    assert (record.retries, len(record.hops), record.output_text) == (1, 2, "One two.")
    assert [summary.attempt for summary in record.exchanges] == [1, 1, 2]


def test_a_running_hop_keeps_what_is_known() -> None:
    first, second = hops()
    waiting = exchange(json.loads(second.request_body), None, status=None, outcome=Outcome.OPEN, at_us=at(2))
    record = fold([first, waiting])
    assert (record.id, record.status, record.state) == ("v1_hop1", "requires_continuation", "in_flight")


def test_the_dialect_of_a_running_job_is_told_by_a_later_answer() -> None:
    done = {"id": "v1_a", "status": "completed", "outputs": [{"type": "text", "text": "Hi"}]}
    assert fold([exchange(JOB, RUNNING)]).dialect == "unknown"
    assert fold([exchange(JOB, RUNNING), get(done, 5)]).dialect == "outputs"
