"""The record of one interaction: what `--json` prints, what the store keeps, what the screen shows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from tracer.records.steps import Step
from tracer.records.usage import Cost, RunningUsage, Usage

SCHEMA_VERSION = 1

type State = Literal["complete", "in_flight", "interrupted", "truncated", "error"]
"""How the transport fared; the service's own word is `status`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=False)


class Client(_Part):
    """The SDK that called, from `x-goog-api-client` or the user agent (WIRE.md section 3)."""

    name: str | None = None
    version: str | None = None
    language: str | None = None


class Timing(_Part):
    """When things happened: an RFC 3339 start, then milliseconds of the recorder's monotonic clock."""

    started_at: str
    headers_ms: float | None = None
    first_event_ms: float | None = None
    first_output_ms: float | None = None
    first_text_ms: float | None = None
    duration_ms: float | None = None
    server_ms: float | None = None
    events: int = 0
    longest_gap_ms: float | None = None
    tokens_per_second: float | None = None


class InteractionError(_Part):
    """An HTTP error body, an `error` event, or what a failed interaction says of itself."""

    http_status: int | None = None
    code: str | int | None = None
    message: str | None = None
    details: dict[str, Any] | None = None
    """What else stood in it: `status`, `details`, a request id beside it."""


class ExchangeSummary(_Part):
    """One HTTP call that took part in the interaction."""

    key: str
    operation: Literal["create", "get", "resume", "cancel", "delete"]
    method: str
    path: str
    http_status: int | None = None
    started_at: str
    duration_ms: float | None = None
    attempt: int = 1
    error: InteractionError | None = None
    """Why this call failed, also if a later one succeeded."""


class Hop(_Part):
    """One answer of a turn that the service spread over several (WIRE.md section 11)."""

    id: str | None = None
    status: str | None = None
    exchange: str


class Kept(_Part):
    """An event, or fields of one, that have no other place in the record."""

    exchange: str
    event: int
    """Its number in that exchange's stream, from 1."""
    payload: Any


class Unknown(_Part):
    """What was on the wire and is in no table: paths of fields, names of events (see `tracer.fold.unknown`).

    Fields stay in their places; `kept` has the events, and fields that stood in the events themselves.
    """

    fields: list[str] = Field(default_factory=list)
    events: list[str] = Field(default_factory=list)
    kept: list[Kept] = Field(default_factory=list)


class Interaction(_Part):
    """One logical turn or job, folded from one or more exchanges. Every key is always present."""

    schema_: int = Field(default=SCHEMA_VERSION, alias="schema", serialization_alias="schema")
    key: str
    id: str | None = None
    dialect: Literal["steps", "outputs", "guide", "unknown"] = "unknown"
    api_version: str | None = None
    service: Literal["gemini", "vertex"] = "gemini"
    upstream: str
    project: str | None = None
    run: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    account: str | None = None
    client: Client = Field(default_factory=Client)
    model: str | None = None
    agent: str | None = None
    status: str | None = None
    state: State = "in_flight"
    previous_interaction_id: str | None = None
    parent_key: str | None = None
    root_key: str | None = None
    linked_by: Literal["id", "history", "id_structure"] | None = None
    expires_at: str | None = None
    stream: bool = False
    background: bool = False
    store: bool = True
    request: dict[str, Any] = Field(default_factory=dict)
    """Every field of the create as sent, but `input`."""
    response: dict[str, Any] = Field(default_factory=dict)
    """Every field that the answers told, under current names and the last word of each; but the list of steps, `input`
    and, unless it holds something that `usage` below can't, `usage`."""
    input: list[SerializeAsAny[Step]] = Field(default_factory=list)
    output: list[SerializeAsAny[Step]] = Field(default_factory=list)
    output_text: str | None = None
    schema_ok: bool | None = None
    usage: Usage | None = None
    running_usage: list[RunningUsage] = Field(default_factory=list)
    """Totals on the way to `usage`, each once, as they were told."""
    cost: Cost = Field(default_factory=Cost)
    timing: Timing
    error: InteractionError | None = None
    exchanges: list[ExchangeSummary] = Field(default_factory=list)
    hops: list[Hop] = Field(default_factory=list)
    polls: int = 0
    retries: int = 0
    unknown: Unknown = Field(default_factory=Unknown)
    notes: list[str] = Field(default_factory=list)

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    def to_json(self) -> str:
        """The record as one line of JSON."""
        return self.model_dump_json(by_alias=True)
