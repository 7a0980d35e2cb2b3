"""The words of each dialect, and what is known of the wire's objects: tables only (WIRE.md sections 4 to 10)."""

from __future__ import annotations

from typing import Literal

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
"""What happened -> the event's name in each dialect; `guide` uses the names of `outputs`."""

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

TOOLS = (
    "function",
    "code_execution",
    "url_context",
    "google_search",
    "google_maps",
    "file_search",
    "mcp_server_tool",
    "retrieval",
    "processing",
    "tool_search",
)
MESSAGE_STEPS = frozenset({"user_input", "model_output"})
"""Steps that wrap contents; in legacy their contents stand in the list themselves."""
CALL_AND_RESULT_STEPS = frozenset(f"{tool}_{what}" for tool in TOOLS for what in ("call", "result"))
KNOWN_STEPS = MESSAGE_STEPS | {"thought"} | CALL_AND_RESULT_STEPS
MEDIA = frozenset({"image", "audio", "video", "document"})
KNOWN_CONTENTS = MEDIA | {"text"}
LOOSE_DELTAS = frozenset({"thought_summary", "thought_signature", "text_annotation_delta", "arguments_delta"})
"""Deltas that bring a piece of one field; the others' fields become those of their step or content."""
KNOWN_DELTAS = KNOWN_CONTENTS | CALL_AND_RESULT_STEPS | LOOSE_DELTAS


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ECHOES = (
    "system_instruction tools response_format response_mime_type response_modalities service_tier webhook_config "
    "generation_config labels safety_settings cached_content environment stream background store"
)
INTERACTION_FIELDS = _names(
    "id object status model agent agent_config created updated role usage previous_interaction_id input "
    f"environment_id errors error continuation_token {_ECHOES}"
)
USAGE_FIELDS = _names(
    "total_input_tokens total_output_tokens total_thought_tokens total_cached_tokens total_tool_use_tokens "
    "total_tokens input_tokens_by_modality output_tokens_by_modality cached_tokens_by_modality "
    "tool_use_tokens_by_modality grounding_tool_count initial_input_tokens"
)
CONTENT_FIELDS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "annotations"}),
    "image": frozenset({"type", "data", "uri", "mime_type", "resolution"}),
    "audio": frozenset({"type", "data", "uri", "mime_type", "channels", "sample_rate", "processing"}),
    "video": frozenset({"type", "data", "uri", "mime_type", "resolution", "name", "processing"}),
    "document": frozenset({"type", "data", "uri", "mime_type", "resolution", "processing"}),
}
_CALL = frozenset({"type", "id", "arguments", "signature"})
_RESULT = frozenset({"type", "call_id", "result", "is_error", "signature"})
STEP_FIELDS: dict[str, frozenset[str]] = {
    "user_input": frozenset({"type", "content"}),
    "model_output": frozenset({"type", "content", "error"}),
    "thought": frozenset({"type", "signature", "summary"}),
    **{f"{tool}_call": _CALL for tool in TOOLS},
    **{f"{tool}_result": _RESULT for tool in TOOLS},
    "function_call": _CALL | {"name"},
    "function_result": _RESULT | {"name"},
    "google_search_call": _CALL | {"search_type"},
    "mcp_server_tool_call": _CALL | {"name", "server_name"},
    "mcp_server_tool_result": _RESULT | {"name", "server_name"},
    "retrieval_call": _CALL | {"retrieval_type"},
}
EVENT_FIELDS = _names(
    "event_type event_id interaction interaction_id status index step content delta error usage step_usage "
    "metadata continuation_token"
)
DELTA_FIELDS = _names("type content signature annotations arguments partial_arguments")
"""Fields of loose deltas."""
