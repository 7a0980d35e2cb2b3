from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import UsageError
from tracer.player.matching import ABSENT, IdMap, call_of, canonical, explain, shown
from tracer.player.paths import parse_path, remove
from tracer.player.reply import Call
from tracer.testing import exchange, function_result

TEXT = {"type": "text", "text": "Hi"}
IMAGE = {"type": "image", "data": "aGk=", "mime_type": "image/png"}
ASKED = {"model": "gemini-3.5-flash", "input": "Hi"}


def call(body: Any = None, path: str = "/v1/interactions", method: str = "POST", query: str = "") -> Call:
    pairs = tuple((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))
    return Call(method, path, pairs, (), b"" if body is None else json.dumps(body).encode())


def key(*arguments: Any, ignore: tuple[str, ...] = (), **more: Any) -> str:
    return canonical(call(*arguments, **more), ignore=[parse_path(path) for path in ignore]).key


@pytest.mark.parametrize(
    "same",
    [
        [TEXT],
        TEXT,
        ["Hi"],
        [{"type": "user_input", "content": [TEXT]}],
        [{"type": "user_input", "content": "Hi"}],
        {"type": "user_input", "content": "Hi"},
    ],
)
def test_spellings_of_one_text_are_one(same: Any) -> None:
    assert key({**ASKED, "input": same}) == key(ASKED)


def test_contents_next_to_each_other_are_one_user_input() -> None:
    result = function_result("fc1", "get_weather", {"t": 1})
    wrapped = [{"type": "user_input", "content": [TEXT, IMAGE]}, result]
    assert key({**ASKED, "input": [TEXT, IMAGE, result]}) == key({**ASKED, "input": wrapped})
    assert key({**ASKED, "input": [TEXT, result, IMAGE]}) != key({**ASKED, "input": wrapped})
    assert key({**ASKED, "input": result}) == key({**ASKED, "input": [result]})


def test_what_sdk_releases_change_does_not_matter() -> None:
    plain = key(ASKED)
    assert key({"input": "Hi", "model": "gemini-3.5-flash"}) == plain
    assert key(ASKED, "/v1beta/interactions") == plain
    assert key(ASKED, "/gateway/v1beta1/projects/p/locations/l/interactions") == plain
    assert key(ASKED, query="key=secret&alt=sse") == plain
    for name, default in {"stream": False, "store": True, "background": False, "tools": None}.items():
        assert key({**ASKED, name: default}) == plain
    gotten = key(None, "/v1/interactions/v1_a", "GET")
    assert key(None, "/v1beta/interactions/v1_a", "GET", "stream=false") == gotten
    assert key(None, "/v1beta/interactions/v1_a", "GET", "include_input=true") != gotten


def test_numbers_are_compared_as_json_numbers() -> None:
    hot = {**ASKED, "generation_config": {"temperature": 1}}
    assert key({**ASKED, "generation_config": {"temperature": 1.0}}) == key(hot)
    assert key({**ASKED, "generation_config": {"temperature": True}}) != key(hot)
    assert key({**ASKED, "generation_config": {"temperature": 1.5}}) != key(hot)


@pytest.mark.parametrize(
    "other",
    [
        {**ASKED, "input": "Hi!"},
        {**ASKED, "model": "gemini-3.5-pro"},
        {**ASKED, "stream": True},
        {**ASKED, "store": False},
        {**ASKED, "background": True},
        {**ASKED, "previous_interaction_id": "v1_a"},
        {**ASKED, "store": 1},
    ],
)
def test_what_changes_the_answer_matters(other: dict[str, Any]) -> None:
    assert key(other) != key(ASKED)


