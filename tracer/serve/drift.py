"""What a service answers today to what a cassette holds, and how far that is from what it answered then.

Four kinds of drift, worst first: `shape` (a field came, went or changed its type), `behaviour` (status, steps, tools
called and their arguments), `wording` (the text), `usage` (tokens and time). Nothing is written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx

from tracer.cassettes import index
from tracer.normalize import normalize
from tracer.player.matching import IdMap, call_of
from tracer.player.reply import Call
from tracer.player.tape import is_retryable
from tracer.records.interaction import Interaction
from tracer.serve import transport
from tracer.serve.hosts import Place
from tracer.serve.live import LiveExchange
from tracer.wire import routes
from tracer.wire.exchange import Exchange
from tracer.wire.sse import SseParser

type Severity = Literal["shape", "behaviour", "wording", "usage"]
SEVERITIES: tuple[Severity, ...] = ("shape", "behaviour", "wording", "usage")
"""Worst first."""

_RUNNING = ("queued", "in_progress")
_LONGEST_JOB_S = 900.0
_HOP = {"host", "content-length", "accept-encoding", "connection", "authorization", "x-goog-api-key", "cookie"}
_SHOWN = 60
_USUAL = 0.25
"""Token counts of equal requests differ by less than this share, run for run."""
_SLOWER = 3.0


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between a recording and today's answer."""

    severity: Severity
    number: int
    """Which recording of the cassette, from 1 on."""
    request: str
    what: str


def drifts(cassette: Path, base_url: str, key: str) -> Iterator[Drift]:
    """Send a cassette's Interactions requests to `base_url` and tell what differs. Raises CassetteError.

    Ids of the recording are replaced by those that the service gives today.
    """
    ids, told = IdMap(), set[str]()
    with httpx.Client(timeout=300) as client:
        for number, recording in enumerate(index.contents(cassette).recordings, 1):
            old = recording.exchange
            # A job that was polled is asked once, until it is done; attempts that failed are not repeated.
            if recording.operation == "other" or is_retryable(recording.status) or recording.key in told:
                continue
            if recording.operation == "get":
                told.add(recording.key)
            request = f"{old.method} {old.path}"
            try:
                new = _asked(client, _translated(call_of(old), ids), old, base_url, key)
            except httpx.HTTPError as error:
                yield Drift("behaviour", number, request, f"there was no answer: {error}")
                continue
            before, after = normalize([old]), normalize([new])
            if before.id and after.id and recording.operation == "create":
                ids.issue(before.id, after.id)
            for mine, theirs in zip(_calls(before), _calls(after), strict=False):
                ids.issue(mine["id"], theirs["id"])
            for severity, what in compared(old, new, before, after):
                yield Drift(severity, number, request, what)


def _asked(client: httpx.Client, call: Call, old: Exchange, base_url: str, key: str) -> Exchange:
    done: list[Exchange] = []
    waited, pause = 0.0, 0.05
    final = _status(old) not in _RUNNING
    while True:
        live = LiveExchange(call, Place(old.origin, call.path), done.append)
        headers = [(name, value) for name, value in call.headers if name.lower() not in _HOP]
        url = httpx.URL(base_url.rstrip("/") + call.path, params=dict(call.query))
        request = client.build_request(call.method, url, headers=[*headers, ("x-goog-api-key", key)], content=call.body)
        with transport.direct():
            response = client.send(request, stream=True)
        live.started(response.status_code, tuple(response.headers.multi_items()))
        try:
            for part in response.iter_raw():
                live.data(part)
        except httpx.HTTPError as error:
            live.broke(error)
        live.ended()
        response.close()
        new = done[-1]
        if call.method != "GET" or not final or _status(new) not in _RUNNING or waited > _LONGEST_JOB_S:
            return new
        time.sleep(pause)
        waited, pause = waited + pause, min(pause * 1.5, 10.0)


def _status(exchange: Exchange) -> str | None:
    return normalize([exchange]).status


def _translated(call: Call, ids: IdMap) -> Call:
    body, path = call.body, call.path
    for recorded, issued in ids.pairs():
        body = body.replace(json.dumps(recorded).encode(), json.dumps(issued).encode())
        path = path.replace(f"/{recorded}", f"/{issued}")
    return replace(call, body=body, path=path)


