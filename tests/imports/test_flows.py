from __future__ import annotations

import gzip
import importlib.util
import io
from typing import Any

import pytest
from mitmproxy import flow as mitm_flow
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from tracer.errors import MissingExtraError
from tracer.imports.flows import is_flow_file, read_flows
from tracer.imports.found import Found, Item, Skipped
from tracer.testing import START_US
from tracer.wire.exchange import Exchange, Outcome

START = START_US / 1_000_000
DAMAGE = [lambda data: data[:-100], lambda data: data + b"17:{", lambda data: data + b"3:abc,"]
BODY = b'{"id":"v1_a","steps":[]}'


def call(**changes: Any) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.request = http.Request.make(
        "POST",
        "https://generativelanguage.googleapis.com/v1/interactions?alt=sse&empty=",
        b'{"input":"Hi"}',
        {"Content-Type": "application/json"},
    )
    flow.request.timestamp_start = START
    flow.response = http.Response.make(200, BODY, {"Content-Type": "application/json"})
    flow.response.timestamp_start = START + 0.25
    flow.response.timestamp_end = START + 1.5
    for name, value in changes.items():
        setattr(flow, name, value)
    return flow


def written(*flows: mitm_flow.Flow) -> bytes:
    file = io.BytesIO()
    for flow in flows:
        FlowWriter(file).add(flow)
    return file.getvalue()


def read(data: bytes, limit: int = 1 << 20) -> list[Item]:
    assert is_flow_file(data[:64])
    return list(read_flows(io.BufferedReader(io.BytesIO(data)), limit))


def one(flow: mitm_flow.Flow, limit: int = 1 << 20) -> Exchange:
    [found] = read(written(flow), limit)
    assert isinstance(found, Found)
    return found.exchange


def test_what_a_flow_tells() -> None:
    found = one(call())
    assert (found.method, found.status, found.outcome, found.key) == ("POST", 200, Outcome.COMPLETE, "")
    assert (found.origin, found.path) == ("https://generativelanguage.googleapis.com", "/v1/interactions")
    assert found.query == (("alt", "sse"), ("empty", ""))
    assert (found.started_at_us, found.headers_at_us, found.ended_at_us) == (START_US, 250_000, 1_500_000)
    assert (found.request_body, found.response_body) == (b'{"input":"Hi"}', BODY)
    assert found.request_header("content-type") == "application/json"


def test_another_port_is_part_of_the_origin() -> None:
    flow = call()
    flow.request.scheme, flow.request.host, flow.request.port = "http", "127.0.0.1", 8080
    assert one(flow).origin == "http://127.0.0.1:8080"


def test_content_codings_are_undone() -> None:
    packed = gzip.compress(BODY)
    flow = call(response=http.Response.make(200, b"", {"Content-Encoding": "gzip"}))
    flow.response.raw_content = packed
    found = one(flow)
    assert (found.response_body, found.response_size) == (BODY, len(packed))
    assert one(flow, limit=5).response_body == BODY[:5]
    assert "kept up to 5 bytes" in one(flow, limit=5).notes[0]
    flow.response.raw_content = b"never packed"
    assert one(flow).response_body == b""
    assert "12 bytes were not kept" in one(flow).notes[0]
    flow.response.headers["content-encoding"] = "unheard-of"
    assert one(flow).response_body == b"never packed"


def test_calls_that_broke_off() -> None:
    refused = one(call(response=None, error=mitm_flow.Error("Connection refused", START + 2)))
    assert (refused.status, refused.outcome, refused.error) == (None, Outcome.FAILED, "Connection refused")
    assert refused.ended_at_us == 2_000_000
    assert one(call(error=mitm_flow.Error("reset by peer", START))).outcome is Outcome.CUT
    assert one(call(error=mitm_flow.Error("Client disconnected.", START))).outcome is Outcome.CLIENT_GONE
    assert one(call(response=None)).outcome is Outcome.INTERRUPTED


def test_a_streamed_body_is_noted() -> None:
    flow = call()
    flow.response.raw_content = None
    assert one(flow).notes == ("response: the body was streamed and is not in the flow file",)


def test_what_is_not_http_is_skipped_and_the_rest_read() -> None:
    data = written(tflow.ttcpflow(), call(), tflow.tdnsflow())
    first, second, third = read(data)
    assert isinstance(first, Skipped)
    assert isinstance(second, Found)
    assert isinstance(third, Skipped)
    assert first.reason == third.reason == "not HTTP"
    assert first.at <= second.at <= third.at == len(data)


@pytest.mark.parametrize("damaged", DAMAGE)
def test_what_stands_before_the_damage_is_read(damaged: Any) -> None:
    items = read(damaged(written(call(), call())))
    assert [type(item) for item in items][-1] is Skipped
    assert isinstance(items[0], Found)


def test_without_mitmproxy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    absent = lambda name, *more: None if name == "mitmproxy" else find_spec(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'interactions-tracer\[proxy\]'"):
        read(written(call()))
