"""The guide's dialect: legacy objects that echo the request and count `prompt_tokens` (WIRE.md sections 1 and 16)."""

from __future__ import annotations

from tracer.dialects import history
from tracer.dialects.base import DialectName
from tracer.dialects.outputs import OutputsDialect
from tracer.dialects.words import GUIDE_USAGE
from tracer.events import JsonObject

_ECHOED: JsonObject = {
    "tools": [],
    "previous_interaction_id": None,
    "stream": False,
    "background": False,
    "store": True,
}


class GuideDialect(OutputsDialect):
    """Read like legacy; written with the echoes and the three counts that the guide shows."""

    name: DialectName = "guide"

    def write_fields(self, fields: JsonObject) -> JsonObject:
        """The echo of the request has its default where the fields say nothing."""
        written = {name: value for name, value in fields.items() if name != "role"}
        if "status" in written:
            for name, default in _ECHOED.items():
                written.setdefault(name, list(default) if isinstance(default, list) else default)
        if isinstance(written.get("input"), list):
            written["input"] = history.to_contents(written["input"])
        usage = written.get("usage")
        if isinstance(usage, dict):
            written["usage"] = guide_usage(usage)
        return written


def guide_usage(usage: JsonObject) -> JsonObject:
    """The three counts of the guide. Thinking and tool prompts have no name there: they are part of the two others."""
    counts = {name: value for name, value in usage.items() if isinstance(value, int)}
    written = {guide: counts[current] for current, guide in GUIDE_USAGE.items() if current in counts}
    if "completion_tokens" in written:
        written["completion_tokens"] += counts.get("total_thought_tokens", 0)
    if "prompt_tokens" in written:
        written["prompt_tokens"] += counts.get("total_tool_use_tokens", 0)
    return written
