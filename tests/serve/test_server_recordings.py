"""Real recordings served again: the SDK of their generation makes the same objects of them as of the recorded bytes.

Each is served in three ways: as it was recorded, by the tape, and read into common events and written again by the
dialect, as the engine writes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracer.cassettes.raw import read_raw
from tracer.dialects import DIALECTS
from tracer.dialects.base import DialectName
from tracer.player.failures import compact
from tracer.player.matching import call_of
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.player.tape import Tape
from tracer.serve.server import Server
from tracer.wire import sse
from tracer.wire.exchange import Exchange
from tracer.wire.sse import SseParser

APP = Path(__file__).parent / "recordings_app.py"
GENERATIONS: list[tuple[str, DialectName]] = [("1.75.0", "outputs"), ("2.34.0", "steps"), ("3.4.0", "steps")]
WAYS = ("tape", "written")

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


def recordings(shared: Path, dialect: DialectName) -> list[Exchange]:
    """Every answer that is an interaction or a stream of one, in a dialect; those that don't tell are in both."""
    found: list[Exchange] = []
    for entry in json.loads((shared / "recordings" / "MANIFEST.json").read_text()):
        if entry["dialect"] in (dialect, "neither"):
            content = (shared / "recordings" / entry["file"]).read_bytes()
            # One file is an excerpt that was never sent so: no JSON.
            exchanges = [] if entry["file"].endswith("interactions-agents.1.txt") else read_raw(content, entry["file"])
            found += [as_served(exchange) for exchange in exchanges if is_interaction(exchange)]
    return found


def is_interaction(exchange: Exchange) -> bool:
    if exchange.status not in (200, None):
        return False
    if is_stream(exchange):
        return True
    body = json.loads(exchange.response_body or b"null")
    return isinstance(body, dict) and ("status" in body or "id" in body)


def is_stream(exchange: Exchange) -> bool:
    return exchange.response_body.startswith((b"event:", b"data:"))


def as_served(exchange: Exchange) -> Exchange:
    """A body that was kept without its response gets one, and all the type that the service gives them."""
    kind = "text/event-stream" if is_stream(exchange) else "application/json"
    return replace(exchange, status=200, path="/v1/interactions", response_headers=(("content-type", kind),))


def written(exchange: Exchange, dialect: DialectName) -> bytes:
    """What the engine's writers make of what the reader understood."""
    words = DIALECTS[dialect]
    if not is_stream(exchange):
        return compact(words.write_body(words.read_body(json.loads(exchange.response_body)))).encode()
    writer, pieces = words.stream_writer(), []
    parser = SseParser()
    for event in [*parser.feed(exchange.response_body), *parser.close()]:
        if event.data == "[DONE]":
            pieces.append(sse.encode_done())
            continue
        payload = json.loads(event.data)
        told = {"event_id": payload["event_id"]} if "event_id" in payload else {}
        payloads = [{**told, **one} for one in writer.write(words.read_event(payload))]
        pieces += [sse.encode(compact(one), one.get("event_type")) for one in payloads]
    return b"".join(pieces)


class Library:
    """Answers `get NAME.WAY` with a recording, served in that way."""

    def __init__(self, exchanges: list[Exchange], dialect: DialectName) -> None:
        self._exchanges = exchanges
        self._dialect = dialect

    def cases(self) -> list[dict[str, Any]]:
        return [
            {"name": f"case{n}", "stream": is_stream(exchange), "ways": WAYS}
            for n, exchange in enumerate(self._exchanges)
        ]

    def answer(self, call: Call, now_us: int) -> Reply:
        name, _, way = call.path.rpartition("/")[2].partition(".")
        exchange = self._exchanges[int(name.removeprefix("case"))]
        if way == "tape":
            return Tape([exchange], polls="as_recorded").answer(call_of(exchange), now_us)
        body = exchange.response_body if way == "recorded" else written(exchange, self._dialect)
        return Reply(200, exchange.response_headers, (ReplyChunk(0, body),))


@pytest.mark.parametrize(
    ("version", "dialect"),
    [pytest.param(*generation, marks=pytest.mark.xdist_group(generation[0])) for generation in GENERATIONS],
)
def test_the_sdk_reads_the_same(
    version: str, dialect: DialectName, shared: Path, sdk_python: Callable[[str], Path]
) -> None:
    library = Library(recordings(shared, dialect), dialect)
    with Server(library) as server:
        done = subprocess.run(
            [str(sdk_python(version)), str(APP)],
            input=json.dumps(library.cases()),
            env={**os.environ, "GOOGLE_GEMINI_BASE_URL": server.url},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(library.cases()) > 20
    assert told["objects"] > 100
    assert told["unread"] == []
    assert told["differences"] == []
