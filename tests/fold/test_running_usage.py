"""Totals on the way: each is in the record with the event that told it, and none of them counts twice."""

from __future__ import annotations

from typing import Any

from tracer.fold import fold
from tracer.records.interaction import Interaction
from tracer.testing import START_US, answer, exchange

ASK = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
SECOND = 1_000_000


def total(output: int) -> dict[str, Any]:
    return {"total_input_tokens": 5, "total_output_tokens": output, "total_tokens": 5 + output}


def stream(ending: list[dict[str, Any]]) -> list[dict[str, Any]]:
    created = {"id": "v1_a", "object": "interaction", "status": "in_progress"}
    text = {"type": "text", "text": "Hello"}
    return [
        {"event_type": "interaction.created", "interaction": created, "metadata": {"total_usage": total(0)}},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 0, "delta": text, "metadata": {"total_usage": total(1)}},
        {"event_type": "step.delta", "index": 0, "delta": text, "metadata": {"total_usage": total(1)}},
        {"event_type": "step.stop", "index": 0, "usage": total(2), "step_usage": total(2)},
        *ending,
    ]


def told(record: Interaction) -> list[tuple[int | None, int]]:
    return [(one.event, one.told["total_output_tokens"]) for one in record.running_usage]


def test_what_the_last_event_says_counts_and_the_totals_before_it_are_kept() -> None:
    ended = {"event_type": "interaction.completed", "interaction": {**answer("v1_a"), "usage": total(3)}}
    record = fold([exchange(ASK, stream([ended]))])
    assert record.usage is not None
    assert record.usage.total_tokens == 8
    assert told(record) == [(1, 0), (3, 1), (5, 2)]
    assert {one.exchange for one in record.running_usage} == {record.key}


def test_a_cut_stream_has_used_what_its_largest_total_says() -> None:
    record = fold([exchange(ASK, stream([]))])
    assert record.state == "truncated"
    assert record.usage is not None
    assert record.usage.total_tokens == 7
    assert told(record) == [(1, 0), (3, 1)]


def test_polls_tell_totals_on_the_way_too() -> None:
    running = {"id": "v1_a", "object": "interaction", "status": "in_progress", "usage": total(1)}
    job = {"agent": "deep-research-preview-04-2026", "input": "Research", "background": True}

    def poll(response: dict[str, Any], seconds: int) -> Any:
        return exchange(None, response, path="/v1/interactions/v1_a", at_us=START_US + seconds * SECOND)

    done = {**answer("v1_a", text="Found"), "usage": total(9)}
    record = fold([exchange(job, {**running, "usage": total(0)}), poll(running, 10), poll(running, 20), poll(done, 30)])
    assert record.usage is not None
    assert record.usage.total_tokens == 14
    assert told(record) == [(None, 0), (None, 1)]
    assert record.running_usage[1].exchange == record.exchanges[1].key


def test_old_names_are_told_under_current_ones() -> None:
    ended = {"event_type": "interaction.completed", "interaction": {**answer("v1_a"), "usage": total(3)}}
    old = {"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "in_progress"}
    record = fold([exchange(ASK, [*stream([])[:1], {**old, "usage": {"total_reasoning_tokens": 4}}, ended])])
    assert record.running_usage[-1].told == {"total_thought_tokens": 4}
