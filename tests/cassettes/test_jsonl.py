from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.cassettes.jsonl import dump_line, is_line, read_line
from tracer.errors import CassetteError
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Chunk, Exchange, Outcome

ASKED = {"model": "gemini-3.5-flash", "input": "Grüß dich"}
BELONGING = {"run": None, "project": None, "account": None}

us = st.integers(0, 1 << 61)
header_text = st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
headers = st.lists(st.tuples(header_text, header_text), max_size=3).map(tuple)
exchanges = st.builds(
    Exchange,
    key=st.text("0123456789abcdef", min_size=32, max_size=32),
    origin=st.sampled_from(["https://generativelanguage.googleapis.com", "http://127.0.0.1:80"]),
    started_at_us=us,
    method=st.sampled_from(["GET", "POST"]),
    path=header_text,
    query=headers,
    request_headers=headers,
    request_body=st.binary(max_size=40),
    request_size=us,
    status=st.none() | st.integers(100, 599),
    response_headers=headers,
    headers_at_us=st.none() | us,
    response_body=st.binary(max_size=40) | st.text(st.characters(codec="utf-8"), max_size=9).map(str.encode),
    response_size=us,
    chunks=st.lists(st.builds(Chunk, us, us, us), max_size=3).map(tuple),
    ended_at_us=st.none() | us,
    outcome=st.sampled_from(Outcome),
    error=st.none() | header_text,
    notes=st.lists(header_text, max_size=2).map(tuple),
)


def read(line: str | bytes, where: str = "line 1 of 'x'") -> Exchange:
    return read_line(json.loads(line), where)


@settings(max_examples=60, deadline=None)
@given(exchanges)
def test_every_exchange_comes_back_from_one_line(one: Exchange) -> None:
    line = dump_line(one)
    assert "\n" not in line
    assert is_line(json.loads(line))
    assert read(line.encode()) == one


def test_a_line_is_readable_and_says_nothing_of_where_it_was() -> None:
    one = exchange(ASKED, text_stream("v1_a", ["Hal", "lo"]), account="k:0123456789ab")
    line = dump_line(one)
    assert "Grüß" in json.loads(line)["request_body"] or "Gr\\u00fc" in json.loads(line)["request_body"]
    assert "k:0123456789ab" not in line
    assert read(line) == replace(one, **BELONGING)
    told = set(json.loads(line)) - {"tracer", "format"}
    assert told == {field.name for field in fields(Exchange)} - BELONGING.keys()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "200"}, "'status'"),
        ({"started_at_us": -1}, "'started_at_us'"),
        ({"started_at_us": True}, "'started_at_us'"),
        ({"request_body": 3}, "'request_body'"),
        ({"response_body": {"base64": "?"}}, "base64"),
        ({"query": {}}, "'query'"),
        ({"query": ["abc"]}, ""),
        ({"chunks": [[1, 2]]}, ""),
        ({"outcome": "lost"}, "lost"),
        ({"error": 5}, "'error'"),
        ({"path": None}, "'path'"),
    ],
)
def test_a_damaged_line_is_named(change: dict[str, Any], told: str) -> None:
    value = {**json.loads(dump_line(exchange(ASKED, answer("v1_a")))), **change}
    with pytest.raises(CassetteError) as raised:
        read_line(value, "line 7 of 'x.jsonl'")
    assert "line 7 of 'x.jsonl' is damaged" in str(raised.value)
    assert told in str(raised.value)


def test_a_line_that_lacks_something_is_damaged_and_a_newer_one_is_refused() -> None:
    value = json.loads(dump_line(exchange(ASKED, answer("v1_a"))))
    with pytest.raises(CassetteError, match="response_body"):
        read_line({name: field for name, field in value.items() if name != "response_body"}, "x")
    with pytest.raises(CassetteError, match=r"format 2.*update interactions-tracer"):
        read_line({**value, "format": 2}, "x")