def test_operations_and_ids_are_told_apart() -> None:
    one = "/v1/interactions/v1_a"
    keys = [
        key(None, one, "GET"),
        key(None, "/v1/interactions/v1_b", "GET"),
        key(None, one, "GET", "stream=true"),
        key(None, one, "GET", "stream=true&last_event_id=e1"),
        key(None, one, "DELETE"),
        key(None, f"{one}/cancel", "POST"),
        key(None, "/v1/files/a", "GET"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(None, "/v1beta/files/a", "GET") == keys[-1]
    assert all(text.startswith("m1:") for text in keys)


def test_issued_ids_are_read_as_recorded_ones() -> None:
    ids = IdMap()
    ids.issue("v1_recorded", "v1_issued")
    ids.issue("fc_recorded", "fc_issued")
    asked = {
        "model": "m",
        "previous_interaction_id": "v1_issued",
        "input": [function_result("fc_issued", "f", "v1_issued")],
    }
    recorded = {
        "model": "m",
        "previous_interaction_id": "v1_recorded",
        "input": [function_result("fc_recorded", "f", "v1_issued")],
    }
    assert canonical(call(asked), recorded_id=ids.recorded).key == key(recorded)
    got = canonical(call(None, "/v1/interactions/v1_issued", "GET"), recorded_id=ids.recorded)
    assert got.target == "v1_recorded"


def test_ignored_paths_are_left_out() -> None:
    day = {**ASKED, "labels": {"day": "monday"}, "tools": [{"name": "a", "note": 1}, {"name": "b", "note": 2}]}
    other = {**ASKED, "labels": {"day": "friday"}, "tools": [{"name": "a", "note": 3}, {"name": "b", "note": 4}]}
    assert key(day, ignore=("$.labels.day", "tools[*].note")) == key(other, ignore=("$.labels.day", "tools[*].note"))
    assert key(day, ignore=("labels",)) != key(other, ignore=("labels",))
    assert key({**ASKED, "input": "a"}, ignore=("input[0].content[0].text",)) == key(
        {**ASKED, "input": "b"}, ignore=("input[0].content[0].text",)
    )


def test_paths() -> None:
    assert parse_path("$.a[0].b[*].*") == ("a", 0, "b", "*", "*")
    assert remove({"a": [{"b": 1, "c": 2}, 5]}, ("a", "*", "b")) == {"a": [{"c": 2}, 5]}
    assert remove([1, 2, 3], (1,)) == [1, None, 3]
    assert remove({"a": 1, "b": {"a": 1}}, ("*", "a")) == {"a": 1, "b": {}}
    for wrong in ("", "$", "a[", "a..b", "[x]", "a b["):
        with pytest.raises(UsageError, match=r"JSON path|names no field"):
            parse_path(wrong)


def test_body_that_is_not_json_is_compared_as_text() -> None:
    one, other = (Call("POST", "/v1/interactions", (), (), body) for body in (b"\xff\x00{", b"\xff\x01{"))
    assert canonical(one).key == canonical(one).key != canonical(other).key


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12))
def test_any_body_has_a_stable_key(body: Any) -> None:
    again = json.loads(json.dumps(body, sort_keys=True))
    assert key({**ASKED, "x": body}) == key({"x": again, **ASKED})
    assert canonical(call(body)).key == canonical(call(again)).key


def explained(asked: Any, *recorded: Any) -> tuple[int, str, Any, Any] | None:
    exchanges = [exchange(body, at_us=n) for n, body in enumerate(recorded)]
    found = explain(canonical(call(asked)), [(canonical(call_of(one)), one) for one in exchanges])
    return found and (exchanges.index(found.exchange), found.path, found.recorded, found.asked)


def test_explanation_names_the_first_difference_to_the_nearest() -> None:
    far = {"model": "other", "input": "Something else", "tools": [{"type": "google_search"}]}
    near = {"model": "m", "input": "Write about rivers"}
    nearer = {"model": "m", "input": "Write about lakes and rivers"}
    asked = {"model": "m", "input": "Write about lakes"}
    at = "input[0].content[0].text"
    assert explained(asked, far, near, nearer) == (2, at, "Write about lakes and rivers", "Write about lakes")
    assert explained({**asked, "store": False}, asked) == (0, "store", ABSENT, False)
    assert explained(asked, {**asked, "seed": 1}) == (0, "seed", 1, ABSENT)
    assert explained(asked, asked) is None
    assert explained(asked) is None


def test_long_values_are_shown_where_they_differ() -> None:
    old, new = "a" * 500 + "OLD" + "b" * 500, "a" * 500 + "NEW" + "b" * 500
    assert shown("short", "other") == '"short"'
    assert shown(ABSENT, 1) == "(absent)"
    text = shown(old, new)
    assert "OLD" in text
    assert text[0] == text[-1] == "…"
    assert len(text) < 210


def test_boundary_of_a_multipart_body_does_not_matter() -> None:
    def upload(boundary: str, content: str, quote: str = "") -> str:
        body = f"--{boundary}\r\ncontent-type: text/plain\r\n\r\n{content}\r\n--{boundary}--\r\n".encode()
        kind = (("Content-Type", f"multipart/related; boundary={quote}{boundary}{quote}"),)
        return canonical(Call("POST", "/upload/v1beta/files", (), kind, body)).key

    assert upload("f3a9", "milk") == upload("77==_b1", "milk", '"')
    assert upload("f3a9", "milk") != upload("f3a9", "tea")
