"""The words of each dialect: tables only (WIRE.md sections 1, 6, 7, 9 and 10). Their fields are in `shapes.py`."""

from __future__ import annotations

from typing import Literal

from tracer.records.tools import TOOLS

type Kind = Literal["created", "status", "started", "delta", "stopped", "ended", "failed"]

EVENT_NAMES: dict[Kind, dict[Literal["steps", "outputs"], str]] = {
    "created": {"steps": "interaction.created", "outputs": "interaction.start"},
    "status": {"steps": "interaction.status_update", "outputs": "interaction.status_update"},
    "started": {"steps": "step.start", "outputs": "content.start"},
    "delta": {"steps": "step.delta", "outputs": "content.delta"},
    "stopped": {"steps": "step.stop", "outputs": "content.stop"},
    "ended": {"steps": "interaction.completed", "outputs": "interaction.complete"},
    "failed": {"steps": "error", "outputs": "error"},
}
"""What happened -> the event's name in each dialect that has it; `guide` uses the names of `outputs`."""
KIND_OF: dict[str, Kind] = {name: kind for kind, names in EVENT_NAMES.items() for name in names.values()}

DELTA_NAMES = {"text_annotation": "text_annotation_delta"}
"""Legacy delta type -> current one, where they differ."""

USAGE_NAMES = {
    "prompt_tokens": "total_input_tokens",
    "completion_tokens": "total_output_tokens",
    "total_reasoning_tokens": "total_thought_tokens",
}
"""Older and guide names of counts -> current ones."""

GUIDE_USAGE = {
    "total_input_tokens": "prompt_tokens",
    "total_output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
}
"""Current names -> the three counts that the guide knows."""

STATUSES = frozenset(
    {
        "queued",
        "in_progress",
        "requires_action",
        "completed",
        "failed",
        "cancelled",
        "incomplete",
        "budget_exceeded",
        "requires_continuation",
    }
)
RUNNING_STATUSES = frozenset({"queued", "in_progress"})
TERMINAL_STATUSES = STATUSES - RUNNING_STATUSES

MESSAGE_STEPS = frozenset({"user_input", "model_output"})
"""Steps that wrap contents; in legacy their contents stand in the list themselves."""
CALL_AND_RESULT_STEPS = frozenset(f"{tool}_{what}" for tool in TOOLS for what in ("call", "result"))
KNOWN_STEPS = MESSAGE_STEPS | {"thought"} | CALL_AND_RESULT_STEPS
MEDIA = frozenset({"image", "audio", "video", "document"})
KNOWN_CONTENTS = MEDIA | {"text"}
