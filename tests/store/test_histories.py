"""Calls that carry their history along: found by it, whatever is recorded first."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tracer.store.reader import Reader
from tracer.store.rows import InteractionRow
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
HERE = "https://generativelanguage.googleapis.com"


def user(text: str) -> dict[str, Any]:
    return {"type": "user_input", "content": [{"type": "text", "text": text}]}


def model(text: str) -> dict[str, Any]:
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def call(second: int, said: Any, told: Any, **more: Any) -> Exchange:
    asked = {"model": "gemini-3.5-flash", "store": False, "input": said, **more.pop("asked", {})}
    response = answer(None, text=told) if isinstance(told, str) else told
    return exchange(asked, response, at_us=START_US + second * SECOND, key=f"{second:032x}", **more)


def parents(rows: list[InteractionRow]) -> dict[int, tuple[int | None, str | None]]:
    """Second of the start -> second of the parent's start, and what links them."""
    return {int(row.key, 16): (row.parent_key and int(row.parent_key, 16), row.linked_by) for row in rows}


CHAT = [
    call(1, "Hi", "Hello."),
    call(2, [user("Hi"), model("Hello."), user("Who?")], "Me."),
    call(3, [user("Hi"), model("Hello."), user("Who?"), model("Me."), user("Why?")], "So."),
    call(4, [user("Hi"), model("Hello."), user("Where?")], "Here."),
]
LINKED = {1: (None, None), 2: (1, "history"), 3: (2, "history"), 4: (1, "history")}


def test_a_chat_without_ids_is_a_tree_in_whatever_order_it_is_recorded(tmp_path: Path) -> None:
    for number, order in enumerate(permutations(CHAT)):
        path = tmp_path / f"{number}.db"
        with Writer(path) as writer, Reader(path) as reader:
            for one in order:
                writer.apply([one])
            assert parents(reader.interactions()) == LINKED
            (conversation,) = reader.conversations(reader.conversation_seqs())
            assert (conversation.interactions, conversation.title) == (4, "Hi")


def linked(tmp_path: Path, *some: Exchange) -> dict[int, tuple[int | None, str | None]]:
    forth, back = tmp_path / "forth.db", tmp_path / "back.db"
    for path, order in ((forth, some), (back, some[::-1])):
        with Writer(path) as writer:
            for one in order:
                writer.apply([one])
    with Reader(forth) as one, Reader(back) as other:
        assert parents(one.interactions()) == parents(other.interactions())
        return parents(one.interactions())


def test_of_equal_ones_the_newest_before_it(tmp_path: Path) -> None:
    goes_on = [user("Hi"), model("Hello."), user("Who?")]
    same = [call(1, "Hi", "Hello."), call(2, "Hi", "Hello."), call(5, "Hi", "Hello.")]
    assert linked(tmp_path, *same, call(3, goes_on, "Me."), call(9, goes_on, "I."))[3] == (2, "history")


@pytest.mark.parametrize(
    "sent_back",
    [
        [
            {"role": "user", "content": "Hi"},
            {"role": "model", "content": " Hello, you.\n"},
            {"role": "user", "content": "Who?"},
        ],
        [user("Hi"), model("Hello, "), model("you."), user("Who?")],
        [user("Hi"), {"type": "thought", "signature": "c2ln"}, model("Hello, you."), user("Who?")],
        [{"type": "text", "text": "Hi"}, model("Hello, you."), {"type": "text", "text": "Who?"}],
    ],
)
def test_how_an_app_writes_its_history_makes_no_difference(tmp_path: Path, sent_back: list[Any]) -> None:
    streamed = text_stream("", ["Hello, ", "you."])
    assert linked(tmp_path, call(1, "Hi", streamed), call(2, sent_back, "Me."))[2] == (1, "history")


def test_a_tool_loop(tmp_path: Path) -> None:
    weather = function_call("fc1", "get_weather", city="Oslo", unit="C")
    turned = {**weather, "arguments": {"unit": "C", "city": "Oslo"}}
    result = function_result("fc1", "get_weather", {"temp": 20})
    asks = call(1, "Weather?", answer(None, steps=[{"type": "thought", "signature": "x"}, weather]))
    brings = call(2, [user("Weather?"), turned, result], "20.")
    goes_on = call(3, [user("Weather?"), turned, result, model("20."), user("And Rome?")], "22.")
    assert linked(tmp_path, asks, brings, goes_on) == {1: (None, None), 2: (1, "history"), 3: (2, "history")}
    other = call(4, [user("Weather?"), {**turned, "id": "fc2"}, result], "20.")
    assert linked(tmp_path, other)[4] == (None, None)


