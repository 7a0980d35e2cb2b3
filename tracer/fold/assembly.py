"""Steps put together from the parts of a stream (WIRE.md section 10, "Assembling").

Works on plain objects: a stream may have thousands of deltas, so nothing is validated and texts are joined once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.dialects.outputs import parse_arguments
from tracer.dialects.words import CALL_AND_RESULT_STEPS, MEDIA
from tracer.events import InteractionEnded, Json, JsonObject, StepDelta, StepStarted, StepStopped
from tracer.fold.pace import Timed

_FILE_STARTS = (
    *("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "Qk0", "SUkq", "TU0AKg"),  # PNG, JPEG, GIF, WebP and WAV, BMP, TIFF
    *("JVBERi0", "SUQz", "T2dnUw", "GkXfo", "ZkxhQ"),  # PDF, MP3, Ogg, WebM, FLAC
)
"""How the base64 of media files begins."""


class Assembled:
    """What the events of one stream make. Those that it was shown before are not looked at again."""

    def __init__(self) -> None:
        self._assembly = Assembly()
        self._closing: list[JsonObject] = []
        self._taken = 0

    def after(self, events: Sequence[Timed]) -> tuple[list[JsonObject], list[JsonObject]]:
        """What the parts make, and the list that the last event brought, if it did. `events` are all so far."""
        for timed in events[self._taken :] if self._taken else events:
            event = timed.event
            if type(event) is StepDelta:
                self._assembly.delta(event.index, event.delta)
            elif isinstance(event, StepStarted):
                self._assembly.start(event.index, event.step)
            elif isinstance(event, StepStopped):
                used = event.extra.get("step_usage")
                self._assembly.stop(event.index, used if isinstance(used, dict) else None)
            elif isinstance(event, InteractionEnded) and event.steps:
                self._closing = event.steps
        self._taken = len(events)
        return self._assembly.steps(), self._closing


class Assembly:
    """The parts of one stream by index. Events of resumed streams are fed as if there had been no break."""

    def __init__(self) -> None:
        self._parts: dict[int, _Part] = {}
        self._before: list[dict[int, _Part]] = []
        self._latest = 0

    def start(self, index: int, step: JsonObject) -> None:
        """A start event; one for an index that was there already begins a further part, behind all the others."""
        if index < 0:
            index = max(self._parts, default=-1) + 1
        if index in self._parts:
            self._before.append(self._parts)
            self._parts = {}
        self._latest = index
        self._parts[index] = _Part(step)

    def delta(self, index: int, delta: JsonObject) -> None:
        """A delta; one whose start event was lost opens a part that fits it."""
        if index < 0:
            index = self._latest
        kind = delta.get("type")
        part = self._parts.get(index) or self._part(index)
        if part is None:
            part = self._parts[index] = _Part({"type": _step_for(kind)})
        self._latest = index
        if kind == "text" and len(delta) == 2 and part.is_open("text") and type(text := delta.get("text")) is str:
            part.pieces.append(text)
        else:
            _APPLY.get(kind if isinstance(kind, str) else "", _apply_other)(part, delta)

    def stop(self, index: int, step_usage: JsonObject | None) -> None:
        """A stop event; what the step alone used stays with it."""
        part = self._part(self._latest if index < 0 else index)
        if part is not None and step_usage is not None:
            part.step["step_usage"] = step_usage

    def steps(self) -> list[JsonObject]:
        """The steps so far, in order of their index."""
        return [parts[index].finished() for parts in [*self._before, self._parts] for index in sorted(parts)]

    def _part(self, index: int) -> _Part | None:
        if index in self._parts or not self._before:
            return self._parts.get(index)
        return self._before[-1].get(index)


class _Part:
    """A step under construction; pieces of the open content are joined when another one opens or somebody looks."""

    __slots__ = ("_continued", "_field", "_latest", "_open", "arguments", "pieces", "step")

    def __init__(self, step: JsonObject) -> None:
        self.step = dict(step)
        self.arguments: list[str] = []
        self._open: JsonObject | None = None
        self._field = "text"
        self._continued = False
        self._latest: str | None = None
        self.pieces: list[str] = []
        # What grows is our own; the event keeps what it brought.
        if isinstance(self.step.get("summary"), list):
            self.step["summary"] = list(self.step["summary"])
        if self.step.get("type") == "model_output" and self.step.get("content") is not None:
            self.step["content"] = held = [_own(item) for item in _as_list(self.step["content"])]
            if held and isinstance(held[-1], dict):
                self._open, self._field = held[-1], _pieces_of(held[-1].get("type"))

    def content(self, kind: str, *, anew: bool = False) -> JsonObject:
        """The open content if it is of this type, else a new one."""
        if self._open is not None and self._open.get("type") == kind and not anew:
            return self._open
        self.flush()
        self.step["content"] = held = _as_list(self.step.get("content"))
        self._open = {"type": kind}
        self._field, self._continued, self._latest = _pieces_of(kind), False, None
        held.append(self._open)
        return self._open

    def is_open(self, kind: str) -> bool:
        """Whether a content of this type is open."""
        return self._open is not None and self._open.get("type") == kind

    def is_another(self, delta: JsonObject) -> bool:
        """Whether a delta of the open content's type begins another content rather than continues this one.

        Pieces of base64 are appended, also where each says its media type again. It is another picture if it names
        a file or another media type, if only first pieces name one here, if the data before came to an end, or if
        its own begins like a file does.
        """
        held = self._open or {}
        before = held.get(self._field) if self._latest is None else self._latest
        if not before and not held.get("uri"):
            return False
        if "uri" in delta or delta.get("mime_type", held.get("mime_type")) != held.get("mime_type"):
            return True
        if self._continued and "mime_type" in delta:
            return True
        ended = isinstance(before, str) and before.endswith("=")
        return ended or str(delta.get("data")).startswith(_FILE_STARTS)

    def add(self, piece: str) -> None:
        """A piece of the open content's text or data."""
        self.pieces.append(piece)

    def add_data(self, delta: JsonObject) -> None:
        """A piece of the open content's data, if the delta brings one."""
        data = delta.get("data")
        if isinstance(data, str):
            self.pieces.append(data)
            self._latest = data
            self._continued = "mime_type" not in delta

    def flush(self) -> None:
        """Join what was collected for the open content."""
        if self._open is not None and self.pieces:
            before = self._open.get(self._field)
            self._open[self._field] = "".join([before, *self.pieces] if isinstance(before, str) else self.pieces)
        self.pieces = []

    def finished(self) -> JsonObject:
        """The step as far as it has come; what comes later does not change what was given."""
        self.flush()
        step = {name: list(value) if type(value) is list else value for name, value in self.step.items()}
        if step.get("type") == "model_output" and step.get("content") is not None:
            step["content"] = [_own(item) for item in _as_list(step["content"])]
        if self.arguments:
            step["arguments"] = parse_arguments("".join(self.arguments))
        return step


