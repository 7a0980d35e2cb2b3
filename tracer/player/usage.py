"""Token counts that are plausible and always the same: about four characters a token (WIRE.md section 9)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tracer.events import JsonObject

_MEDIA_TOKENS = {"image": 258, "audio": 32, "video": 263, "document": 258}
_IMAGE_OUTPUT_TOKENS = 1120
_GROUNDING = {"google_search_call": "google_search", "google_maps_call": "google_maps", "retrieval_call": "retrieval"}
_THOUGHT_FACTOR = 4


def text_tokens(text: str) -> int:
    """Tokens of a text."""
    return -(-len(text) // 4)


def count(
    request: JsonObject, given: list[JsonObject], context: list[JsonObject], output: list[JsonObject]
) -> JsonObject:
    """The `usage` of a turn: its request, its input, the turns before it (the cached part) and what it produced."""
    cached = _by_modality(context)
    prompt = _by_modality(given) + cached
    prompt["text"] += sum(
        _value_tokens(request.get(name)) for name in ("system_instruction", "tools", "response_format")
    )
    thoughts = [step for step in output if step.get("type") == "thought"]
    server_results = [step for step in output if _is_server_result(step)]
    answered = [step for step in output if step.get("type") != "thought" and not _is_server_result(step)]
    answer = _by_modality(answered, image=_IMAGE_OUTPUT_TOKENS)
    thought = sum(24 + _THOUGHT_FACTOR * _value_tokens(step.get("summary")) for step in thoughts)
    tool_use = _by_modality(server_results)
    usage: JsonObject = {
        "total_tokens": prompt.total() + answer.total() + thought + tool_use.total(),
        "total_input_tokens": prompt.total(),
        "input_tokens_by_modality": _listed(prompt),
        "total_cached_tokens": cached.total(),
        "total_output_tokens": answer.total(),
        "total_tool_use_tokens": tool_use.total(),
        "total_thought_tokens": thought,
    }
    optional = {
        "cached_tokens_by_modality": _listed(cached),
        "output_tokens_by_modality": _listed(Counter({k: n for k, n in answer.items() if k != "text"})),
        "tool_use_tokens_by_modality": _listed(tool_use),
        "grounding_tool_count": _grounding(output),
    }
    return usage | {name: value for name, value in optional.items() if value}


def _grounding(output: Iterable[JsonObject]) -> list[JsonObject]:
    calls = Counter(_GROUNDING[kind] for step in output if (kind := step.get("type")) in _GROUNDING)
    return [{"type": kind, "count": number} for kind, number in calls.items()]


def _is_server_result(step: JsonObject) -> bool:
    kind = str(step.get("type"))
    return kind.endswith("_result") and kind != "function_result"


def _by_modality(steps: Iterable[JsonObject], *, image: int = _MEDIA_TOKENS["image"]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for step in steps:
        content = step.get("content")
        for part in content if isinstance(content, list) else []:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind in _MEDIA_TOKENS:
                counts[str(kind)] += image if kind == "image" else _MEDIA_TOKENS[str(kind)]
            else:
                counts["text"] += _value_tokens(part.get("text") if isinstance(part, dict) else part)
        said = {name: value for name, value in step.items() if name in ("arguments", "result", "name")}
        if isinstance(content, str):
            said["content"] = content
        counts["text"] += sum(_value_tokens(value) for value in said.values())
    return counts


def _value_tokens(value: Any) -> int:
    if value is None:
        return 0
    return text_tokens(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _listed(counts: Mapping[str, int]) -> list[JsonObject]:
    return [{"modality": modality, "tokens": tokens} for modality, tokens in counts.items() if tokens]
