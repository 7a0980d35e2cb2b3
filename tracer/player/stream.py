"""Steps as the events of a stream, in the order of the service (WIRE.md section 10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tracer.dialects.base import Dialect
from tracer.events import (
    InteractionCreated,
    InteractionEnded,
    JsonObject,
    StatusUpdated,
    StepDelta,
    StepStarted,
    StepStopped,
    StreamEvent,
    StreamFailed,
)
from tracer.player.failures import CODES, compact
from tracer.player.reply import Reply, ReplyChunk
from tracer.wire import sse

_MAX_TEXT_DELTAS = 60
_ARGUMENT_FRAGMENT = 12
_PIECES = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")


type Break = Literal["cut", "error", "refusal", "pause"]
"""How a stream goes wrong half way: the connection is cut, an `error` event comes, a refusal as a bare line; or it ends
well before the interaction does, which goes on."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the service takes, in microseconds: until the first byte, and between the events of a stream."""

    first_us: int = 30_000
    next_us: int = 8_000


def stream_events(
    opened: JsonObject, steps: Sequence[JsonObject], ended: JsonObject, piece: int | None = None
) -> list[StreamEvent]:
    """A whole stream: `opened` and `ended` are the interaction's fields in its first and its terminal event.

    Texts come in pieces of `piece` characters; of whole words without it.
    """
    events: list[StreamEvent] = [InteractionCreated(opened), StatusUpdated(opened.get("id", ""), "in_progress")]
    for index, step in enumerate(steps):
        events.extend(step_events(index, step, piece))
    return [*events, InteractionEnded(ended)]


def step_events(index: int, step: JsonObject, piece: int | None = None) -> Iterator[StreamEvent]:
    """One step: its start, its deltas, its stop."""
    start, deltas = _taken_apart(step, piece)
    yield StepStarted(index, start)
    for delta in deltas:
        yield StepDelta(index, delta)
    yield StepStopped(index)


def _taken_apart(step: JsonObject, piece: int | None) -> tuple[JsonObject, list[JsonObject]]:
    kind = str(step.get("type"))
    if kind == "thought":
        summary = [{"type": "thought_summary", "content": content} for content in step.get("summary", [])]
        return {"type": kind}, [*summary, {"type": "thought_signature", "signature": step.get("signature", "")}]
    if kind == "model_output":
        return {"type": kind}, [
            delta for content in step.get("content", []) for delta in _content_deltas(content, piece)
        ]
    if kind == "function_call":
        fragments = [{"type": "arguments_delta", "arguments": piece} for piece in _fragments(step.get("arguments", {}))]
        return {**step, "arguments": {}}, fragments
    named = ("id", "call_id", "name", "server_name", "search_type")
    if kind.endswith(("_call", "_result")):
        start = {"type": kind, **{name: step[name] for name in named if name in step}, "signature": ""}
        return start, [{name: value for name, value in step.items() if name not in ("id", "call_id")}]
    return dict(step), []


def _content_deltas(content: JsonObject, size: int | None) -> list[JsonObject]:
    if content.get("type") != "text":
        return [dict(content)]
    text = str(content.get("text", ""))
    pieces = text_pieces(text) if size is None else [text[n : n + size] for n in range(0, len(text), size)]
    deltas: list[JsonObject] = [{"type": "text", "text": piece} for piece in pieces]
    if content.get("annotations"):
        deltas.append({"type": "text_annotation_delta", "annotations": content["annotations"]})
    return deltas


def text_pieces(text: str) -> list[str]:
    """A text in pieces of whole words that join to it: word by word, or in longer pieces if it has many words."""
    words = _PIECES.findall(text)
    size = max(1, -(-len(words) // _MAX_TEXT_DELTAS))
    return ["".join(words[n : n + size]) for n in range(0, len(words), size)]


def _fragments(arguments: JsonObject) -> list[str]:
    text = json.dumps(arguments, ensure_ascii=False)
    return [text[n : n + _ARGUMENT_FRAGMENT] for n in range(0, len(text), _ARGUMENT_FRAGMENT)]


def payloads(events: Iterable[StreamEvent], dialect: Dialect) -> list[JsonObject]:
    """The events in a dialect, numbered: the same interaction always gets the same event ids."""
    writer = dialect.stream_writer()
    written = [payload for event in events for payload in writer.write(event)]
    return [{**payload, "event_id": f"evt_{n:03d}"} for n, payload in enumerate(written)]


def after(numbered: list[JsonObject], last_event_id: str) -> list[JsonObject] | None:
    """What follows an event; None if there is no such event."""
    for n, payload in enumerate(numbered):
        if payload["event_id"] == last_event_id:
            return numbered[n + 1 :]
    return None


def sse_reply(
    numbered: Sequence[JsonObject],
    pace: Pace,
    dialect: Dialect,
    breaks: Break | None = None,
) -> Reply:
    """The events as a stream, one chunk each; `breaks` lets it go wrong on the way."""
    whole = [sse.encode(compact(payload), payload.get("event_type")) for payload in numbered]
    if breaks is None:
        pieces = [*whole, sse.encode_done()]
    elif breaks == "refusal":
        code = "prohibited_content"
        error = {"error": {"code": code, "message": "The response was blocked by the content filter."}}
        pieces = [*whole[:2], f"{compact(error)}\n\n".encode()]
    else:
        pieces = whole[: max(2, len(whole) // 2)]
        if breaks == "error":
            code, message = CODES[500]
            failed = payloads([StreamFailed({"code": code, "message": message})], dialect)
            pieces += [
                sse.encode(compact({**payload, "event_id": "evt_error"}), payload.get("event_type"))
                for payload in failed
            ]
    chunks = tuple(ReplyChunk(pace.next_us if n else pace.first_us, piece) for n, piece in enumerate(pieces))
    return Reply(200, (("content-type", "text/event-stream"),), chunks, cut=breaks == "cut")
