"""Steps and contents in the current API's shape (WIRE.md section 7). Every union is open, every field optional.

A value that does not fit its field is no reason to lose a step: `parse_step` then keeps it as a plain `Step`, whose
extra fields hold everything that was there.
"""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from tracer.records.tools import TOOLS


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str

    @model_serializer(mode="wrap")
    def _only_what_was_sent(self, dump: SerializerFunctionWrapHandler, _info: SerializationInfo) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        absent = type(self).model_fields.keys() - self.model_fields_set
        return {name: value for name, value in dumped.items() if name not in absent}

    def wire(self) -> dict[str, Any]:
        """The JSON object as it was on the wire: no field that was not sent, unknown ones included."""
        return self.model_dump()


class Content(_Open):
    """A piece of input or output: text, image, audio, video, document, or one not known yet."""

    text: str | None = None
    data: str | None = None
    uri: str | None = None
    mime_type: str | None = None
    annotations: list[dict[str, Any]] | None = None


class Step(_Open):
    """A step of any type; the subclasses type the fields of the known ones."""


class UserInput(Step):
    """What the caller said."""

    content: list[Content] | str | None = None


class ModelOutput(Step):
    """What the model answered."""

    content: list[Content] | str | None = None
    error: dict[str, Any] | None = None


class Thought(Step):
    """A thought: an opaque signature and perhaps a summary."""

    signature: str | None = None
    summary: list[Content] | None = None


class Call(Step):
    """A tool is to be called: `function_call` and every `*_call` of a server tool."""

    id: str | None = None
    name: str | None = None
    server_name: str | None = None
    arguments: dict[str, Any] | None = None
    signature: str | None = None


class Result(Step):
    """What a tool answered; `call_id` is the call's `id`."""

    call_id: str | None = None
    name: str | None = None
    server_name: str | None = None
    result: Any = None
    is_error: bool | None = None
    signature: str | None = None


KNOWN_STEPS: dict[str, type[Step]] = {
    "user_input": UserInput,
    "model_output": ModelOutput,
    "thought": Thought,
    **{f"{tool}_call": Call for tool in TOOLS},
    **{f"{tool}_result": Result for tool in TOOLS},
}
"""Step type -> model. A type that is not here is kept as a plain `Step`."""

KNOWN_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})

type AnyStep = SerializeAsAny[Step]


def parse_step(value: dict[str, Any]) -> Step:
    """A step object as a model; of an unknown type, or with a value that does not fit, as a plain `Step`."""
    return read_step(value)[0]


def read_step(value: dict[str, Any]) -> tuple[Step, str | None]:
    """`parse_step`, and the JSON path of the first value that did not fit, if there was one."""
    model = KNOWN_STEPS.get(str(value.get("type")), Step)
    try:
        return model.model_validate(value), None
    except ValidationError as error:
        plain = Step.model_construct(_fields_set=set(value), **{**value, "type": str(value.get("type"))})
        return plain, _path(error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"])


def _path(location: tuple[str | int, ...]) -> str:
    # Beside fields and places, pydantic names the member of a union that it tried.
    told = [part for part in location if isinstance(part, int) or (part.isidentifier() and part != "str")]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in told)
