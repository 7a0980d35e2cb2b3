"""Steps put together from the parts of a stream (WIRE.md section 10, "Assembling").

Works on plain objects: a stream may have thousands of deltas, so nothing is validated and texts are joined once.
"""

from __future__ import annotations

from collections.abc import Callable

from tracer.dialects.outputs import parse_arguments
from tracer.dialects.words import CALL_AND_RESULT_STEPS, MEDIA
from tracer.events import Json, JsonObject


class Assembly:
    """The parts of one stream by index. Events of resumed streams are fed as if there had been no break."""

    def __init__(self) -> None:
        self._parts: dict[int, _Part] = {}
        self._latest = 0

    def start(self, index: int, step: JsonObject) -> None:
        """A start event; a second one for the same index begins the part anew."""
        if index < 0:
            index = max(self._parts, default=-1) + 1
        self._latest = index
        self._parts[index] = _Part(step)

    def delta(self, index: int, delta: JsonObject) -> None:
        """A delta; one whose start event was lost opens a part that fits it."""
        if index < 0:
            index = self._latest
        part = self._parts.get(index)
        kind = delta.get("type")
        if part is None:
            part = self._parts[index] = _Part({"type": _step_for(kind)})
        self._latest = index
        _APPLY.get(kind if isinstance(kind, str) else "", _apply_other)(part, delta)

    def steps(self) -> list[JsonObject]:
        """The steps so far, in order of their index."""
        return [self._parts[index].finished() for index in sorted(self._parts)]


class _Part:
    """A step under construction; pieces of the open content are joined when another one opens or the part ends."""

    __slots__ = ("_field", "_open", "_pieces", "arguments", "step")

    def __init__(self, step: JsonObject) -> None:
        self.step = dict(step)
        self.arguments: list[str] = []
        self._open: JsonObject | None = None
        self._field = "text"
        self._pieces: list[str] = []
        if self.step.get("type") == "model_output" and isinstance(self.step.get("content"), list):
            self.step["content"] = [dict(item) if isinstance(item, dict) else item for item in self.step["content"]]
            last = self.step["content"][-1] if self.step["content"] else None
            if isinstance(last, dict):
                self._open, self._field = last, _pieces_of(last.get("type"))

    def content(self, kind: str, *, anew: bool = False) -> JsonObject:
        """The open content if it is of this type, else a new one."""
        if self._open is not None and self._open.get("type") == kind and not anew:
            return self._open
        self.flush()
        held = self.step.get("content")
        if isinstance(held, str):
            held = [{"type": "text", "text": held}]
        if not isinstance(held, list):
            held = []
        self.step["content"] = held
        self._open = {"type": kind}
        self._field = _pieces_of(kind)
        held.append(self._open)
        return self._open

    def has_pieces(self) -> bool:
        """Whether the open content holds any of its payload yet."""
        return bool(self._pieces) or bool(self._open and (self._open.get(self._field) or self._open.get("uri")))

    def add(self, piece: str) -> None:
        """A piece of the open content's text or data."""
        self._pieces.append(piece)

    def flush(self) -> None:
        """Join what was collected for the open content."""
        if self._open is not None and self._pieces:
            before = self._open.get(self._field)
            self._open[self._field] = "".join([before, *self._pieces] if isinstance(before, str) else self._pieces)
        self._pieces = []

    def finished(self) -> JsonObject:
        """The step as far as it has come."""
        self.flush()
        if self.arguments:
            arguments = parse_arguments("".join(self.arguments))
            return {**self.step, "arguments": arguments}
        return dict(self.step)


def _pieces_of(kind: Json) -> str:
    return "data" if isinstance(kind, str) and kind in MEDIA else "text"


def _step_for(kind: Json) -> str:
    if kind == "arguments_delta":
        return "function_call"
    if kind in ("thought_summary", "thought_signature"):
        return "thought"
    return kind if isinstance(kind, str) and kind in CALL_AND_RESULT_STEPS else "model_output"


def _apply_text(part: _Part, delta: JsonObject) -> None:
    content = part.content("text")
    text = delta.get("text")
    if isinstance(text, str):
        part.add(text)
    if len(delta) > 2:
        _annotate(content, delta)
        content.update({name: value for name, value in delta.items() if name not in ("type", "text", "annotations")})


def _apply_media(part: _Part, delta: JsonObject) -> None:
    kind = str(delta["type"])
    # A delta that says its media type again, or names a file, is another picture and not the rest of the last one.
    anew = part.has_pieces() and ("mime_type" in delta or "uri" in delta)
    content = part.content(kind, anew=anew)
    data = delta.get("data")
    if isinstance(data, str):
        part.add(data)
    content.update({name: value for name, value in delta.items() if name not in ("type", "data")})


def _apply_annotations(part: _Part, delta: JsonObject) -> None:
    _annotate(part.content("text"), delta)


def _annotate(content: JsonObject, delta: JsonObject) -> None:
    added = delta.get("annotations")
    if isinstance(added, list):
        held = content.get("annotations")
        content["annotations"] = [*(held if isinstance(held, list) else []), *added]


def _apply_summary(part: _Part, delta: JsonObject) -> None:
    held = part.step.get("summary")
    content = delta.get("content")
    if content is not None:
        added = content if isinstance(content, list) else [content]
        part.step["summary"] = [*(held if isinstance(held, list) else []), *added]


def _apply_signature(part: _Part, delta: JsonObject) -> None:
    # The service may send an empty signature first and the value later.
    signature = delta.get("signature")
    if signature or "signature" not in part.step:
        part.step["signature"] = signature


def _apply_arguments(part: _Part, delta: JsonObject) -> None:
    fragment = delta.get("arguments", delta.get("partial_arguments"))
    if isinstance(fragment, str):
        part.arguments.append(fragment)
    elif fragment is not None:
        part.step["arguments"] = fragment


def _apply_fields(part: _Part, delta: JsonObject) -> None:
    for name, value in delta.items():
        if name == "type" or (name == "signature" and not value and part.step.get("signature")):
            continue
        part.step[name] = value


def _apply_other(part: _Part, delta: JsonObject) -> None:
    if delta.get("type") == part.step.get("type"):
        _apply_fields(part, delta)
    elif part.step.get("type") == "model_output":
        part.content(str(delta.get("type")), anew=True).update(delta)
    else:
        for name, value in delta.items():
            part.step.setdefault(name, value)


_APPLY: dict[str, Callable[[_Part, JsonObject], None]] = {
    "text": _apply_text,
    "text_annotation_delta": _apply_annotations,
    "thought_summary": _apply_summary,
    "thought_signature": _apply_signature,
    "arguments_delta": _apply_arguments,
    **dict.fromkeys(MEDIA, _apply_media),
    **dict.fromkeys(CALL_AND_RESULT_STEPS, _apply_fields),
}
"""Delta type -> what it does to its part."""
