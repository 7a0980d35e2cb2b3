"""A file of which only its text is known, read into exchanges: a JSON body, events, objects a line, or a recording."""

from __future__ import annotations

import json
import re

from tracer.cassettes.foreign import dated, read_recording, undated
from tracer.errors import WireError
from tracer.events import JsonObject
from tracer.wire import sse
from tracer.wire.exchange import Exchange

_EVENT_STREAM = re.compile(r"(?:event|data|id|retry)?:[ \S]")
_RECORDING = re.compile(r"(?:---|interactions:|version:|when:|then:|#|%YAML)")
_STREAM_HEADERS = (("content-type", "text/event-stream"),)
_JSON_HEADERS = (("content-type", "application/json"),)


def read_raw(data: bytes, source: str, request: bytes = b"") -> list[Exchange]:
    """The exchanges of a file: one for a body or a stream, with `request` as its request; all those of a recording.

    Raises WireError, naming `source`, for what is none of these; CassetteError for a damaged recording.
    """
    text = data.decode("utf-8-sig", "replace").lstrip()
    if not text:
        raise WireError(f"{source!r} is empty: give a JSON body, an event stream or a recording")
    if text[0] in "{[":
        return _from_json(text, source, request)
    if _RECORDING.match(text):
        return read_recording(text, source)
    if _EVENT_STREAM.match(text):
        return dated([_answer(text.encode(), request, stream=True)])
    raise WireError(f"{source!r} holds neither JSON nor an event stream nor a recording")


def _from_json(text: str, source: str, request: bytes) -> list[Exchange]:
    problem = None
    try:
        value = json.loads(text)
    except ValueError as error:
        value, problem = None, str(error)
    except RecursionError:
        value, problem = None, "it is nested too deeply"
    if isinstance(value, dict) and isinstance(value.get("interactions"), list):
        return read_recording(text, source)
    if problem is None:
        return dated([_answer(text.encode(), request)])
    lines = _objects_by_line(text)
    if not lines:
        raise WireError(f"{source!r} is not valid JSON ({problem}): mend it, or give the response body as it was sent")
    if any("event_type" in line for line in lines):
        events = (sse.encode(json.dumps(line), line.get("event_type")) for line in lines)
        return dated([_answer(b"".join(events), request, stream=True)])
    return dated([_answer(json.dumps(line).encode(), request) for line in lines])


def _objects_by_line(text: str) -> list[JsonObject]:
    # Some tools keep a stream as one payload a line, without `data:`; a bare error line may stand among them.
    objects: list[JsonObject] = []
    for line in filter(str.strip, text.split("\n")):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict):
            return []
        objects.append(value)
    return objects if len(objects) > 1 else []


def _answer(body: bytes, request: bytes, *, stream: bool = False) -> Exchange:
    headers = _STREAM_HEADERS if stream else _JSON_HEADERS
    return undated("POST", "/interactions", request=request, headers=headers, body=body)
