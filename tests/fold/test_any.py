"""Whatever arrives, in whatever pieces and order: a record, always the same one, and never an exception."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.fold import fold
from tracer.normalize import normalize
from tracer.testing import START_US, answer, exchange, function_call, text_stream
from tracer.wire.exchange import Chunk, Exchange, Outcome

ASK = {"model": "gemini-3.5-flash", "input": [{"type": "text", "text": "Hi"}], "stream": True}
LEGACY: list[dict[str, Any]] = [
    {"event_type": "interaction.start", "event_id": "a", "interaction": {"id": "v1_a", "status": "in_progress"}},
    {"event_type": "content.start", "event_id": "b", "index": 0, "content": {"type": "thought"}},
    {
        "event_type": "content.delta",
        "event_id": "c",
        "index": 0,
        "delta": {"type": "thought_summary", "content": {"type": "text", "text": "Größe…"}},
    },
    {"event_type": "content.start", "event_id": "d", "index": 1, "content": {"type": "text", "text": ""}},
    {"event_type": "content.delta", "event_id": "e", "index": 1, "delta": {"type": "text", "text": "Grüß\n\ndich"}},
    {"event_type": "content.delta", "index": 2, "delta": function_call("fc1", "f", x=[1, {"y": None}])},
    {
        "event_type": "interaction.complete",
        "interaction": {"id": "v1_a", "status": "completed", "usage": {"total_tokens": 3}},
    },
]
STREAMS = [text_stream("v1_a", ["Hel", "lo.", "🎈"]), LEGACY]


def rechunked(whole: Exchange, cuts: list[int]) -> Exchange:
    size = len(whole.response_body)
    borders = sorted({0, *(cut % (size + 1) for cut in cuts), size})
    chunks = tuple(
        Chunk(at_us=1000 * number, wire_size=end - start, size=end - start)
        for number, (start, end) in enumerate(pairwise(borders))
    )
    return replace(whole, chunks=chunks)


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 5000), max_size=30))
def test_how_a_stream_was_cut_into_chunks_changes_nothing_but_times(payloads: list[Any], cuts: list[int]) -> None:
    whole = exchange(ASK, payloads)
    expected = fold([whole])
    record = fold([rechunked(whole, cuts)])
    assert record.timing.events == expected.timing.events
    assert record.model_copy(update={"timing": expected.timing}).to_json() == expected.to_json()


def story() -> list[Exchange]:
    """A turn in two hops: a retried stream, a continuation that is cut, resumed, polled and deleted."""
    path = "/v1/interactions/v1_b"
    numbered = [{**payload, "event_id": f"e{n}"} for n, payload in enumerate(text_stream("v1_b", ["t", "w", "o."]))]
    continued = {"model": ASK["model"], "stream": True, "continuation_token": "tok1", "previous_interaction_id": "v1_a"}
    first = text_stream("v1_a", ["One "])
    first[-1]["interaction"].update(status="requires_continuation", continuation_token="tok1")
    parts: list[tuple[Any, Any, dict[str, Any]]] = [
        (ASK, {"error": {"code": "rate_limit_exceeded"}}, {"status": 429}),
        (ASK, first, {}),
        (continued, numbered[:4], {"outcome": Outcome.CUT}),
        (None, numbered[4:], {"path": path, "query": (("stream", "true"), ("last_event_id", "e3"))}),
        (None, {"id": "v1_b", "status": "in_progress"}, {"path": path}),
        (None, answer("v1_b", text="two."), {"path": path}),
        (None, {}, {"method": "DELETE", "path": path}),
    ]
    return [
        exchange(request, response, at_us=START_US + 2_000_000 * number, **fields)
        for number, (request, response, fields) in enumerate(parts)
    ]


@given(st.permutations(story()))
@settings(max_examples=40, deadline=None)
def test_the_order_of_arrival_changes_nothing(exchanges: list[Exchange]) -> None:
    assert normalize(exchanges).to_json() == normalize(story()).to_json()


def test_the_story_is_told_right() -> None:
    record = fold(story())
    assert (record.output_text, record.status, record.state) == ("One two.", "completed", "complete")
    assert (record.retries, record.polls, len(record.hops)) == (1, 2, 2)


PIECES = [b'"', b"}", b"[", b"\n", b"null", b"-1", b"1e999", b'{"a":', b"\\ud800"]


def mutated(body: bytes, seed: int) -> bytes:
    dice = random.Random(seed)
    damaged = bytearray(body)
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(damaged) + 1)
        match dice.randrange(4):
            case 0:
                damaged[place : place + dice.randint(1, 40)] = b""
            case 1:
                damaged[place:place] = bytes([dice.randrange(256)])
            case 2:
                damaged[place:place] = dice.choice(PIECES)
            case _:
                start = dice.randrange(len(damaged) + 1)
                damaged[place:place] = damaged[start : start + 60]
    return bytes(damaged)


def check(exchanges: list[Exchange]) -> None:
    record = json.loads(fold(exchanges).to_json())
    assert len(record["exchanges"]) == len(exchanges)


@given(st.integers(0, 2**32), st.sampled_from([*story(), exchange(ASK, LEGACY)]))
@settings(deadline=None)
def test_damaged_bytes_still_make_a_record(seed: int, whole: Exchange) -> None:
    check([replace(whole, response_body=mutated(whole.response_body, seed))])
    check([replace(whole, request_body=mutated(whole.request_body, seed))])


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
junk = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
FIELDS = [
    *("id", "status", "model", "agent", "steps", "outputs", "usage", "input", "errors", "error", "store", "created"),
    *("previous_interaction_id", "background", "role", "type", "content", "text", "data", "uri", "annotations"),
    *("arguments", "call_id", "signature", "summary", "result", "total_tokens", "code", "message", "stream"),
    *("input_tokens_by_modality", "grounding_tool_count", "service_tier", "continuation_token"),
]
TYPES = st.sampled_from(["text", "image", "thought", "function_call", "model_output", "user_input", "x_result", "x"])
plausible = st.recursive(
    scalars | TYPES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)
        | st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(st.sampled_from(FIELDS), inner))
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(FIELDS), plausible | junk), st.dictionaries(st.sampled_from(FIELDS), plausible))
@settings(deadline=None)
def test_any_json_in_any_place_still_makes_a_record(body: dict[str, Any], request: dict[str, Any]) -> None:
    check([exchange(request, body), exchange(None, body, path="/v1/interactions/v1_a", at_us=START_US + 1)])
    check([exchange(request, body, status=500)])


EVENT_NAMES = st.sampled_from(
    [
        *("interaction.created", "step.start", "step.delta", "step.stop", "interaction.completed"),
        *("interaction.start", "content.start", "content.delta", "content.stop", "interaction.complete"),
        *("interaction.status_update", "interaction.failed", "error"),
    ]
)
EVENT_KEYS = ["index", "step", "content", "delta", "interaction", "interaction_id", "status", "usage", "metadata"]
events = st.builds(
    lambda name, rest: {**rest, "event_type": name},
    EVENT_NAMES,
    st.dictionaries(st.sampled_from([*EVENT_KEYS, "error", "event_id"]), plausible),
)


@given(st.lists(events, max_size=8), st.lists(events, max_size=3))
@settings(deadline=None)
def test_any_events_still_make_a_record(sent: list[dict[str, Any]], resumed: list[dict[str, Any]]) -> None:
    query = (("stream", "true"), ("last_event_id", "x"))
    later = exchange(None, resumed, path="/v1/interactions/v1_a", query=query, at_us=START_US + 1)
    check([exchange(ASK, sent), later])


def test_json_too_deep_or_with_half_characters_is_survived() -> None:
    deep = b'{"steps":' + b"[" * 500 + b"]" * 500 + b"}"
    check([exchange(ASK, deep)])
    check([exchange(ASK, b"[" * 100_000)])
    record = fold([exchange(ASK, b'{"id":"v1_a","status":"completed","steps":[{"type":"\\ud800x"}]}')])
    assert json.loads(record.to_json())["output"] == [{"type": "?x"}]
