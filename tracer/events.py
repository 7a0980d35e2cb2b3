"""The common events that every dialect reads into and writes from.

Steps, contents, deltas and usage inside them speak the current API's words (WIRE.md sections 6 to 10), whatever
the dialect on the wire. Nothing is validated and unknown fields stay where they were. Nobody changes an event once
it is made; they are not frozen because a stream has thousands, and freezing would take most of the time to make one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

type Json = Any
"""A parsed JSON value."""
type JsonObject = dict[str, Any]


@dataclass(slots=True)
class Snapshot:
    """A whole interaction object, as create, get or cancel answer it."""

    fields: JsonObject
    """Every field of the object but the step list (`steps` or `outputs`)."""
    steps: list[JsonObject] | None
    """None if the object held no list; `[]` if it held an empty one."""


@dataclass(slots=True)
class InteractionCreated:
    """The stream began: the interaction object without steps; `extra` holds what stood beside it (`metadata`)."""

    fields: JsonObject
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class StatusUpdated:
    """The status changed; `extra` holds what else the event said (`usage`, `continuation_token`, ...)."""

    interaction_id: str | None
    status: str
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class StepStarted:
    """A step began; `step` may be bare or already hold content."""

    index: int
    step: JsonObject


@dataclass(slots=True)
class StepDelta:
    """A piece of a step, in a delta of the current API; `extra` holds what stood beside it (`metadata`)."""

    index: int
    delta: JsonObject
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class StepStopped:
    """A step is whole; `extra` may hold `usage` (cumulative) and `step_usage`."""

    index: int
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class InteractionEnded:
    """The terminal event: the interaction object, `steps` only if it carried a list; `extra` stood beside it."""

    fields: JsonObject
    steps: list[JsonObject] | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class StreamFailed:
    """An `error` event, or a bare JSON error line."""

    error: JsonObject


@dataclass(slots=True)
class Unrecognised:
    """An event that no table knows; kept and counted."""

    name: str | None
    payload: Json


type StreamEvent = (
    InteractionCreated
    | StatusUpdated
    | StepStarted
    | StepDelta
    | StepStopped
    | InteractionEnded
    | StreamFailed
    | Unrecognised
)
type Event = Snapshot | StreamEvent
