"""The steps that a rule lets the model make: each is one word and what belongs to it.

Text, JSON and media that follow each other become one `model_output`; everything else is a step of its own, a server's
tool its call and its result (WIRE.md section 7).
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import Field, model_validator

from tracer.events import JsonObject
from tracer.player import functions, prompts
from tracer.player.schemas import Filler, schema_of
from tracer.player.script.media import Audio, Document, Image, Video
from tracer.player.script.tools import (
    CodeExecution,
    FileSearch,
    GoogleMaps,
    GoogleSearch,
    Mcp,
    Processing,
    Retrieval,
    ToolSearch,
    UrlContext,
)
from tracer.player.script.words import Json, JsonFields, Strings, Words, mistake, shown
from tracer.player.turn import Turn

_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})


class Text(Words):
    """A text; `annotations` as the service writes them."""

    short: ClassVar = "text"
    text: str
    annotations: list[JsonFields] = Field(default_factory=list)

    def made(self, _turn: Turn) -> list[JsonObject]:
        """One content."""
        return [{"type": "text", "text": self.text, **({"annotations": self.annotations} if self.annotations else {})}]


class Thought(Words):
    """A thought; each string of its summary is one text. Its signature is made up unless given."""

    short: ClassVar = "summary"
    summary: Strings = ()
    signature: str | None = None

    def made(self, turn: Turn) -> list[JsonObject]:
        """One step."""
        thought: JsonObject = {"type": "thought", "signature": self.signature or turn.mint.signature()}
        summary = [{"type": "text", "text": text} for text in self.summary]
        return [thought | ({"summary": summary} if summary else {})]


class FunctionCall(Words):
    """A call of a function of the app; without `arguments` they are made up to satisfy the function's schema."""

    short: ClassVar = "name"
    name: str
    arguments: JsonFields | None = None
    id: str | None = None
    signature: str | None = None

    def made(self, turn: Turn) -> list[JsonObject]:
        """One step."""
        arguments = self.arguments
        if arguments is None:
            arguments = functions.arguments_for(turn.request, self.name, prompts.text_of(turn.input))
        call = {"type": "function_call", "id": self.id or turn.mint.call_id(), "name": self.name}
        return [{**call, "arguments": arguments, **({"signature": self.signature} if self.signature else {})}]


class ComputerUse(Words):
    """An action of the computer-use tool, such as `click_at`: a function call that the app carries out."""

    short: ClassVar = "action"
    action: str
    arguments: JsonFields = Field(default_factory=dict)
    id: str | None = None

    def made(self, turn: Turn) -> list[JsonObject]:
        """One step."""
        call_id = self.id or turn.mint.call_id()
        return [{"type": "function_call", "id": call_id, "name": self.action, "arguments": self.arguments}]


class Step(Words):
    """One word of what a model can do. A mapping with a `type` is a step as the service writes it, sent as it is."""

    text: Text | None = None
    thought: Thought | None = None
    call: FunctionCall | None = None
    json_value: Json = Field(default=None, alias="json")
    structured: JsonFields | None = None
    image: Image | None = None
    audio: Audio | None = None
    video: Video | None = None
    document: Document | None = None
    google_search: GoogleSearch | None = None
    url_context: UrlContext | None = None
    code_execution: CodeExecution | None = None
    google_maps: GoogleMaps | None = None
    file_search: FileSearch | None = None
    mcp: Mcp | None = None
    retrieval: Retrieval | None = None
    tool_search: ToolSearch | None = None
    processing: Processing | None = None
    computer_use: ComputerUse | None = None
    raw: JsonFields | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if isinstance(value, Step):
            return value
        if isinstance(value, str):
            return {"text": value}
        if not isinstance(value, dict):
            raise mistake(f"expected a step such as `text: Hello`, got {shown(value)}")
        if isinstance(value.get("type"), str):
            return {"raw": value}
        if len(value) != 1:
            found = " and ".join(repr(word) for word in value) or "none"
            raise mistake(f"expected one word such as `text: Hello`, got {found}; begin each step with `- `")
        # A word without anything behind it, such as `- processing:`, has no settings of its own.
        return {word: {} if given is None and word != "json" else given for word, given in value.items()}

    def made(self, turn: Turn) -> list[JsonObject]:
        """The steps or contents that it stands for."""
        (word,) = self.model_fields_set
        if word == "raw":
            return [dict(self.raw or {})]
        if word == "json_value":
            return _json_text(self.json_value)
        if word == "structured":
            return _json_text(self._structured(turn))
        made: list[JsonObject] = getattr(self, word).made(turn)
        return made

    def _structured(self, turn: Turn) -> Any:
        schema = schema_of(turn.request)
        material = f"{prompts.text_of(turn.input)}\n{prompts.text_of(turn.context)}"
        value = {} if schema is None else Filler(material).value(schema)
        return {**value, **(self.structured or {})} if isinstance(value, dict) else value


def _json_text(value: Any) -> list[JsonObject]:
    return [{"type": "text", "text": json.dumps(value, ensure_ascii=False)}]


def made_of(steps: list[Step], turn: Turn) -> list[JsonObject]:
    """All steps; contents that follow each other are joined to one `model_output`."""
    made: list[JsonObject] = []
    is_open = False
    for part in (part for step in steps for part in step.made(turn)):
        if part.get("type") not in _CONTENTS:
            made.append(part)
        elif is_open:
            made[-1]["content"].append(part)
        else:
            made.append({"type": "model_output", "content": [part]})
        is_open = part.get("type") in _CONTENTS
    return made
