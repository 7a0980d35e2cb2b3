"""Token counts as they are billed: pieces that do not overlap, each with its modality where that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer.records.usage import Usage

MODALITIES = ("audio", "image", "video", "document")
"""Those that can have a price of their own; text, and what is not told, is the rest."""


@dataclass(frozen=True, slots=True)
class Billed:
    """`fresh`, `cached` and `output` are whole counts; the mappings say how much of each is of which modality."""

    fresh: int
    """Input and tool prompts that were not cached."""
    cached: int
    output: int
    """Answer and thoughts."""
    fresh_by: Mapping[str, int] = field(default_factory=dict)
    cached_by: Mapping[str, int] = field(default_factory=dict)
    output_by: Mapping[str, int] = field(default_factory=dict)


def billed(usage: Usage) -> Billed:
    """The pieces of a usage. Breakdowns that contradict their total are not used."""
    whole = (usage.input_tokens or 0) + (usage.tool_use_tokens or 0)
    cached = min(usage.cached_tokens or 0, whole)
    output = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    input_by = _named(usage, ("input", "tool_use"), whole)
    cached_by = _cached_by(input_by, _named(usage, ("cached",), cached), cached, whole)
    fresh_by = {name: count - cached_by[name] for name, count in input_by.items()}
    return Billed(whole - cached, cached, output, fresh_by, cached_by, _named(usage, ("output",), output))


def _named(usage: Usage, parts: tuple[str, ...], total: int) -> dict[str, int]:
    # The lists need not add up to their total, but one that exceeds it can't be trusted.
    told = [counts for part in parts if (counts := usage.by_modality.get(part))]
    if not told or sum(sum(counts.values()) for counts in told) > total:
        return {}
    named = {name: sum(counts.get(name, 0) for counts in told) for name in MODALITIES}
    return {name: count for name, count in named.items() if count}


def _cached_by(input_by: Mapping[str, int], told: Mapping[str, int], cached: int, whole: int) -> dict[str, int]:
    """How much of each modality was cached: as told; what is left over is text as far as there is any."""
    result = {name: min(count, told.get(name, 0)) for name, count in input_by.items()}
    # What was not cached must have room for all that is left of the modalities.
    excess = sum(input_by.values()) - sum(result.values()) - (whole - cached)
    for name, count in input_by.items():
        more = max(0, min(excess, count - result[name]))
        result[name] += more
        excess -= more
    return result
