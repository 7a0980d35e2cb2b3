from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
import yaml

from tracer.cassettes.foreign import read_recording
from tracer.errors import CassetteError
from tracer.testing import answer

BODY = json.dumps(answer("v1_a", text="Grüß dich.", created="2026-08-17T16:21:52Z")).encode()
URI = "https://generativelanguage.googleapis.com/v1beta/interactions?alt=sse&empty="


def cassette(*bodies: Any, headers: dict[str, Any] | None = None) -> str:
    request = {"method": "POST", "uri": URI, "body": '{"input":"Hi"}', "headers": {"Accept": ["a", "b"], "X": "c"}}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers or {}}
    calls = [{"request": request, "response": {**response, "body": body}} for body in bodies]
    return yaml.safe_dump({"version": 1, "interactions": calls})


def test_what_a_vcr_cassette_tells() -> None:
    [exchange] = read_recording(cassette({"string": BODY.decode()}), "c.yaml")
    assert (exchange.method, exchange.status, exchange.origin) == (
        "POST",
        200,
        "https://generativelanguage.googleapis.com",
    )
    assert (exchange.path, exchange.query) == ("/v1beta/interactions", (("alt", "sse"), ("empty", "")))
    assert exchange.request_header("accept") == "a, b"
    assert exchange.request_body == b'{"input":"Hi"}'
    assert exchange.response_body == BODY
    assert exchange.started_at_us == 1_786_983_712_000_000
    assert (exchange.chunks, exchange.ended_at_us) == ((), None)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (BODY.decode(), None),
        (BODY, None),
        ({"string": BODY}, None),
        ({"string": BODY}, "gzip"),
        ({"string": gzip.compress(BODY)}, "gzip"),
        ({"encoding": "utf8", "base64_string": base64.b64encode(BODY).decode()}, None),
        ({"string": BODY}, "unheard-of"),
    ],
)
def test_every_way_a_body_is_kept(body: Any, coding: str | None) -> None:
    headers = {"Content-Encoding": [coding]} if coding else {}
    [exchange] = read_recording(cassette(body, headers=headers), "c.yaml")
    assert exchange.response_body == BODY


def test_parsed_bodies_are_json_again() -> None:
    message = {"headers": {"content-type": ["application/json"]}}
    asked = {**message, "method": "POST", "uri": URI, "parsed_body": {"input": "Grüß", "stream": False}}
    told = {**message, "status": {"code": 200, "message": "OK"}, "parsed_body": json.loads(BODY)}
    call = {"version": 1, "interactions": [{"request": asked, "response": told}]}
    [exchange] = read_recording(yaml.safe_dump(call, allow_unicode=True), "c.yaml")
    assert json.loads(exchange.request_body) == asked["parsed_body"]
    assert json.loads(exchange.response_body) == json.loads(BODY)


def test_a_body_written_as_yaml_is_json_again() -> None:
    [exchange] = read_recording(cassette({"id": "v1_a", "outputs": []}), "c.yaml")
    assert json.loads(exchange.response_body) == {"id": "v1_a", "outputs": []}


def test_calls_keep_the_files_order_and_get_the_same_keys_again() -> None:
    text = cassette({"string": "{}"}, {"string": BODY.decode()}, {"string": "{}"}, {"string": "{}"})
    exchanges = read_recording(text, "c.yaml")
    starts = [exchange.started_at_us for exchange in exchanges]
    assert starts == sorted(set(starts))
    assert starts[0] == 1_786_983_712_000_000
    keys = [exchange.key for exchange in exchanges]
    assert keys == sorted(set(keys))
    assert keys == [exchange.key for exchange in read_recording(text, "elsewhere.yaml")]


def test_without_a_date_it_is_the_epoch() -> None:
    [exchange] = read_recording(cassette({"string": '{"created": "soon"}'}), "c.yaml")
    assert exchange.started_at_us == 0


def test_when_then_documents() -> None:
    text = """
when:
  path: /v1beta/interactions/v1_a
  method: GET
  query_param:
  - {name: stream, value: 'true'}
  header:
  - {name: accept, value: '*/*'}
then:
  status: 200
  header:
  - {name: content-type, value: text/event-stream}
  body: |+
    data: [DONE]

---
when: {path: /v1beta/interactions, method: POST}
then: {status: 500}
"""
    first, second = read_recording(text, "r.yaml")
    assert (first.method, first.path, first.query) == ("GET", "/v1beta/interactions/v1_a", (("stream", "true"),))
    assert first.response_header("content-type") == "text/event-stream"
    assert first.response_body == b"data: [DONE]\n\n"
    assert (second.status, second.response_body, second.request_body) == (500, b"", b"")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "'c.yaml' is not valid YAML"),
        ("interactions: !!python/object:os.system []", "'c.yaml' is not valid YAML"),
        ("hello: world", "'c.yaml' is no recording"),
        ("- 1", "'c.yaml' is no recording"),
        ("interactions: 7", "'c.yaml' is no recording"),
    ],
)
def test_damaged_files_are_named(text: str, told: str) -> None:
    with pytest.raises(CassetteError) as raised:
        read_recording(text, "c.yaml")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"request": 1, "response": 2},
        {"request": {"uri": "http://[::1/x", "body": 7, "headers": [1]}, "response": {"status": 3, "body": 4}},
        {"request": {"uri": "x"}, "response": {"status": {"code": "200"}, "body": {"base64_string": "?"}}},
    ],
)
def test_odd_calls_are_read_as_far_as_they_go(call: dict[str, Any]) -> None:
    [exchange] = read_recording(yaml.safe_dump({"interactions": [call]}), "c.yaml")
    assert exchange.status is None
