"""Tokens and money of one interaction (WIRE.md section 9)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Usage(BaseModel):
    """Token counts. Cached tokens are part of the input and never added; absent counts are null."""

    model_config = ConfigDict(extra="forbid")

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    thought_tokens: int | None = None
    tool_use_tokens: int | None = None
    total_tokens: int | None = None
    by_modality: dict[str, dict[str, int]] = Field(default_factory=dict)
    """`input`, `output`, `cached`, `tool_use` -> modality -> tokens."""
    grounding: dict[str, int] = Field(default_factory=dict)
    """Grounding tool -> number of calls."""
    sum_ok: bool | None = None
    """Whether total = input + output + thought + tool use; null if there is no total."""


class RunningUsage(BaseModel):
    """What an answer said was used so far, before it told the count that is the record's `usage`."""

    model_config = ConfigDict(extra="forbid")

    exchange: str
    event: int | None = None
    """Its number in that exchange's stream, from 1; null if a whole body told it, as that of a poll."""
    told: dict[str, Any]
    """The usage object under current names (WIRE.md section 9)."""


class Cost(BaseModel):
    """Money, or null with the reason why it is unknown."""

    model_config = ConfigDict(extra="forbid")

    amount: float | None = None
    currency: str | None = None
    source: str | None = None
    reason: str | None = None
