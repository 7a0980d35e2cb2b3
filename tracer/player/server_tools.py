"""Tools that run at the service: their call and result steps, and a text that cites them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from tracer.events import JsonObject
from tracer.player import prompts
from tracer.player.turn import Turn

_FIBONACCI = re.compile(r"(\d{1,4})(?:st|nd|rd|th)? fibonacci|fibonacci (?:number )?(\d{1,4})", re.IGNORECASE)
_ARITHMETIC = re.compile(r"(-?\d{1,12}(?:\.\d{1,6})?)\s*([-+*/x])\s*(-?\d{1,12}(?:\.\d{1,6})?)")
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "x": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else float("nan"),
}


def run(turn: Turn, prompt: str) -> list[JsonObject]:
    """The steps of the server tools that this turn declares, then the text made of their results; [] without any."""
    tools = turn.request.get("tools")
    declared = {str(tool.get("type")): tool for tool in tools} if isinstance(tools, list) else {}
    steps: list[JsonObject] = []
    sentences: list[tuple[str, str | None, str]] = []
    for kind, work in _WORK.items():
        if kind in declared:
            made, sentence = work(turn, prompt, declared[kind])
            steps += made
            sentences.append(sentence)
    return [*steps, cited(sentences)] if steps else []


def cited(sentences: list[tuple[str, str | None, str]]) -> JsonObject:
    """A `model_output` of sentences, each (text, cited URL or None, title); offsets are in UTF-8 bytes."""
    text, annotations = "", []
    for sentence, url, title in sentences:
        start = len(text.encode())
        text += sentence
        if url:
            place = {"start_index": start, "end_index": len(text.encode())}
            annotations.append({"type": "url_citation", "url": url, "title": title, **place})
        text += "" if text.endswith("\n") else " "
    content: JsonObject = {"type": "text", "text": text.strip()}
    return {"type": "model_output", "content": [content | ({"annotations": annotations} if annotations else {})]}


def pair(turn: Turn, kind: str, arguments: Any, result: Any, **named: Any) -> list[JsonObject]:
    """The call step of a tool of the server, and its result step."""
    call_id = turn.mint.call_id()
    call = {"type": f"{kind}_call", "id": call_id, **named, "arguments": arguments, "signature": turn.mint.signature()}
    answer = {"type": f"{kind}_result", "call_id": call_id, **named, "result": result, "is_error": False}
    return [call, {**answer, "signature": turn.mint.signature()}]


type _Made = tuple[list[JsonObject], tuple[str, str | None, str]]


def _google_search(turn: Turn, prompt: str, _tool: JsonObject) -> _Made:
    query = " ".join(prompt.split()).rstrip("?.!")[:120]
    chip = f"https://www.google.com/search?q={quote_plus(query)}"
    suggestions = f'<div class="container"><a class="chip" href="{chip}">{html.escape(query)}</a></div>'
    steps = pair(turn, "google_search", {"queries": [query]}, [{"search_suggestions": suggestions}])
    steps[0]["search_type"] = "web_search"
    sentence = f'This emulator searched nothing, but it found an answer to "{query}".'
    return steps, (sentence, f"https://example.com/search/{quote_plus(query[:40])}", "example.com")


def _url_context(turn: Turn, prompt: str, _tool: JsonObject) -> _Made:
    urls = prompts.urls(prompt) or ["https://example.com"]
    result = [{"url": url, "status": "success"} for url in urls]
    title = urls[0].split("/")[2]
    return pair(turn, "url_context", {"urls": urls}, result), (f"The page {urls[0]} was read.", urls[0], title)


def _code_execution(turn: Turn, prompt: str, _tool: JsonObject) -> _Made:
    code, result = _program(prompt)
    arguments = {"language": "python", "code": code}
    return pair(turn, "code_execution", arguments, f"{result}\n"), (f"The result is {result}.", None, "")


def _program(prompt: str) -> tuple[str, str]:
    if found := _FIBONACCI.search(prompt):
        n = int(found[1] or found[2])
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return f"a, b = 0, 1\nfor _ in range({n}):\n    a, b = b, a + b\nprint(a)", str(a)
    if found := _ARITHMETIC.search(prompt):
        left, operator, right = found.groups()
        value = _OPERATORS[operator](float(left), float(right))
        sign = "*" if operator == "x" else operator
        return f"print({left} {sign} {right})", str(int(value)) if value == value // 1 else str(value)
    text = prompts.quoted(prompt)
    return f"print(len({text!r}))", str(len(text))


def _google_maps(turn: Turn, prompt: str, _tool: JsonObject) -> _Made:
    place = (prompts.places(prompt) or ["Example Square"])[0]
    result = [{"places": [{"place_id": "places/example", "name": place, "url": "https://maps.example.com/"}]}]
    return pair(turn, "google_maps", {"queries": [place]}, result), (f"{place} is on the map.", None, "")


def _file_search(turn: Turn, prompt: str, _tool: JsonObject) -> _Made:
    steps = pair(turn, "file_search", {}, [])
    steps[0].pop("arguments")
    steps[1].pop("result")
    return steps, ("The files of the store were searched.", None, "")


def _mcp(turn: Turn, prompt: str, tool: JsonObject) -> _Made:
    server = str(tool.get("name") or "mcp")
    result = [{"type": "text", "text": f"{server} answers {prompt[:80]!r}"}]
    steps = pair(turn, "mcp_server_tool", {"query": prompt[:200]}, result, name="query", server_name=server)
    return steps, (f"The server {server!r} was asked.", None, "")


def _retrieval(turn: Turn, prompt: str, tool: JsonObject) -> _Made:
    kinds = tool.get("retrieval_types")
    steps = pair(turn, "retrieval", {"queries": [prompt[:120]]}, [])
    steps[0]["retrieval_type"] = kinds[0] if isinstance(kinds, list) and kinds else "rag_store"
    steps[1].pop("result")
    return steps, ("The corpus was searched.", None, "")


_WORK: dict[str, Callable[[Turn, str, JsonObject], _Made]] = {
    "google_search": _google_search,
    "url_context": _url_context,
    "code_execution": _code_execution,
    "google_maps": _google_maps,
    "file_search": _file_search,
    "mcp_server": _mcp,
    "retrieval": _retrieval,
}