@pytest.mark.parametrize(
    "before",
    [
        call(1, "Hi", "Hello!"),
        call(1, "Hi!", "Hello."),
        call(5, "Hi", "Hello."),
        call(1, "Hi", "Hello.", project="another"),
        call(1, "Hi", "Hello.", origin="https://other.example"),
        call(1, "Hi", "Hello.", outcome=Outcome.OPEN),
        call(1, "Hi", {"error": {"code": 500, "message": "no"}}, status=500),
        call(1, "Hi", "Hello.", asked={"previous_interaction_id": "v1_before"}),
    ],
)
def test_what_was_said_elsewhere_later_or_otherwise_is_no_parent(tmp_path: Path, before: Exchange) -> None:
    assert linked(tmp_path, before, CHAT[1])[2] == (None, None)


def test_an_id_is_believed_before_the_history(tmp_path: Path) -> None:
    other = call(1, "Hey", answer("v1_other", text="Yes?"), asked={"store": True})
    both = call(3, [user("Hi"), model("Hello."), user("Who?")], "Me.", asked={"previous_interaction_id": "v1_other"})
    assert linked(tmp_path, call(2, "Hi", "Hello."), other, both)[3] == (1, "id")


def test_a_picture_counts_by_what_it_shows(tmp_path: Path) -> None:
    def seen(data: str) -> list[Any]:
        return [{"type": "user_input", "content": [{"type": "image", "data": data, "mime_type": "image/png"}]}]

    goes_on = call(3, [*seen("b"), model("A cat."), user("Sure?")], "Yes.")
    assert linked(tmp_path, call(1, seen("a"), "A cat."), call(2, seen("b"), "A cat."), goes_on)[3] == (2, "history")


def test_turns_that_nobody_recorded_are_bridged(tmp_path: Path) -> None:
    assert linked(tmp_path, CHAT[0], CHAT[2])[3] == (1, "history")


def test_conversations_that_became_one_are_told(tmp_path: Path) -> None:
    with Writer(tmp_path / "t.db") as writer, Reader(tmp_path / "t.db") as reader:
        writer.apply([CHAT[1]])
        writer.apply([CHAT[3]])
        rev, before = reader.last_rev(), list(reader.conversation_seqs())
        assert list(reader.gone_since(0)) == []
        writer.apply([CHAT[0]])
        after = list(reader.conversation_seqs())
        assert set(reader.gone_since(rev, "test")) == set(before) - set(after)
        assert list(reader.gone_since(rev, "another")) == list(reader.gone_since(reader.last_rev())) == []
        assert [row.seq for row in reader.conversations_since(rev)] == after


def test_the_app_s_own_time_between_call_and_result(tmp_path: Path) -> None:
    weather = function_call("fc1", "get_weather", city="Oslo")
    result = function_result("fc1", "get_weather", 20)
    asks = call(1, "Weather?", answer(None, steps=[weather]))
    brings = call(5, [user("Weather?"), weather, result], "20.")
    goes_on = call(9, [user("Weather?"), weather, result, model("20."), user("And Rome?")], "22.")
    again = call(12, [user("Weather?"), weather, result], "21.")
    with Writer(tmp_path / "t.db") as writer, Reader(tmp_path / "t.db") as reader:
        writer.apply([asks, brings, goes_on, again])

        def waited(one: Exchange) -> list[tuple[str, int, int, float | None]]:
            found = reader.tool_times(one.key)
            return [(each.call_id, int(each.made_by, 16), int(each.answered_by, 16), each.ms) for each in found]

        assert waited(asks) == [("fc1", 1, 5, 3000.0), ("fc1", 1, 12, 10000.0)]
        assert waited(brings) == [("fc1", 1, 5, 3000.0)]
        assert waited(goes_on) == []
        assert [row.key for row in reader.path(goes_on.key)] == [asks.key, brings.key, goes_on.key]


def test_a_result_may_come_more_than_one_turn_later(tmp_path: Path) -> None:
    calls = [function_call("fc1", "slow"), function_call("fc2", "fast")]
    made = exchange({"input": "Do"}, answer("v1_a", steps=calls), at_us=START_US)
    fast = exchange(
        {"input": [function_result("fc2", "fast", 1)], "previous_interaction_id": "v1_a"},
        answer("v1_b", text="Wait."),
        at_us=START_US + 2 * SECOND,
    )
    slow = exchange(
        {"input": [function_result("fc1", "slow", 1)], "previous_interaction_id": "v1_b"},
        answer("v1_c", text="Done."),
        at_us=START_US + 9 * SECOND,
    )
    with Writer(tmp_path / "t.db") as writer, Reader(tmp_path / "t.db") as reader:
        writer.apply([made, fast, slow])
        assert [(one.call_id, one.made_by, one.ms) for one in reader.tool_times(slow.key)] == [
            ("fc1", made.key, 8000.0)
        ]
        assert [one.call_id for one in reader.tool_times(made.key)] == ["fc2"]
