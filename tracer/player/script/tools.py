"""The tools that run at the service, as a script writes them: each becomes its call step and its result step."""

from __future__ import annotations

from typing import Any, ClassVar, override

from pydantic import Field

from tracer.events import JsonObject
from tracer.player import server_tools
from tracer.player.script.words import Json, JsonFields, Strings, Words
from tracer.player.turn import Turn


class Tool(Words):
    """What all of them have: the `id` of the call, and whether its result `is_error`."""

    kind: ClassVar[str]
    id: str | None = None
    is_error: bool = False

    def made(self, turn: Turn) -> list[JsonObject]:
        """The call and its result."""
        return self.pair(turn, None, None)

    def pair(self, turn: Turn, arguments: Any, result: Any, **beside: Any) -> list[JsonObject]:
        """Call and result; `beside` stands in the call. What is None is left out."""
        call, answer = server_tools.pair(turn, self.kind, arguments, result)
        call_id = self.id or call["id"]
        steps = ({**call, "id": call_id, **beside}, {**answer, "call_id": call_id, "is_error": self.is_error})
        return [{name: value for name, value in step.items() if value is not None} for step in steps]


class GoogleSearch(Tool):
    """`queries`, and `results` as the service writes them."""

    kind: ClassVar = "google_search"
    short: ClassVar = "queries"
    queries: Strings
    results: list[JsonFields] = Field(default_factory=list)
    search_type: str | None = None

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        return self.pair(turn, {"queries": list(self.queries)}, self.results, search_type=self.search_type)


class UrlContext(Tool):
    """`urls` that were read; each was a success unless `results` say otherwise."""

    kind: ClassVar = "url_context"
    short: ClassVar = "urls"
    urls: Strings
    results: list[JsonFields] | None = None

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        status = "error" if self.is_error else "success"
        fetched = [{"url": url, "status": status} for url in self.urls]
        return self.pair(turn, {"urls": list(self.urls)}, fetched if self.results is None else self.results)


class CodeExecution(Tool):
    """`code` that ran and its `output`."""

    kind: ClassVar = "code_execution"
    short: ClassVar = "code"
    code: str
    output: str = ""
    language: str = "python"

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        return self.pair(turn, {"language": self.language, "code": self.code}, self.output)


class GoogleMaps(Tool):
    """`queries` and the `places` found."""

    kind: ClassVar = "google_maps"
    short: ClassVar = "queries"
    queries: Strings = ()
    places: list[JsonFields] = Field(default_factory=list)
    widget_context_token: str | None = None

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        widget = {"widget_context_token": self.widget_context_token} if self.widget_context_token else {}
        return self.pair(turn, {"queries": list(self.queries)}, [{"places": self.places, **widget}])


class FileSearch(Tool):
    """A search in file stores, and its `results` if there are to be any."""

    kind: ClassVar = "file_search"
    short: ClassVar = "results"
    results: list[JsonFields] | None = None

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        return self.pair(turn, None, self.results)


class Mcp(Tool):
    """A tool `name` of the MCP server `server`, its `arguments` and its `result`."""

    kind: ClassVar = "mcp_server_tool"
    server: str
    name: str
    arguments: JsonFields = Field(default_factory=dict)
    result: Json = ""

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        named = {"name": self.name, "server_name": self.server}
        return [{**step, **named} for step in self.pair(turn, self.arguments, self.result)]


class Retrieval(Tool):
    """`queries` to a corpus of the `retrieval_type`."""

    kind: ClassVar = "retrieval"
    short: ClassVar = "queries"
    queries: Strings
    retrieval_type: str = "rag_store"

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        return self.pair(turn, {"queries": list(self.queries)}, None, retrieval_type=self.retrieval_type)


class ToolSearch(Tool):
    """`function_names` that were looked up, and the `functions` found."""

    kind: ClassVar = "tool_search"
    short: ClassVar = "function_names"
    function_names: Strings
    functions: list[JsonFields] = Field(default_factory=list)

    @override
    def made(self, turn: Turn) -> list[JsonObject]:
        return self.pair(turn, {"function_names": list(self.function_names)}, self.functions)


class Processing(Tool):
    """The service works on what it was given."""

    kind: ClassVar = "processing"
