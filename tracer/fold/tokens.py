"""Token counts from every name they go by (WIRE.md section 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tracer.dialects.table import current_usage
from tracer.events import Json, JsonObject
from tracer.records.usage import Usage

_COUNTS = {
    "input_tokens": "total_input_tokens",
    "cached_tokens": "total_cached_tokens",
    "output_tokens": "total_output_tokens",
    "thought_tokens": "total_thought_tokens",
    "tool_use_tokens": "total_tool_use_tokens",
    "total_tokens": "total_tokens",
}
_MODALITIES = ("input", "output", "cached", "tool_use")
_TYPED = {*_COUNTS.values(), *(f"{part}_tokens_by_modality" for part in _MODALITIES), "grounding_tool_count"}
_LARGEST = 2**63


def read_usage(usage: JsonObject) -> Usage:
    """The counts of one usage object. What is absent, or is no count, is null."""
    named = current_usage(usage)
    counts = {ours: _count(named.get(theirs)) for ours, theirs in _COUNTS.items()}
    by_modality = {
        part: _pairs(named.get(f"{part}_tokens_by_modality"), "modality", "tokens")
        for part in _MODALITIES
        if isinstance(named.get(f"{part}_tokens_by_modality"), list)
    }
    grounding = _pairs(named.get("grounding_tool_count"), "type", "count")
    return Usage(**counts, by_modality=by_modality, grounding=grounding, sum_ok=_sum_ok(counts))


def says_more(usage: JsonObject) -> bool:
    """Whether a usage object has fields that `Usage` has no place for."""
    return not current_usage(usage).keys() <= _TYPED


def largest(running: Sequence[JsonObject]) -> JsonObject | None:
    """The furthest of several running totals; they are cumulative, so the last of equal ones counts."""
    best, size = None, -1
    for usage in running:
        counts = read_usage(usage)
        total = counts.total_tokens or sum(_parts(counts.model_dump()))
        if total >= size:
            best, size = usage, total
    return best


def add(usages: Sequence[Usage]) -> Usage | None:
    """The sum over the hops of one turn; null if no hop told its usage."""
    if len(usages) < 2:
        return usages[0] if usages else None
    counts: dict[str, int | None] = {}
    for name in _COUNTS:
        told = [count for usage in usages if (count := getattr(usage, name)) is not None]
        counts[name] = sum(told) if told else None
    modalities = {part for usage in usages for part in usage.by_modality}
    by_modality = {part: _added([usage.by_modality.get(part, {}) for usage in usages]) for part in sorted(modalities)}
    grounding = _added([usage.grounding for usage in usages])
    return Usage(**counts, by_modality=by_modality, grounding=grounding, sum_ok=_sum_ok(counts))


def _sum_ok(counts: dict[str, int | None]) -> bool | None:
    # total = input + output + thought + tool use; cached tokens are part of the input. Holds in 70 of 72 recordings.
    total = counts["total_tokens"]
    if total is None or (counts["input_tokens"] is None and counts["output_tokens"] is None):
        return None
    return total == sum(_parts(counts))


def _parts(counts: dict[str, int | None]) -> list[int]:
    return [counts[name] or 0 for name in ("input_tokens", "output_tokens", "thought_tokens", "tool_use_tokens")]


def _pairs(value: Json, name: str, count: str) -> dict[str, int]:
    pairs: Counter[str] = Counter()
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get(name), str):
            pairs[item[name].lower()] += _count(item.get(count)) or 0
    return dict(pairs)


def _added(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return dict(total)


def _count(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _LARGEST else None
