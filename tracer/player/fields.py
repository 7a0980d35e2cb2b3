"""The fields of a create and their types, so that an unknown or a wrong one is refused by name (WIRE.md section 4)."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from tracer.events import JsonObject


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == value // 1


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_map_of_strings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


type _Check = tuple[Callable[[Any], bool], str]
_STRING: _Check = (lambda value: isinstance(value, str), "a string")
_BOOLEAN: _Check = (lambda value: isinstance(value, bool), "a boolean")
_NUMBER: _Check = (_is_number, "a number")
_INTEGER: _Check = (_is_whole, "an integer")
_POSITIVE: _Check = (lambda value: _is_whole(value) and value > 0, "a positive integer")
_OBJECT: _Check = (lambda value: isinstance(value, dict), "an object")
_LIST: _Check = (lambda value: isinstance(value, list), "a list")
_STRINGS: _Check = (_are_strings, "a list of strings")
_LABELS: _Check = (_is_map_of_strings, "an object of strings")
_CHOICE: _Check = (lambda value: isinstance(value, str | dict), "a string or an object")

_FIELDS: dict[str, _Check] = {
    "stream": _BOOLEAN,
    "background": _BOOLEAN,
    "store": _BOOLEAN,
    "model": _STRING,
    "agent": _STRING,
    "previous_interaction_id": _STRING,
    "continuation_token": _STRING,
    "system_instruction": _STRING,
    "response_mime_type": _STRING,
    "service_tier": _STRING,
    "cached_content": _STRING,
    "generation_config": _OBJECT,
    "agent_config": _OBJECT,
    "webhook_config": _OBJECT,
    "response_modalities": _STRINGS,
    "safety_settings": _LIST,
    "labels": _LABELS,
    "environment": _CHOICE,
}
_GENERATION: dict[str, _Check] = {
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": _NUMBER,
    "seed": _INTEGER,
    "max_output_tokens": _POSITIVE,
    "stop_sequences": _STRINGS,
    "thinking_level": _STRING,
    "thinking_summaries": _STRING,
    "tool_choice": _CHOICE,
}


_UNCHECKED = ("input", "tools", "response_format")
"""Fields of several forms, which are checked where they are read."""
_UNCHECKED_GENERATION = ("speech_config", "image_config", "video_config", "transcription_config")


def unknown_field(body: JsonObject) -> str | None:
    """Which field of a create or of its `generation_config` the API does not have; None if it has them all."""
    config = body.get("generation_config")
    nested = config if isinstance(config, dict) else {}
    known = ((*_FIELDS, *_UNCHECKED), (*_GENERATION, *_UNCHECKED_GENERATION))
    for prefix, names, value in (("", known[0], body), ("generation_config.", known[1], nested)):
        for name in value:
            if name not in names:
                near = get_close_matches(name[:40], names, n=1)
                meant = f" Did you mean '{prefix}{near[0]}'?" if near else ""
                return f"Unknown parameter '{prefix}{name[:100]}'.{meant}"
    return None


def wrong_field(body: JsonObject) -> str | None:
    """What is wrong with the first field of a create that has a wrong type; None if all are right. Null is absent."""
    config = body.get("generation_config")
    nested = config if isinstance(config, dict) else {}
    for prefix, checks, value in (("", _FIELDS, body), ("generation_config.", _GENERATION, nested)):
        for name, (is_right, expected) in checks.items():
            if value.get(name) is not None and not is_right(value[name]):
                return f"Invalid value at '{prefix}{name}': expected {expected}."
    return None
