"""A script: rules, each of which says when it answers and what."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tracer.events import JsonObject
from tracer.player.script.steps import Step
from tracer.player.script.words import Json, JsonFields, Numbers, Strings, Words, mistake, shown
from tracer.player.stream import Break

_USAGE = {
    "input": "total_input_tokens",
    "output": "total_output_tokens",
    "thought": "total_thought_tokens",
    "cached": "total_cached_tokens",
    "tool_use": "total_tool_use_tokens",
    "total": "total_tokens",
}
_SUMMED = ("input", "output", "thought", "tool_use")

type Status = Literal[
    "completed", "requires_action", "incomplete", "failed", "budget_exceeded", "requires_continuation"
]


class When(Words):
    """What a turn has to be; everything that is said must hold. Of a list of names, one has to fit."""

    short: ClassVar = "contains"
    model: Strings | None = None
    agent: Strings | None = None
    contains: Strings | None = None
    matches: str | None = None
    result: Strings | None = None
    tool: Strings | None = None
    turn: Numbers | None = None
    header: dict[str, str] = Field(default_factory=dict)
    stream: bool | None = None
    background: bool | None = None
    continuation: bool = False

    @field_validator("matches")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise mistake(f"expected a regular expression, got {shown(value)}: {error}") from error
        return value


class Error(Words):
    """An HTTP error instead of an answer."""

    short: ClassVar = "status"
    status: int = Field(ge=400, le=599, strict=True)
    code: str = ""
    message: str = ""
    form: Literal["interactions", "google"] = "interactions"
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: float | None = Field(default=None, ge=0)
    retry_after_ms: int | None = Field(default=None, ge=0)


class JobError(Words):
    """Why a job failed."""

    short: ClassVar = "message"
    code: str = "internal_error"
    message: str


class Then(Words):
    """What the service does. A string is a text, a list is the steps."""

    steps: list[Step] = Field(default_factory=list)
    status: Status | None = None
    error: Error | None = None
    errors: list[JobError] = Field(default_factory=list)
    usage: JsonFields | None = None
    delay_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    chunk_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    chunk_chars: int | None = Field(default=None, ge=1)
    breaks: Break | None = None
    queued: int = Field(default=0, ge=0)
    polls: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"steps": [value]}
        if isinstance(value, list):
            return {"steps": value}
        if isinstance(value, dict) and len(value) == 1 and not value.keys() & Then.model_fields.keys():
            # One step needs no list.
            return {"steps": [value]}
        if isinstance(value, Step) or (isinstance(value, dict) and isinstance(value.get("type"), str)):
            return {"steps": [value]}
        return value

    @field_validator("usage")
    @classmethod
    def _written_out(cls, value: JsonObject | None) -> JsonObject | None:
        for name, number in (value or {}).items():
            if name in _USAGE.keys() | _USAGE.values():
                if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                    raise mistake(f"expected a number of tokens, got {shown(number)}", name)
            elif not name.endswith("_by_modality") and name != "grounding_tool_count":
                raise mistake(f"{name!r} is no number of tokens; expected {', '.join(_USAGE)}", name)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.error and (self.steps or self.status):
            raise mistake("expected steps or an error, got both")
        if self.polls is not None and self.seconds is not None:
            raise mistake("expected polls or seconds, got both")
        return self

    def counted(self) -> JsonObject | None:
        """The usage in the service's words; what is not given is 0, the total is the sum unless it is given."""
        if self.usage is None:
            return None
        given = {_USAGE.get(name, name): value for name, value in self.usage.items()}
        total = sum(given.get(_USAGE[name], 0) for name in _SUMMED)
        return {**dict.fromkeys(_USAGE.values(), 0), "total_tokens": total, **given}


class Rule(Words):
    """When a turn fits, this is the answer; `times` limits how often."""

    name: str | None = None
    when: When = Field(default_factory=When)
    then: Then
    times: int | None = Field(default=None, ge=1, strict=True)


class Script(Words):
    """Rules; the first that fits answers. A turn that none fits gets a sensible answer, or with `strict` an error."""

    rules: list[Rule]
    strict: bool = False
    about: Json = None
    """Anything: notes of the author."""
