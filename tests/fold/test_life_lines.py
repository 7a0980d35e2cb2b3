"""Life lines of one interaction, made up: whatever order its exchanges arrive in, and however often, one record."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.dialects.words import TERMINAL_STATUSES
from tracer.fold import fold
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

PIECES = ["One ", "two ", "three ", "four ", "five."]
TEXT = "".join(PIECES)
JOB = {"agent": "deep-research-preview-04-2026", "input": "Count", "background": True}
PATH = "/v1/interactions/v1_a"


def failures(draw: st.DrawFn) -> list[dict[str, Any]]:
    busy = {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    return [{"request": JOB, "response": busy, "status": 429} for _ in range(draw(st.integers(0, 2)))]


def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A stream that breaks off and is resumed somewhere before its break, until it ends, or is told anew."""
    numbered = draw(st.booleans())
    whole = text_stream("v1_a", PIECES)
    told = [{**payload, "event_id": f"e{number}"} if numbered else payload for number, payload in enumerate(whole)]
    calls: list[dict[str, Any]] = []
    reached = 0
    while reached < len(told):
        begin = draw(st.integers(0, reached)) if numbered else 0
        end = draw(st.integers(max(reached, begin), len(told)))
        if len(calls) > 3:
            end = len(told)
        query = [("stream", "true")] + ([("last_event_id", f"e{begin - 1}")] if begin else [])
        outcome = Outcome.COMPLETE if end == len(told) else Outcome.CUT
        call: dict[str, Any] = {"response": told[begin:end], "outcome": outcome}
        first = {"request": {**JOB, "stream": True}} if not calls else {"path": PATH, "query": tuple(query)}
        calls.append({**call, **first})
        reached = max(reached, end)
    return calls


def polls(draw: st.DrawFn) -> list[dict[str, Any]]:
    running = {"id": "v1_a", "status": "in_progress"}
    calls: list[dict[str, Any]] = [{"request": JOB, "response": {**running, "status": "queued"}}]
    calls += [{"path": PATH, "response": running} for _ in range(draw(st.integers(0, 4)))]
    return [*calls, {"path": PATH, "response": answer("v1_a", text=TEXT)}]


def endings(draw: st.DrawFn) -> list[dict[str, Any]]:
    late = {"path": PATH, "response": {"id": "v1_a", "status": "in_progress"}}
    delete = {"path": PATH, "method": "DELETE", "response": {}}
    return draw(st.lists(st.sampled_from([late, delete]), max_size=2))


@st.composite
def life_lines(draw: st.DrawFn) -> list[Exchange]:
    calls = failures(draw) + draw(st.sampled_from([streams, polls]))(draw) + endings(draw)
    return [
        exchange(
            call.pop("request", None),
            call.pop("response"),
            at_us=START_US + 2_000_000 * number,
            **call,
        )
        for number, call in enumerate(dict(call) for call in calls)
    ]


@given(life_lines(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_and_repetition_change_nothing(exchanges: list[Exchange], dice: Any) -> None:
    expected = fold(exchanges).to_json()
    arrived = [*exchanges, *dice.choices(exchanges, k=3)]
    dice.shuffle(arrived)
    assert fold(arrived).to_json() == expected


@given(life_lines())
@settings(deadline=None)
def test_it_tells_the_whole_story(exchanges: list[Exchange]) -> None:
    record = fold(exchanges)
    assert (record.output_text, record.status, record.error) == (TEXT, "completed", None)
    assert len(record.exchanges) == len(exchanges)
    assert record.usage is not None
    assert record.usage.total_tokens == 41


@given(life_lines())
@settings(deadline=None)
def test_the_status_never_goes_back(exchanges: list[Exchange]) -> None:
    ranks = {None: 0, "queued": 1, "in_progress": 2}
    told = [fold(exchanges[: count + 1]).status for count in range(len(exchanges))]
    seen = [3 if status in TERMINAL_STATUSES else ranks[status] for status in told]
    assert seen == sorted(seen)
