"""What seven SDK releases were seen to send, sent to the engine: nothing of it is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tracer.player.reply import Call, Reply
from tracer.player.rules import Rules
from tracer.player.state import Engine

RELEASES = ["js1.50.0", "js2.32.0", "js3.1.0", "py1.55.0", "py1.75.0", "py2.34.0", "py3.4.0"]
NOW = 1_795_338_000_000_000


class Session:
    """Sends recorded requests with the ids of this service in place of the recorded ones."""

    def __init__(self) -> None:
        self.engine = Engine(Rules(), seed=1)
        self.last: str | None = None
        self.call_id: str | None = None

    def send(self, request: dict[str, Any]) -> Reply:
        body = request["body"]
        if isinstance(body, dict):
            if "previous_interaction_id" in body:
                body["previous_interaction_id"] = self.last
            given = body.get("input")
            for item in given if isinstance(given, list) else []:
                if item.get("type") == "function_result":
                    item["call_id"] = self.call_id
        target = request["target"].replace("v1_stub1", str(self.last)).replace("evt_007", "evt_003")
        parts = urlsplit(target)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        headers = tuple((name, value) for name, value in request["headers"])
        raw = b"" if body is None else json.dumps(body).encode()
        reply = self.engine.answer(Call(request["method"], parts.path, query, headers, raw), NOW)
        if request["method"] == "POST":
            found = re.search(rb'"id":"(v1_[^"]+)"', reply.body)
            self.last = found[1].decode() if found else self.last
            called = re.search(rb'"type":"function_call","id":"([^"]+)"', reply.body)
            self.call_id = called[1].decode() if called else self.call_id
        return reply


@pytest.mark.parametrize("release", RELEASES)
def test_every_request_of_an_sdk_is_understood(release: str, shared: Path) -> None:
    requests = json.loads((shared / "sdk-traffic" / "requests" / f"{release}.json").read_text())
    session, seen = Session(), set()
    for request in requests:
        body = request["body"]
        is_bytes = isinstance(body, dict) and "_raw_len" in body
        # The tokens of another service mean nothing here; only a background job can be cancelled.
        foreign = isinstance(body, dict) and "continuation_token" in body
        if is_bytes or foreign or (request["scenario"] == "async" and request["target"].endswith("/cancel")):
            continue
        reply = session.send(request)
        assert reply.status == 200, (request["scenario"], reply.body)
        streams = "stream=true" in request["target"] or (isinstance(body, dict) and body.get("stream") is True)
        wanted = "text/event-stream" if streams else "application/json"
        assert dict(reply.headers)["content-type"] == wanted, request["scenario"]
        if request["method"] == "POST" and "/interactions" in request["target"]:
            legacy = b"interaction.start" in reply.body if streams else b'"role":' in reply.body
            assert legacy is (release[2] == "1"), request["scenario"]
        seen.add(request["scenario"])
    assert {"plain", "stream", "background", "tools", "structured", "multimodal", "get_stream_resume", "delete"} <= seen
