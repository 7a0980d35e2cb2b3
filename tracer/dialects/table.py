"""What the dialects share: reading and writing by the tables of `words.py`; a dialect says how its lists differ."""

from __future__ import annotations

from typing import Literal

from tracer.dialects import history
from tracer.dialects.base import DialectName, StreamWriter
from tracer.dialects.words import DELTA_NAMES, EVENT_NAMES, STATUSES, TERMINAL_STATUSES, USAGE_NAMES, Kind
from tracer.events import (
    InteractionCreated,
    InteractionEnded,
    Json,
    JsonObject,
    Snapshot,
    StatusUpdated,
    StepDelta,
    StepStarted,
    StepStopped,
    StreamEvent,
    StreamFailed,
    Unrecognised,
)

NO_INDEX = -1
"""The index of a part whose event names none; it means the latest one."""
_ENVELOPE = frozenset({"event_type", "event_id"})


class TableDialect:
    """Reads and writes by the tables. A subclass sets the names and how a list on the wire becomes steps."""

    name: DialectName
    words: Literal["steps", "outputs"]
    list_field: str
    part_field: str

    def __init__(self) -> None:
        self._names = {kind: names[self.words] for kind, names in EVENT_NAMES.items() if self.words in names}
        self._kinds: dict[str, Kind] = {name: kind for kind, name in self._names.items()}

    def read_body(self, body: JsonObject) -> Snapshot:
        """See `Dialect.read_body`."""
        fields = {name: value for name, value in body.items() if name != self.list_field}
        if isinstance(fields.get("usage"), dict):
            fields["usage"] = current_usage(fields["usage"])
        if fields.get("input") is not None:
            fields["input"] = self.read_input(fields["input"])
        items = body.get(self.list_field)
        return Snapshot(fields, self.read_list(items) if isinstance(items, list) else None)

    def read_event(self, payload: JsonObject) -> StreamEvent:
        """See `Dialect.read_event`."""
        name = payload.get("event_type")
        if not isinstance(name, str):
            return Unrecognised(None, payload)
        match self._kinds.get(name):
            case "delta":
                if isinstance(delta := payload.get("delta"), dict):
                    extra = _rest(payload, "index", "delta") if len(payload) > 3 else {}
                    return StepDelta(_index(payload), self.read_delta(delta), extra)
            case "started":
                if isinstance(part := payload.get(self.part_field), dict):
                    return StepStarted(_index(payload), self.read_part(part))
            case "stopped":
                return StepStopped(_index(payload), _rest(payload, "index"))
            case "created":
                return InteractionCreated(self._read_interaction(payload).fields, _beside_interaction(payload))
            case "ended":
                ended = self._read_interaction(payload)
                return InteractionEnded(ended.fields, ended.steps, _beside_interaction(payload))
            case "failed":
                return StreamFailed(error_of(payload))
            case "status" if isinstance(payload.get("status"), str):
                return _status_updated(payload, payload["status"])
            case None:
                return self._read_status_by_name(name, payload)
            case _:
                pass
        return Unrecognised(name, payload)

    def read_input(self, value: Json) -> list[JsonObject]:
        """See `Dialect.read_input`."""
        return history.read_input(value)

    def write_body(self, snapshot: Snapshot) -> JsonObject:
        """See `Dialect.write_body`."""
        body = self.write_fields(snapshot.fields)
        if snapshot.steps is not None:
            body[self.list_field] = self.write_list(snapshot.steps)
        return body

    def write_event(self, event: StreamEvent) -> list[JsonObject]:
        """See `Dialect.write_event`."""
        match event:
            case StepDelta():
                written = self.write_delta(event.delta)
                return [self.payload("delta", index=event.index, delta=delta, **event.extra) for delta in written]
            case StepStarted():
                parts = self.write_part(event.step)
                return [self.payload("started", index=event.index, **{self.part_field: part}) for part in parts]
            case StepStopped():
                return [self.payload("stopped", index=event.index, **event.extra)]
            case InteractionCreated():
                return [self.payload("created", interaction=self.write_fields(event.fields), **event.extra)]
            case InteractionEnded():
                interaction = self.write_body(Snapshot(event.fields, event.steps))
                return [self.payload("ended", interaction=interaction, **event.extra)]
            case StatusUpdated():
                named = {} if event.interaction_id is None else {"interaction_id": event.interaction_id}
                return [self.payload("status", **named, status=event.status, **event.extra)]
            case StreamFailed():
                return [self.payload("failed", error=event.error)]
            case Unrecognised():
                return [event.payload] if isinstance(event.payload, dict) else []

    def stream_writer(self) -> StreamWriter:
        """See `Dialect.stream_writer`."""
        return _Stateless(self)

    def payload(self, kind: Kind, **fields: Json) -> JsonObject:
        """The payload of an event of this kind."""
        return {"event_type": self._names[kind], **fields}

    # How the lists and parts of a dialect differ from the current API's; here: not at all.

    def read_list(self, items: list[Json]) -> list[JsonObject]:
        """The list of an interaction object as steps."""
        return history.unwrap(items)

    def read_part(self, part: JsonObject) -> JsonObject:
        """What a start event brings as a step."""
        return part

    def read_delta(self, delta: JsonObject) -> JsonObject:
        """A delta in the current API's words. Only that of annotations ever had another name."""
        kind = delta.get("type")
        return {**delta, "type": DELTA_NAMES[kind]} if type(kind) is str and kind in DELTA_NAMES else delta

    def write_list(self, steps: list[JsonObject]) -> list[JsonObject]:
        """Steps as the list of an interaction object."""
        return steps

    def write_fields(self, fields: JsonObject) -> JsonObject:
        """The fields of an interaction object beside its list."""
        return dict(fields)

    def write_part(self, step: JsonObject) -> list[JsonObject]:
        """What start events bring for a step."""
        return [step]

    def write_delta(self, delta: JsonObject) -> list[JsonObject]:
        """A delta in this dialect's words."""
        return [delta]

    def _read_interaction(self, payload: JsonObject) -> Snapshot:
        interaction = payload.get("interaction")
        return self.read_body(interaction if isinstance(interaction, dict) else _rest(payload))

    def _read_status_by_name(self, name: str, payload: JsonObject) -> StreamEvent:
        # `interaction.in_progress`, `interaction.failed`, ...: the migration guide's successors of the status update.
        subject, _, status = name.partition(".")
        if subject != "interaction" or status not in STATUSES:
            return Unrecognised(name, payload)
        if status in TERMINAL_STATUSES and isinstance(payload.get("interaction"), dict):
            ended = self._read_interaction(payload)
            return InteractionEnded({"status": status, **ended.fields}, ended.steps)
        return _status_updated(payload, status)


