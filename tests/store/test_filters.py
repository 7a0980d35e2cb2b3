"""The filter language: what it finds, and what it says about mistakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import UsageError
from tracer.store.filters import parse
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call
from tracer.wire.exchange import Outcome

SECOND = 1_000_000
NOW = START_US + 3600 * SECOND


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    path = tmp_path_factory.mktemp("filters") / "tracer.db"
    fast, slow = {"model": "gemini-3.5-flash"}, {"model": "nobody-knows-3-pro"}
    usage = {"total_input_tokens": 1000, "total_output_tokens": 500, "total_tokens": 1500}
    calls = [
        exchange({**fast, "input": "the quick brown fox"}, answer("plain", text="jumps over it"), took_us=200_000),
        exchange(
            {**slow, "input": "weather?", "tools": []},
            answer(
                "tool", status="requires_action", steps=[function_call("1", "get_weather", city="Oslo")], usage=usage
            ),
            at_us=START_US + 1000 * SECOND,
            took_us=6 * SECOND,
            run="b" * 32,
        ),
        exchange(
            {**slow, "input": "left", "previous_interaction_id": "tool"},
            answer("left", text="quickly 100% sure"),
            at_us=START_US + 1100 * SECOND,
            run="b" * 32,
        ),
        exchange(
            {**slow, "input": "right", "previous_interaction_id": "tool", "background": True},
            answer("right", status="in_progress", usage=None),
            at_us=START_US + 1200 * SECOND,
            run="b" * 32,
        ),
        exchange(
            {**fast, "input": "broken"},
            {"error": {"code": 400, "message": "bad"}},
            status=400,
            at_us=START_US + 2000 * SECOND,
        ),
        exchange(
            {**fast, "input": "orphan", "previous_interaction_id": "unseen"},
            answer("orphan", status="failed", usage=None, errors=[{"code": "x", "message": "y"}]),
            at_us=START_US + 2100 * SECOND,
        ),
        exchange({**fast, "input": "running"}, None, status=None, at_us=START_US + 3000 * SECOND, outcome=Outcome.OPEN),
    ]
    with Writer(path) as writer:
        writer.begin_run("0" * 32, "test", START_US, [], {"branch": "main"})
        writer.begin_run("b" * 32, "test", START_US + 1, [], {"branch": "dev", "ci": "1"})
        writer.apply(calls)
    with Reader(path) as reader:
        yield reader


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "plain tool left right broken orphan running"),
        ("status:failed", "orphan"),
        ("status:completed,in_progress", "plain left right"),
        ("model:flash", "plain broken orphan running"),
        ("model:FLASH status:completed", "plain"),
        ("not:model:flash", "tool left right"),
        ("not:not:model:flash", "plain broken orphan running"),
        ("not:status:completed", "tool right broken orphan running"),
        ("tool:get_weather", "tool"),
        ("tool:weather", ""),
        ("latency:5s..", "tool"),
        ("latency:>5s", "tool"),
        ("latency:..300ms", "plain"),
        ("latency:<=200ms", "plain"),
        ("latency:0.1s..0.5s", "plain"),
        ("tokens:1000..", "tool"),
        ("tokens:1.5k", "tool"),
        ("cost:0..", "plain"),
        ("cost:>1000", ""),
        ("tag:branch=main", "plain broken orphan running"),
        ("tag:ci", "tool left right"),
        ("tag:branch=nope", ""),
        ("has:thought", "plain left"),
        ("has:tool", "tool"),
        ("has:error", "broken orphan"),
        ("has:parent", "left right orphan"),
        ("is:background", "right"),
        ("is:failed", "broken orphan"),
        ("is:running", "right running"),
        ("is:fork", "tool"),
        ("is:root", "plain tool broken running"),
        ("is:ghost", "unseen"),
        ("since:30m", "broken orphan running"),
        ("since:1000s", "running"),
        ("run:@last", "tool left right"),
        ("run:bbb", "tool left right"),
        ("project:test", "plain tool left right broken orphan running"),
        ("project:other", ""),
        ("id:ri", "right"),
        ("quick", "plain left"),
        ('"quick brown"', "plain"),
        ("quick brown", "plain"),
        ("quick not:brown", "left"),
        ('"brown quick"', ""),
        ("FOX jum", "plain"),
        ('model:"3-pro" oslo', "tool"),
        ("100%", "left"),
        ("get_weather", "tool"),
    ],
)
def test_a_filter_finds(reader: Reader, text: str, expected: str) -> None:
    found = reader.interactions(parse(text, now_us=NOW), "test")
    assert sorted(row.id or row.prompt for row in found) == sorted(expected.split())


def test_conversations_are_found_by_their_interactions(reader: Reader) -> None:
    seqs = reader.conversation_seqs(parse("tool:get_weather", now_us=NOW), "test")
    assert [row.title for row in reader.conversations(seqs)] == ["weather?"]
    without_model = reader.conversation_seqs(
        parse("not:has:usage not:status:failed not:is:running", now_us=NOW), "test"
    )
    assert [row.title for row in reader.conversations(without_model)] == ["broken"], "a ghost is no match"
    assert list(reader.conversation_seqs(parse("since:1h", now_us=NOW), "test")) == sorted(
        reader.conversation_seqs(None, "test"), reverse=True
    )


@pytest.mark.parametrize(
    ("text", "caret", "says"),
    [
        ("statu:x", 0, "no filter is called 'statu'; there are status, model, agent, tool, latency"),
        ("model:a  latency:fast", 17, "'fast' is no duration"),
        ("not:latency:5kg", 12, "'5kg' is no duration: a number, perhaps with a unit (us, "),
        ("latency:..", 8, "a range needs a lower or an upper end"),
        ("tokens:5s", 7, "'5s' is no count"),
        ("has:luck", 4, "has: knows thought, tool, error"),
        ("is:lost", 3, "is: knows background, stream, failed"),
        ("model:", 6, "model: needs a value"),
        ("ok ---", 3, "a search needs a word to look for"),
        ("since:yesterday", 6, "'yesterday' is no duration"),
    ],
)
def test_a_mistake_is_named_with_a_caret(text: str, caret: int, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    problem, shown, pointer = str(caught.value).split("\n")
    assert problem.startswith(says)
    assert shown == f"  {text}"
    assert pointer == "  " + " " * caret + "^"


@given(st.text(alphabet=st.sampled_from("abc:\"\\'%_.,;<>=-*^()@ not:statusmodellatency5sk日\x00"), max_size=40))
def test_whatever_is_typed_finds_something_or_is_a_mistake(reader: Reader, text: str) -> None:
    try:
        where = parse(text, now_us=NOW)
    except UsageError:
        return
    reader.interactions(where, "test")
    reader.conversation_seqs(where, "test")


def test_filters_join() -> None:
    both = parse("model:a") & parse("status:b")
    assert both.where() == parse("model:a status:b").where()
    assert both.text == "model:a status:b"


@pytest.mark.parametrize(
    ("text", "any_project"),
    [("model:a", False), ("project:x", True), ("run:abc", True), ("run:@last", False), ("not:project:x", False)],
)
def test_a_filter_that_names_a_project_or_run_looks_beyond_the_present_one(text: str, any_project: bool) -> None:
    assert parse(text).any_project is any_project
    assert (parse(text) & parse("is:failed")).any_project is any_project


def test_sort_is_no_condition_and_the_last_one_holds() -> None:
    found = parse("sort:tokens status:failed sort:cost")
    assert found.sort == "cost"
    assert len(found.conditions) == 1
    assert (parse("sort:cost") & parse("status:failed")).sort == "cost"


@pytest.mark.parametrize(
    ("text", "said"), [("sort:size", "sort: knows cost, tokens, latency, oldest"), ("not:sort:cost", "not: can't")]
)
def test_a_wrong_sort_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)