def _as_list(held: Json) -> list[Json]:
    if held is None:
        return []
    if isinstance(held, list):
        return held
    return [{"type": "text", "text": held} if isinstance(held, str) else held]


def _own(content: Json) -> Json:
    if not isinstance(content, dict):
        return content
    annotations = content.get("annotations")
    return {**content, "annotations": list(annotations)} if isinstance(annotations, list) else dict(content)


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
        _add(content, delta, "text", "annotations")


def _apply_media(part: _Part, delta: JsonObject) -> None:
    kind = str(delta["type"])
    content = part.content(kind, anew=part.is_open(kind) and part.is_another(delta))
    part.add_data(delta)
    _add(content, delta, "data")


def _apply_annotations(part: _Part, delta: JsonObject) -> None:
    content = part.content("text")
    _annotate(content, delta)
    _add(content, delta, "annotations")


def _annotate(content: JsonObject, delta: JsonObject) -> None:
    if delta.get("annotations") is not None:
        content["annotations"] = held = _as_list(content.get("annotations"))
        held.extend(_as_list(delta["annotations"]))


def _apply_summary(part: _Part, delta: JsonObject) -> None:
    if delta.get("content") is not None:
        part.step["summary"] = held = _as_list(part.step.get("summary"))
        held.extend(_as_list(delta["content"]))
    _add(part.step, delta, "content")


def _apply_signature(part: _Part, delta: JsonObject) -> None:
    _sign(part.step, delta.get("signature"))
    _add(part.step, delta, "signature")


def _sign(step: JsonObject, signature: Json) -> None:
    # The service may send an empty signature first and the value later. Of several the last one is the step's,
    # as for the SDKs; all of them stand beside it.
    before = step.get("signature")
    if before and signature and before != signature:
        step["signatures"] = held = _as_list(step.get("signatures")) or [before]
        held.append(signature)
    if signature or "signature" not in step:
        step["signature"] = signature


def _apply_arguments(part: _Part, delta: JsonObject) -> None:
    fragment = delta.get("arguments")
    if fragment is None:
        fragment = delta.get("partial_arguments")
    if isinstance(fragment, str):
        part.arguments.append(fragment)
    elif fragment is not None:
        part.step["arguments"] = fragment
    if len(delta) > 2:
        _add(part.step, delta, "arguments", "partial_arguments")


def _apply_fields(part: _Part, delta: JsonObject) -> None:
    for name, value in delta.items():
        if name == "signature":
            _sign(part.step, value)
        elif name != "type":
            part.step[name] = value


def _apply_other(part: _Part, delta: JsonObject) -> None:
    if delta.get("type") is None:
        # Without a type it speaks of the step itself.
        _add(part.step, delta)
    elif delta.get("type") == part.step.get("type"):
        _apply_fields(part, delta)
    elif part.step.get("type") == "model_output":
        part.content(str(delta.get("type")), anew=True).update(delta)
    else:
        _keep_whole(part.step, delta)


def _add(target: JsonObject, delta: JsonObject, *taken: str) -> None:
    # What else a delta says becomes part of what it speaks of. A field that is there already is not overwritten
    # by another value: then the delta is kept whole.
    for name, value in delta.items():
        if name == "type" or name in taken:
            continue
        if target.setdefault(name, value) != value:
            _keep_whole(target, delta)
            return


def _keep_whole(target: JsonObject, delta: JsonObject) -> None:
    target["deltas"] = held = _as_list(target.get("deltas"))
    held.append(delta)


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
