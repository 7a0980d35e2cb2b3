"""The legacy dialect: `outputs`, `content.*`, `interaction.start` and `interaction.complete` (until June 2026)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tracer.dialects import history
from tracer.dialects.base import DialectName, StreamWriter
from tracer.dialects.table import TableDialect
from tracer.dialects.words import DELTA_NAMES, KNOWN_CONTENTS
from tracer.events import Json, JsonObject, StepDelta, StepStarted, StepStopped, StreamEvent

_LEGACY_DELTAS = {current: legacy for legacy, current in DELTA_NAMES.items()}


class OutputsDialect(TableDialect):
    """A flat list of contents, calls, results and thoughts; events number its members."""

    name: DialectName = "outputs"
    words = "outputs"
    list_field = "outputs"
    part_field = "content"

    def read_list(self, items: list[Json]) -> list[JsonObject]:
        """Contents that follow each other become one `model_output`."""
        return history.wrap(items)

    def read_part(self, part: JsonObject) -> JsonObject:
        """A content becomes a `model_output` of its own; the fold joins neighbours."""
        return part if history.is_step(part) else {"type": "model_output", "content": [part]}

    def write_list(self, steps: list[JsonObject]) -> list[JsonObject]:
        """The contents of messages and the other steps in one list."""
        return history.flatten(steps)

    def write_fields(self, fields: JsonObject) -> JsonObject:
        """The input as turns."""
        written = dict(fields)
        if isinstance(written.get("input"), list):
            written["input"] = history.to_turns(written["input"])
        return written

    def write_part(self, step: JsonObject) -> list[JsonObject]:
        """A bare message starts as a text, its most likely content."""
        if step.get("type") == "user_input":
            return []
        return history.flatten([step]) or [{"type": "text"}]

    def write_delta(self, delta: JsonObject) -> list[JsonObject]:
        """Arguments are sent whole, as an object."""
        kind = str(delta.get("type"))
        if kind == "arguments_delta":
            text = delta.get("arguments", delta.get("partial_arguments"))
            named: JsonObject = {name: delta[name] for name in ("id", "name") if name in delta}
            return [{"type": "function_call", **named, "arguments": parse_arguments(text)}]
        return [{**delta, "type": _LEGACY_DELTAS[kind]}] if kind in _LEGACY_DELTAS else [delta]

    def stream_writer(self) -> StreamWriter:
        """Numbers contents, and keeps argument fragments back until the call is whole."""
        return _LegacyWriter(self)


@dataclass(slots=True)
class _Part:
    step: JsonObject
    index: int | None = None
    content: str | None = None
    """Type of the content that is open in a message."""
    fragments: list[str] = field(default_factory=list)


class _LegacyWriter:
    """One stream. A step of several contents becomes several parts, each with a number of its own."""

    def __init__(self, dialect: OutputsDialect) -> None:
        self._dialect = dialect
        self._next = 0
        self._parts: dict[int, _Part] = {}

    def write(self, event: StreamEvent) -> list[JsonObject]:
        match event:
            case StepStarted():
                return self._start(event)
            case StepDelta() if event.index in self._parts:
                return self._delta(event, self._parts[event.index])
            case StepStopped() if event.index in self._parts:
                return self._stop(event, self._parts.pop(event.index))
            case _:
                return self._dialect.write_event(event)

    def _start(self, event: StepStarted) -> list[JsonObject]:
        part = self._parts[event.index] = _Part(event.step)
        kind = event.step.get("type")
        if kind == "user_input":
            return []
        if kind != "model_output":
            shown = event.step
            if kind == "function_call" and not shown.get("arguments"):
                shown = {name: value for name, value in shown.items() if name != "arguments"}
            return [self._open(part, shown)]
        payloads: list[JsonObject] = []
        for content in history.contents(event.step):
            payloads += [*self._close(part), self._open(part, content)]
        return payloads

    def _delta(self, event: StepDelta, part: _Part) -> list[JsonObject]:
        kind = str(event.delta.get("type"))
        step = part.step.get("type")
        if step == "user_input":
            return []
        if kind == "arguments_delta":
            part.fragments.append(str(event.delta.get("arguments", event.delta.get("partial_arguments")) or ""))
            return []
        payloads: list[JsonObject] = []
        if step == "model_output":
            wanted = "text" if kind == "text_annotation_delta" else kind
            if wanted != part.content and (part.content is None or wanted in KNOWN_CONTENTS):
                payloads += [*self._close(part), self._open(part, {"type": wanted})]
        index = event.index if part.index is None else part.index
        return payloads + self._dialect.write_event(StepDelta(index, event.delta, event.extra))

    def _stop(self, event: StepStopped, part: _Part) -> list[JsonObject]:
        if part.index is None:
            return []
        payloads: list[JsonObject] = []
        if part.fragments:
            call = {**part.step, "arguments": parse_arguments("".join(part.fragments))}
            payloads.append(self._dialect.payload("delta", index=part.index, delta=call))
        return payloads + self._close(part, event.extra)

    def _open(self, part: _Part, content: JsonObject) -> JsonObject:
        part.index, part.content = self._next, str(content.get("type"))
        self._next += 1
        return self._dialect.payload("started", index=part.index, content=content)

    def _close(self, part: _Part, extra: JsonObject | None = None) -> list[JsonObject]:
        if part.index is None:
            return []
        return [self._dialect.payload("stopped", index=part.index, **(extra or {}))]


def parse_arguments(text: Json) -> Json:
    """Joined argument fragments as an object; nothing means `{}`, and what is not JSON stays as it is."""
    if not isinstance(text, str):
        return {} if text is None else text
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return text