class _Stateless:
    def __init__(self, dialect: TableDialect) -> None:
        self._dialect = dialect

    def write(self, event: StreamEvent) -> list[JsonObject]:
        return self._dialect.write_event(event)


def current_usage(usage: JsonObject) -> JsonObject:
    """Token counts under their current names; a current name that is there already wins."""
    if usage.keys().isdisjoint(USAGE_NAMES):
        return usage
    renamed = {USAGE_NAMES.get(name, name): value for name, value in usage.items()}
    return {**renamed, **{name: value for name, value in usage.items() if name not in USAGE_NAMES}}


def error_of(payload: JsonObject) -> JsonObject:
    """The error object of an `error` event or of a bare line, whatever its shape."""
    error = payload.get("error")
    if isinstance(error, dict):
        return error
    return {"message": error} if isinstance(error, str) else _rest(payload)


def _rest(payload: JsonObject, *known: str) -> JsonObject:
    return {name: value for name, value in payload.items() if name not in _ENVELOPE and name not in known}


def _beside_interaction(payload: JsonObject) -> JsonObject:
    # Without an interaction object the fields of the event are the interaction's.
    return _rest(payload, "interaction") if isinstance(payload.get("interaction"), dict) else {}


def _status_updated(payload: JsonObject, status: str) -> StatusUpdated:
    named = payload.get("interaction_id")
    extra = _rest(payload, "interaction_id", "status")
    return StatusUpdated(named if isinstance(named, str) else None, status, extra)


def _index(payload: JsonObject) -> int:
    index = payload.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else NO_INDEX
