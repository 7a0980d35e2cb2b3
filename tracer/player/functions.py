"""Which of the declared functions a prompt asks for, how they are called, and what their results say."""

from __future__ import annotations

import json
import re
from typing import Any

from tracer.events import JsonObject
from tracer.player import computer, prompts, tool_search
from tracer.player.schemas import PLACE_FIELDS, Filler
from tracer.player.turn import Turn

_SEVERAL = re.compile(r"\band\b|\bboth\b|;|\balso\b|\bthen\b", re.IGNORECASE)
_MAX_CALLS = 8
_MEDIA = ("image", "audio", "video", "document")


def calls(turn: Turn, prompt: str) -> list[JsonObject]:
    """The `function_call` steps that answer a prompt; none if no declared function fits it."""
    declared = _callable(turn)
    if not declared:
        return []
    forced = _mode(turn) == "any"
    scores = [(len(_asked_words(function, prompt)), function) for function in declared]
    best = max(score for score, _ in scores)
    if best == 0:
        called_before = any(step.get("type") == "function_call" for step in turn.context)
        if not forced and (called_before or prompts.is_small_talk(prompt) or computer.tool_of(turn.request)):
            return []
        chosen = declared[:1]
    else:
        chosen = _chosen(scores, prompt)
    if len(chosen) == 1 and _takes_place(chosen[0]) and _SEVERAL.search(prompt):
        wanted = [(chosen[0], n) for n in range(max(1, len(prompts.places(prompt))))]
    else:
        wanted = [(function, n) for n, function in enumerate(chosen)]
    return [_call(function, prompt, n, turn) for function, n in wanted[:_MAX_CALLS]]


def arguments_for(request: JsonObject, name: str, prompt: str) -> JsonObject:
    """Arguments that satisfy the schema of a declared function; `{}` if no such function is declared."""
    tools = request.get("tools")
    functions = [tool for tool in tools if tool.get("type") == "function"] if isinstance(tools, list) else []
    schema = next((tool.get("parameters") for tool in functions if tool.get("name") == name), None)
    value = Filler(prompt).value(schema) if isinstance(schema, dict) else {}
    return value if isinstance(value, dict) else {}


def _callable(turn: Turn) -> list[JsonObject]:
    tools = turn.request.get("tools")
    declared = [tool for tool in tools if tool.get("type") == "function"] if isinstance(tools, list) else []
    if _mode(turn) == "none":
        return []
    declared = tool_search.callable_now(turn, declared)
    choice = turn.config().get("tool_choice")
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    names = allowed.get("tools") if isinstance(allowed, dict) else None
    return [tool for tool in declared if not isinstance(names, list) or tool.get("name") in names]


def _mode(turn: Turn) -> str:
    choice = turn.config().get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("allowed_tools"), dict):
        choice = choice["allowed_tools"].get("mode")
    return choice.lower() if isinstance(choice, str) else "auto"


def _asked_words(function: JsonObject, prompt: str) -> set[str]:
    spoken = prompts.words(prompt)
    name = prompts.words(str(function.get("name", "")).replace("_", " ")) & spoken
    return name | (prompts.words(str(function.get("description", ""))) & spoken)


def _chosen(scores: list[tuple[int, JsonObject]], prompt: str) -> list[JsonObject]:
    # Several functions are meant if the prompt enumerates and each brings a word that none before it brought.
    ranked = [function for score, function in sorted(scores, key=lambda pair: -pair[0]) if score]
    if not _SEVERAL.search(prompt):
        return ranked[:1]
    chosen: list[JsonObject] = []
    used: set[str] = set()
    for function in ranked:
        own = prompts.words(str(function.get("name", "")).replace("_", " ")) & prompts.words(prompt)
        if not chosen or own - used:
            chosen.append(function)
            used |= _asked_words(function, prompt)
    return chosen


def _call(function: JsonObject, prompt: str, place: int, turn: Turn) -> JsonObject:
    # The n-th call is about the n-th place that the prompt names, or the last one.
    schema = function.get("parameters")
    place = min(place, max(0, len(prompts.places(prompt)) - 1))
    value = Filler(prompt, place=place).value(schema if isinstance(schema, dict) else {"type": "object"})
    arguments = value if isinstance(value, dict) else {}
    return {"type": "function_call", "id": turn.mint.call_id(), "name": function["name"], "arguments": arguments}


def _takes_place(function: JsonObject) -> bool:
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return isinstance(properties, dict) and any(PLACE_FIELDS.search(name) for name in properties)


def results_text(results: list[JsonObject], question: str) -> str:
    """What the results of functions say, as an answer to the question that led to them."""
    sentences = []
    for step in results:
        name = step.get("name") or "the function"
        said = spoken(step.get("result"))
        sentences.append(f"{name} failed: {said}" if step.get("is_error") else f"According to {name}, {said}")
    about = f'You asked "{prompts.quoted(question)}". ' if question else ""
    return about + " ".join(sentence.rstrip(".") + "." for sentence in sentences)


def spoken(value: Any) -> str:
    """A result in words: `{"temp": 20}` is "temp is 20"."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return spoken(parsed) if isinstance(parsed, dict) else value
    if isinstance(value, dict):
        return ", ".join(f"{name} is {_scalar(part)}" for name, part in value.items()) or "there is nothing"
    if isinstance(value, list):
        texts = [part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return "\n".join(texts) if texts else ", ".join(_scalar(part) for part in value) or "there is nothing"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, dict) and value.get("type") in _MEDIA:
        return f"{value['type']} ({value.get('mime_type') or 'no type given'})"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