def _calls(record: Interaction) -> list[dict[str, Any]]:
    steps = (step.model_dump(mode="json") for step in record.output)
    return [step for step in steps if step["type"] == "function_call" and step.get("id")]


def compared(old: Exchange, new: Exchange, before: Interaction, after: Interaction) -> Iterator[tuple[Severity, str]]:
    """How today's answer differs from the recorded one; their records come along."""
    if old.status != new.status:
        yield "behaviour", f"HTTP {old.status} became {new.status}"
        return
    mine, theirs = _shape(old), _shape(new)
    yield from (("shape", what) for what in _shapes(mine, theirs))
    if before.status != after.status:
        yield "behaviour", f"status {before.status!r} became {after.status!r}"
    kinds = [[step.type for step in record.output if step.type != "thought"] for record in (before, after)]
    if kinds[0] != kinds[1]:
        yield "behaviour", f"steps {', '.join(kinds[0]) or 'none'} became {', '.join(kinds[1]) or 'none'}"
    called = [[(call["name"], call.get("arguments")) for call in _calls(record)] for record in (before, after)]
    if called[0] != called[1]:
        yield "behaviour", f"calls {_listed(called[0])} became {_listed(called[1])}"
    if before.output_text != after.output_text:
        yield "wording", f"{_short(before.output_text)} became {_short(after.output_text)}"
    yield from (("usage", what) for what in _spent(before, after))


def _spent(before: Interaction, after: Interaction) -> Iterator[str]:
    mine, theirs = (record.usage.total_tokens if record.usage else None for record in (before, after))
    if mine and theirs and abs(theirs - mine) > _USUAL * mine:
        yield f"{mine} tokens became {theirs}"
    took, takes = before.timing.duration_ms, after.timing.duration_ms
    if took and takes and takes > _SLOWER * max(took, 1000):
        yield f"{took:.0f} ms became {takes:.0f} ms"


def _shape(exchange: Exchange) -> dict[str, set[str]]:
    """From the path of every field of the answer to the types of its values; elements of lists by their own type."""
    shape: dict[str, set[str]] = {}
    for label, payload in _payloads(exchange):
        for path, kind in _fields(payload, label):
            shape.setdefault(path, set()).add(kind)
    return shape


def _payloads(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    if routes.match(exchange.method, exchange.path, exchange.query) is None:
        return
    if "event-stream" in (exchange.response_header("content-type") or ""):
        for event in SseParser().feed(exchange.response_body):
            if event.data.startswith("{"):
                payload = json.loads(event.data)
                yield f"event {payload.get('event_type')}", payload
    elif exchange.response_body:
        try:
            yield "", json.loads(exchange.response_body)
        except ValueError:
            return


def _fields(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        kind = value.get("type")
        here = f"{path}<{kind}>" if isinstance(kind, str) else path
        yield here, "object"
        for name, item in value.items():
            # Arguments and results have the shape that the app's own tools give them.
            if name in ("arguments", "result"):
                yield f"{here}.{name}", "any"
            else:
                yield from _fields(item, f"{here}.{name}" if here else name)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, f"{path}[]")
    else:
        kinds = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
        yield path, kinds[type(value)]


def _shapes(mine: dict[str, set[str]], theirs: dict[str, set[str]]) -> Iterator[str]:
    objects = {path for path, kinds in mine.items() if "object" in kinds}
    objects &= {path for path, kinds in theirs.items() if "object" in kinds}
    for path in sorted({*mine, *theirs}):
        if path in mine and path in theirs:
            if mine[path] != theirs[path] and "object" not in mine[path] | theirs[path]:
                yield f"{path} was {_or(mine[path])} and is {_or(theirs[path])}"
        elif _owner(path) in objects and "<" not in path.rpartition(".")[2]:
            yield f"{path} {'is gone' if path in mine else 'is new'}"


def _owner(path: str) -> str:
    return path.removesuffix("[]").rpartition(".")[0]


def _or(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))


def _listed(calls: Sequence[tuple[str, Any]]) -> str:
    return ", ".join(f"{name}({_short(arguments)})" for name, arguments in calls) or "none"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
