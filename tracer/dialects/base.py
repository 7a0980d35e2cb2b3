"""What a dialect is: one way of writing interactions on the wire, read into and written from common events."""

from __future__ import annotations

from typing import Literal, Protocol

from tracer.events import Json, JsonObject, Snapshot, StreamEvent

type DialectName = Literal["steps", "outputs", "guide", "unknown"]


class StreamWriter(Protocol):
    """Writes the events of one stream in order; remembers what it needs to, such as fragments of arguments."""

    def write(self, event: StreamEvent) -> list[JsonObject]:
        """The payloads that say this event; none while a dialect has to wait for a later one."""
        ...


class Dialect(Protocol):
    """Both directions of one dialect. Nothing here raises on odd input: what is not understood is kept as it is."""

    name: DialectName

    def read_body(self, body: JsonObject) -> Snapshot:
        """An interaction object (create, get, cancel; also the one inside a terminal event)."""
        ...

    def read_event(self, payload: JsonObject) -> StreamEvent:
        """The payload of one server-sent event; `Unrecognised` if no table entry fits."""
        ...

    def read_input(self, value: Json) -> list[JsonObject]:
        """Any form of `input` (WIRE.md section 5) as a list of steps."""
        ...

    def write_body(self, snapshot: Snapshot) -> JsonObject:
        """An interaction object as the service writes it in this dialect."""
        ...

    def write_event(self, event: StreamEvent) -> list[JsonObject]:
        """The payloads, `event_type` included and `event_id` not, that say this event in this dialect.

        It sees one event only. Legacy numbers contents, not steps, and sends arguments whole: streams of several
        contents a step, or with arguments in fragments, need a `stream_writer`.
        """
        ...

    def stream_writer(self) -> StreamWriter:
        """A writer for one stream, from its first event to its last."""
        ...
