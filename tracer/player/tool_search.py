"""What a model does with the tool-search tool: it looks up functions whose loading is deferred before it calls them.

A search that the app carries out itself is a function of the app: it is called first, the others after its result.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracer.events import JsonObject
from tracer.player.turn import Turn


def loaded(turn: Turn, calls: Iterable[JsonObject]) -> list[JsonObject]:
    """The `tool_search_call` and `tool_search_result` that load the functions called; [] if there is no need."""
    if _tool(turn, "server") is None:
        return []
    known = {str(function.get("name")) for step in turn.context for function in _found(step)}
    called = {str(call.get("name")) for call in calls} - known
    wanted = [one for one in _declared(turn.request, "function") if _is_deferred(one) and one.get("name") in called]
    return _pair(turn, wanted) if wanted else []


def in_vain(turn: Turn) -> list[JsonObject]:
    """The steps of a search where there are no functions to be found, and what the model says of it."""
    if _tool(turn, "server") is None or _declared(turn.request, "function"):
        return []
    said = {"type": "text", "text": "There is no function that could help with this."}
    return [*_pair(turn, []), {"type": "model_output", "content": [said]}]


def callable_now(turn: Turn, functions: list[JsonObject]) -> list[JsonObject]:
    """The functions that the model knows: before the app has searched, only the search and those not deferred."""
    tool = _tool(turn, "client")
    if tool is None or any(step.get("name") == _name(tool) for step in turn.context):
        return functions
    named: JsonObject = {name: tool[name] for name in ("description", "parameters") if name in tool}
    search: JsonObject = {"type": "function", "name": _name(tool), **named}
    return [search, *(function for function in functions if not _is_deferred(function))]


def is_answered(turn: Turn) -> bool:
    """Whether the app brings the result of a search that it carried out."""
    tool = _tool(turn, "client")
    results = [step.get("call_id") for step in turn.input if step.get("type") == "function_result"]
    calls = [step for step in turn.context if step.get("id") in results]
    return tool is not None and any(call.get("name") == _name(tool) for call in calls)


def _tool(turn: Turn, execution: str) -> JsonObject | None:
    declared = _declared(turn.request, "tool_search")
    fitting = [tool for tool in declared if (tool.get("execution") or "server") == execution]
    return fitting[0] if fitting else None


def _name(tool: JsonObject) -> str:
    return str(tool.get("name") or "tool_search")


def _declared(request: JsonObject, kind: str) -> list[JsonObject]:
    tools = request.get("tools")
    return [tool for tool in tools if tool.get("type") == kind] if isinstance(tools, list) else []


def _is_deferred(function: JsonObject) -> bool:
    return function.get("defer_loading") is True


def _found(step: JsonObject) -> list[JsonObject]:
    result = step.get("result") if step.get("type") == "tool_search_result" else None
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _pair(turn: Turn, functions: list[JsonObject]) -> list[JsonObject]:
    call_id = turn.mint.call_id()
    names = [function.get("name") for function in functions]
    call = {"type": "tool_search_call", "id": call_id, "arguments": {"function_names": names}}
    result = {"type": "tool_search_result", "call_id": call_id, "result": functions}
    return [{**step, "signature": turn.mint.signature()} for step in (call, result)]
