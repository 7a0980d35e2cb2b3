"""Which exchanges are one interaction."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from tracer import identity
from tracer.identity import Facts
from tracer.testing import START_US, answer, exchange, sse_chunks, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
ASKED = {"model": "gemini-3.5-flash", "input": "Hi"}
BUSY = {"error": {"code": 429, "message": "slow down"}}


def create(
    at: float, interaction_id: str | None = "v1_a", request: dict[str, Any] | None = None, **more: Any
) -> Exchange:
    response = more.pop("response", answer(interaction_id, text="Hello."))
    return exchange(request or ASKED, response, at_us=START_US + round(at * SECOND), **more)


def get(at: float, interaction_id: str = "v1_a", **more: Any) -> Exchange:
    path = f"/v1/interactions/{interaction_id}"
    return exchange(None, answer(interaction_id), path=path, at_us=START_US + round(at * SECOND), **more)


def busy(at: float, **more: Any) -> Exchange:
    return create(at, None, response=BUSY, status=429, **more)


def groups(*exchanges: Exchange) -> list[list[int]]:
    """Groups as the numbers of the exchanges given; asserts that their order does not matter."""
    facts = [facts for each in exchanges if (facts := identity.read(each))]
    numbers = {each.key: number for number, each in enumerate(exchanges)}
    assert len(numbers) == len(exchanges)
    found = [[numbers[fact.key] for fact in group.facts] for group in identity.group(facts)]
    for shuffled in itertools.islice(itertools.permutations(facts), 24):
        assert [[numbers[fact.key] for fact in group.facts] for group in identity.group(shuffled)] == found
    return found


def test_every_create_is_an_interaction_of_its_own() -> None:
    assert groups(create(0, "v1_a"), create(5, "v1_b"), create(6, "v1_c")) == [[0], [1], [2]]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_retry_joins_the_attempt_that_failed(status: int) -> None:
    assert groups(create(0, None, response=BUSY, status=status), create(2)) == [[0, 1]]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_no_client_tries_again_is_over(status: int) -> None:
    assert groups(create(0, None, response=BUSY, status=status), create(2)) == [[0], [1]]


def test_five_attempts_are_one_interaction() -> None:
    assert groups(*(busy(3 * number) for number in range(4)), create(12)) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CLIENT_GONE, Outcome.CUT])
def test_an_attempt_without_response_is_retried(outcome: Outcome) -> None:
    assert groups(create(0, None, response=None, status=None, outcome=outcome), create(2)) == [[0, 1]]


def test_a_retry_comes_within_ten_seconds_of_the_end() -> None:
    assert groups(busy(0), create(10.9)) == [[0, 1]]
    assert groups(busy(0), create(11)) == [[0], [1]]


@pytest.mark.parametrize(
    ("header", "value"),
    [("retry-after", "30"), ("Retry-After-Ms", "30000"), ("retry-after", "Sun, 22 Nov 2026 09:00:31 GMT")],
)
def test_a_retry_may_come_as_late_as_the_service_asked(header: str, value: str) -> None:
    asked_to_wait = busy(0, response_headers=((header, value),))
    assert groups(asked_to_wait, create(35)) == [[0, 1]]
    assert groups(asked_to_wait, create(37)) == [[0], [1]]


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-5", "1e400", "Sun, 99 Nov 9999 99:99:99 GMT"])
def test_an_odd_announcement_changes_nothing(value: str) -> None:
    assert groups(busy(0, response_headers=(("retry-after", value),)), create(5)) == [[0, 1]]


def test_the_service_may_say_whether_to_retry() -> None:
    assert groups(busy(0, response_headers=(("x-should-retry", "false"),)), create(2)) == [[0], [1]]


def test_a_client_that_counts_its_attempts_is_believed() -> None:
    first = ((("x-stainless-retry-count", "0")),)
    assert groups(busy(0, request_headers=first), create(2, request_headers=first)) == [[0], [1]]


@pytest.mark.parametrize(
    "other",
    [
        {"request": {**ASKED, "input": "Bye"}},
        {"request_headers": (("x-goog-api-client", "google-genai-sdk/2.34.0"),)},
        {"account": "k:other"},
        {"run": "f" * 32},
        {"project": "other"},
        {"origin": "https://aiplatform.googleapis.com"},
        {"path": "/v1beta/interactions"},
    ],
)
def test_what_differs_is_no_retry(other: dict[str, Any]) -> None:
    assert groups(busy(0), create(2, **other)) == [[0], [1]]


def test_parallel_calls_with_one_prompt_are_retried_one_by_one() -> None:
    assert groups(busy(0), busy(0.1), create(2, "v1_a"), create(2.1, "v1_b")) == [[0, 2], [1, 3]]


def test_a_call_that_starts_before_the_other_failed_is_no_retry() -> None:
    assert groups(busy(0, took_us=3 * SECOND), create(2)) == [[0], [1]]


def test_recordings_without_ends_tell_retries_by_their_order() -> None:
    first, second = replace(busy(0), ended_at_us=None), replace(create(0.000001), ended_at_us=None)
    assert groups(first, second) == [[0, 1]]


@pytest.mark.parametrize(("events", "expected"), [(1, [[0, 1]]), (3, [[0], [1]])])
def test_a_stream_that_was_cut_is_retried_unless_output_had_come(events: int, expected: list[list[int]]) -> None:
    cut = create(0, response=text_stream("v1_a", ["Hel", "lo."])[:events], outcome=Outcome.CUT)
    assert groups(cut, create(2, "v1_b")) == expected


def test_a_continuation_joins_who_gave_the_token() -> None:
    paused = answer("v1_a", status="requires_continuation", continuation_token="tok1")
    again = answer("v1_b", status="requires_continuation", continuation_token="tok2")
    hops = [
        create(0, response=paused),
        create(
            2, request={"model": "m", "continuation_token": "tok1", "previous_interaction_id": "v1_a"}, response=again
        ),
        create(4, "v1_c", request={"model": "m", "continuation_token": "tok2", "previous_interaction_id": "v1_b"}),
        get(6, "v1_a"),
        create(7, "v1_d", request={"model": "m", "continuation_token": "tok9"}),
    ]
    assert groups(*hops) == [[0, 1, 2, 3], [4]]
    facts = [facts for each in hops if (facts := identity.read(each))]
    first = identity.group(facts)[0]
    assert (first.key, first.interaction_id, first.previous_id) == (hops[0].key, "v1_c", None)


def test_a_streamed_token_counts() -> None:
    events = text_stream("v1_a", ["Hel"])
    events[-1]["interaction"] |= {"status": "requires_continuation", "continuation_token": "tok1"}
    assert groups(create(0, response=events), create(2, request={"continuation_token": "tok1"})) == [[0, 1]]


def test_everything_about_an_id_joins_its_newest_earlier_create() -> None:
    path = "/v1/interactions/v1_a"
    calls = [
        create(0),
        get(2),
        exchange(None, [], path=path, query=(("stream", "true"),), at_us=START_US + 3 * SECOND),
        exchange(None, answer("v1_a"), path=f"{path}/cancel", method="POST", at_us=START_US + 4 * SECOND),
        exchange(None, {}, path=path, method="DELETE", at_us=START_US + 5 * SECOND),
        create(6, request={**ASKED, "input": "the id again"}),
        get(7),
        get(8, project="other"),
        get(9, origin="https://aiplatform.googleapis.com"),
    ]
    assert groups(*calls) == [[0, 1, 2, 3, 4], [5, 6], [7], [8]]


def test_polls_of_a_job_nobody_saw_begin_stay_together() -> None:
    assert groups(get(0), get(2), create(4), get(6)) == [[0, 1], [2, 3]]


def test_at_the_same_instant_a_create_comes_first() -> None:
    assert groups(get(0), create(0)) == [[1, 0]]


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_id_joins_nothing(nothing: str | None) -> None:
    assert groups(create(0, nothing), create(2, nothing, request={**ASKED, "input": "Bye"})) == [[0], [1]]
    facts = identity.read(create(0, nothing, request={**ASKED, "previous_interaction_id": ""}))
    assert facts is not None
    assert (facts.interaction_id, facts.previous_id) == (None, None)


def test_a_running_stream_tells_its_id_with_its_first_event() -> None:
    body = b"".join(sse_chunks(text_stream("v1_a", ["Hel"], ended=False), done=False))
    events = (("content-type", "text/event-stream"),)
    told = []
    for size in range(len(body) + 1):
        facts = identity.read(create(0, response=body[:size], outcome=Outcome.OPEN, response_headers=events))
        assert facts is not None
        told.append(facts.interaction_id)
    assert told == sorted(told, key=lambda each: each is not None)
    assert (told[0], told[-1]) == (None, "v1_a")


def test_the_legacy_dialect_tells_its_id_too() -> None:
    started = [{"event_type": "interaction.start", "interaction": {"id": "v1_old", "status": "in_progress"}}]
    facts = identity.read(create(0, response=started))
    assert facts is not None
    assert facts.interaction_id == "v1_old"


def test_ids_are_compared_as_they_are_meant_not_as_a_path_spells_them() -> None:
    assert groups(create(0, "a/b ü"), get(2, "a%2Fb%20%C3%BC")) == [[0, 1]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"id": 7}',
        b'{"id": ["v1"]}',
        b'{"interaction": []}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_odd_bodies_tell_nothing_and_break_nothing(body: bytes) -> None:
    for content_type in ("application/json", "text/event-stream"):
        headers = (("content-type", content_type),)
        odd = create(0, response=body, response_headers=headers)
        facts = identity.read(replace(odd, request_body=body))
        assert facts is not None
        assert facts.interaction_id is None


def test_half_a_character_in_an_id_is_made_storable() -> None:
    facts = identity.read(create(0, response=b'{"id": "v1_\\ud800"}'))
    assert facts is not None
    assert facts.interaction_id == "v1_?"


def test_other_calls_are_none_of_ours() -> None:
    assert identity.read(exchange({"contents": []}, {}, path="/v1beta/models/m:generateContent")) is None


def test_a_get_only_group_knows_what_it_continues_from_the_response() -> None:
    body = answer("v1_b", previous_interaction_id="v1_a")
    polled = exchange(None, body, path="/v1/interactions/v1_b")
    (group,) = identity.group([facts for facts in [identity.read(polled)] if facts])
    assert (group.key, group.interaction_id, group.previous_id) == (polled.key, "v1_b", "v1_a")


def test_the_key_is_that_of_the_earliest_exchange_then_of_the_smallest() -> None:
    common: dict[str, Any] = {"project": "p", "origin": "o", "interaction_id": "x"}
    facts = [
        Facts(key="b", operation="create", started_at_us=1, **common),
        Facts(key="a", operation="get", started_at_us=1, **common),
        Facts(key="0", operation="get", started_at_us=2, **common),
    ]
    (group,) = identity.group(facts)
    assert group.key == "a"
    assert [fact.key for fact in group.facts] == ["b", "a", "0"]


def test_ghosts_of_different_scopes_have_different_keys() -> None:
    keys = {
        identity.ghost_key(*scope) for scope in [("p", "o", "x"), ("q", "o", "x"), ("p", "ox", ""), ("po", "", "x")]
    }
    assert len(keys) == 4
    assert identity.ghost_key("p", "o", "x") == identity.ghost_key("p", "o", "x")
