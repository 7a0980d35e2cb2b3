"""Tool calls and their results as blocks; of a server's own tools what they asked and which sources they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tui.parts import Block, Part, contents, dump
from tui.text import duration

type Step = Mapping[str, Any]

_NAMES = ("title", "name", "file_name", "display_name")
_ADDRESSES = ("url", "uri", "document_uri", "file_search_store", "place_id")


def call(
    step: Step,
    result: Step | None,
    *,
    later: bool = False,
    waited: float | None = None,
    at: str = "",
    found: str = "",
) -> Block:
    """A call; beside it the result if it is known, `later` if another turn brought it, `waited` ms after the call.
    `at` and `found` say where the two are in the record."""
    note = [str(step.get("id") or "")]
    if waited is not None:
        note.append(_took(step, waited))
    if later:
        note.append("next turn")
    asked = tuple(_asked(step, at))
    answer = () if result is None else tuple(_answer(result, found))
    return Block("call", tool_name(step), " · ".join(filter(None, note)), asked + answer, answer_at=len(asked))


def result(step: Step, called: Step | None, *, waited: float | None = None, at: str = "") -> Block:
    """A result; before it what was called if that is known. `at` says where it is in the record."""
    told = {**(called or {}), **{field: value for field, value in step.items() if value is not None}}
    asked = () if called is None else tuple(_asked(called, ""))
    note = [str(step.get("call_id") or "")]
    if waited is not None:
        note.append(_took(step, waited))
    return Block(
        "result",
        tool_name(told),
        " · ".join(filter(None, note)),
        asked + tuple(_answer(step, at)),
        answer_at=len(asked) if asked else None,
    )


def _took(step: Step, ms: float) -> str:
    where = "in the app" if str(step.get("type")).startswith("function_") else "at the service"
    return f"{duration(round(ms * 1000))} {where}"


def tool_name(step: Step) -> str:
    """What was called, after the name of the server it is at."""
    name = step.get("name") or str(step.get("type")).removesuffix("_call").removesuffix("_result")
    return f"{step['server_name']} ▸ {name}" if step.get("server_name") else str(name)


def _asked(step: Step, at: str) -> Iterator[Part]:
    at = at and f"{at}.arguments"
    arguments = step.get("arguments")
    arguments = arguments if isinstance(arguments, dict) else {}
    kind = str(step.get("type"))
    if kind == "code_execution_call" and isinstance(arguments.get("code"), str):
        language = str(arguments.get("language") or "").lower()
        yield Part("code", arguments["code"], language=language if language.isalnum() else "", at=at and f"{at}.code")
        return
    words = arguments.get("queries") if kind.endswith(("search_call", "maps_call", "retrieval_call")) else None
    words = arguments.get("urls") if kind == "url_context_call" else words
    if isinstance(words, list) and words and arguments.keys() <= {"queries", "urls"}:
        for place, one in enumerate(words):
            yield Part("plain", str(one), "? ", at=at and f"{at}.{next(iter(arguments))}[{place}]")
    else:
        yield Part("json", dump(step.get("arguments") or {}), at=at)


def _answer(step: Step, at: str) -> Iterator[Part]:
    at = at and f"{at}.result"
    value, failed = step.get("result"), bool(step.get("is_error"))
    lead = "✖ " if failed else "↳ "
    kind = str(step.get("type"))
    if isinstance(value, str):
        yield Part("plain", value.removesuffix("\n"), lead, failed=failed, at=at)
    elif kind != "function_result" and isinstance(value, list) and (found := sources(value)):
        for number, text in enumerate(found):
            yield Part("plain", text, lead if not number else "  ", failed=failed)
    elif isinstance(value, list) and value and all(isinstance(item, dict) and "type" in item for item in value):
        first, *rest = contents(value, at)
        yield replace(first, lead=lead, failed=failed)
        yield from rest
    elif value is None and kind != "function_result":
        yield Part("plain", "done" if not failed else "failed", lead, failed=failed)
    else:
        yield Part("json", dump(value), lead, failed=failed, at=at)


def sources(items: list[Any]) -> list[str]:
    """One line for each source in a server tool's result: title and address, what became of it; none if it has none."""
    found: list[str] = []
    for item in items:
        if not isinstance(item, dict):
            return []
        inner = item.get("places")
        for one in inner if isinstance(inner, list) else [item]:
            name = _first(one, _NAMES)
            where = _first(one, _ADDRESSES)
            state = one.get("status") if isinstance(one, dict) else None
            words = [name, where if where != name else "", str(state) if isinstance(state, str) else ""]
            if line := "  ".join(filter(None, words)):
                found.append(line)
            elif isinstance(one, dict) and one.get("search_suggestions"):
                found.append("search suggestions (HTML; raw HTTP shows it)")
            else:
                return []
    return found


def _first(item: Any, names: tuple[str, ...]) -> str:
    if not isinstance(item, dict):
        return ""
    return next((str(item[name]) for name in names if isinstance(item.get(name), str) and item[name]), "")
