from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tracer.imports.found import Found, Skipped
from tracer.imports.har import entries_of, read_entries
from tracer.testing import START_US
from tracer.wire.exchange import Exchange, Outcome

URL = "https://generativelanguage.googleapis.com/v1/interactions?alt=sse&empty="


def entry(**changes: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": URL,
        "httpVersion": "HTTP/2",
        "headers": [{"name": ":authority", "value": "x"}, {"name": "Accept", "value": "a"}],
        "bodySize": 13,
        "postData": {"mimeType": "application/json", "text": '{"input":"ü"}'},
    }
    response = {
        "status": 200,
        "headers": [{"name": "Content-Type", "value": "application/json"}],
        "content": {"size": 14, "mimeType": "application/json", "text": '{"id":"v1_ä"}'},
        "bodySize": 9,
    }
    return {
        "startedDateTime": "2026-11-22T10:00:00.123456+01:00",
        "time": 350.5,
        "timings": {"blocked": 1.5, "dns": -1, "connect": 20, "ssl": 15, "send": 0.5, "wait": 300, "receive": 28.5},
        "request": {**request, **changes.pop("request", {})},
        "response": {**response, **changes.pop("response", {})},
        **changes,
    }


def read(one: Any) -> Exchange:
    [found] = read_entries([one], 100)
    assert isinstance(found, Found)
    assert found.at == 100
    return found.exchange


def skipped(one: Any) -> str:
    [found] = read_entries([one], 100)
    assert isinstance(found, Skipped)
    return found.reason


def test_what_an_entry_tells() -> None:
    one = read(entry())
    assert (one.key, one.method, one.status, one.outcome) == ("", "POST", 200, Outcome.COMPLETE)
    assert (one.origin, one.path) == ("https://generativelanguage.googleapis.com", "/v1/interactions")
    assert one.query == (("alt", "sse"), ("empty", ""))
    assert one.request_headers == (("Accept", "a"),)
    assert one.request_body == '{"input":"ü"}'.encode()
    assert one.response_body == '{"id":"v1_ä"}'.encode()
    assert (one.request_size, one.response_size) == (13, 9)


def test_times_come_from_the_timings() -> None:
    one = read(entry())
    assert one.started_at_us == START_US + 123_456
    # blocked 1.5 + connect 20 (with its ssl) + send 0.5 + wait 300 ms, then 28.5 ms to receive
    assert (one.headers_at_us, one.ended_at_us) == (322_000, 350_500)
    bare = read(entry(timings={"send": -1, "wait": -1, "receive": -1}))
    assert (bare.headers_at_us, bare.ended_at_us) == (None, 350_500)
    assert read(entry(timings={}, time=-1)).ended_at_us is None


def test_bodies_in_base64_are_bytes() -> None:
    raw = bytes(range(256))
    content = {"size": 256, "encoding": "base64", "text": base64.b64encode(raw).decode()}
    one = read(entry(response={"content": content, "bodySize": -1}, request={"bodySize": -1, "postData": None}))
    assert (one.response_body, one.response_size) == (raw, 256)
    assert (one.request_body, one.request_size) == (b"", 0)


def test_a_form_is_what_was_sent() -> None:
    params = [{"name": "a b", "value": "ü"}, {"name": "c"}]
    assert read(entry(request={"postData": {"params": params}})).request_body == b"a+b=%C3%BC&c="
    with_file = read(entry(request={"postData": {"params": [{"name": "f", "fileName": "x.png"}]}}))
    assert any("files" in note for note in with_file.notes)


def test_a_body_that_was_left_out_is_noted() -> None:
    one = read(entry(response={"content": {"size": 5000}}))
    assert one.response_body == b""
    assert one.notes == ("response: the HAR was exported without this body of 5000 bytes",)
    elsewhere = read(entry(request={"postData": {"_sha1": "ab.json"}}))
    assert "another file" in elsewhere.notes[0]


def test_calls_that_failed() -> None:
    refused = read(entry(response={"status": 0, "content": {}, "_error": "net::ERR_CONNECTION_REFUSED"}))
    assert (refused.status, refused.outcome, refused.error) == (None, Outcome.FAILED, "net::ERR_CONNECTION_REFUSED")
    assert refused.headers_at_us is None
    cut = read(entry(response={"_error": "net::ERR_INCOMPLETE_CHUNKED_ENCODING"}))
    assert (cut.status, cut.outcome) == (200, Outcome.CUT)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (entry(request={"url": "data:text/plain,x"}), "not HTTP"),
        (entry(request={"url": "wss://x/y"}), "not HTTP"),
        (entry(request={"url": "https://[::1/x"}), "unreadable HAR entries"),
        (entry(startedDateTime="yesterday"), "unreadable HAR entries"),
        (entry(startedDateTime="2026-11-22T10:00:00"), "HAR entries without a time"),
        (entry(startedDateTime=None), "HAR entries without a time"),
        (entry(startedDateTime="0001-01-01T00:00:00+00:00"), "HAR entries without a time"),
        (entry(response={"content": {"text": "a", "encoding": "base64"}}), "unreadable HAR entries"),
        ("entry", "not HTTP"),
        ({}, "not HTTP"),
    ],
)
def test_what_cannot_be_read_is_skipped_with_a_reason(one: Any, reason: str) -> None:
    assert skipped(one) == reason


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, True, float("nan"), float("inf"), 10**400])
def test_odd_values_anywhere_break_nothing(odd: Any) -> None:
    for part in ("request", "response"):
        for name in entry()[part]:
            list(read_entries([entry(**{part: {name: odd}})], 1))
        list(read_entries([{**entry(), part: odd}], 1))
    for name in ("startedDateTime", "time", "timings"):
        list(read_entries([entry(**{name: odd})], 1))
    for name in entry()["timings"]:
        list(read_entries([entry(timings={**entry()["timings"], name: odd})], 1))


def test_which_documents_are_har() -> None:
    assert entries_of(json.loads('{"log":{"version":"1.2","entries":[]}}')) == []
    for other in ({"log": []}, {"log": {"entries": {}}}, {}, [], None):
        assert entries_of(other) is None
