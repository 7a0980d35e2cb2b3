"""Exchanges as JSON lines: everything an exchange is, one object a line, for `import` and for other programs.

    {"tracer": "exchange", "format": 1, "key": "0192…", "origin": "https://…", "started_at_us": 1795338000000000,
     "method": "POST", "path": "/v1/interactions", "query": [["alt", "sse"]],
     "request_headers": [[name, value]], "request_body": "…", "request_size": 41,
     "status": 200, "response_headers": […], "headers_at_us": 210100, "response_body": "…", "response_size": 775,
     "chunks": [[at_us, wire_size, size]], "ended_at_us": 2310800, "outcome": "complete", "error": null, "notes": []}

Times are integer microseconds: `started_at_us` Unix time, the others relative to it. A body is its text, or
`{"base64": …}` if it is no UTF-8. Run, project and account stay behind: they mean something in one database alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from tracer.errors import CassetteError
from tracer.wire.exchange import Chunk, Exchange, Headers, Outcome

FORMAT = 1
MARK = "exchange"
"""The value of `tracer` in each line."""

_TEXTS = ("key", "origin", "method", "path")
_NUMBERS = ("started_at_us", "request_size", "response_size")
_NUMBERS_OR_NULL = ("status", "headers_at_us", "ended_at_us")
_LARGEST = 1 << 62


def dump_line(exchange: Exchange) -> str:
    """The exchange as one line, without the line's end."""
    fields: dict[str, Any] = {
        "tracer": MARK,
        "format": FORMAT,
        **{name: getattr(exchange, name) for name in ("key", "origin", "started_at_us", "method", "path", "query")},
        "request_headers": exchange.request_headers,
        "request_body": _dumped(exchange.request_body),
        "request_size": exchange.request_size,
        "status": exchange.status,
        "response_headers": exchange.response_headers,
        "headers_at_us": exchange.headers_at_us,
        "response_body": _dumped(exchange.response_body),
        "response_size": exchange.response_size,
        "chunks": [(chunk.at_us, chunk.wire_size, chunk.size) for chunk in exchange.chunks],
        "ended_at_us": exchange.ended_at_us,
        "outcome": exchange.outcome.value,
        "error": exchange.error,
        "notes": exchange.notes,
    }
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    # Header bytes that are no UTF-8 are lone surrogates here; only escaped can they be written.
    return line if _is_encodable(line) else json.dumps(fields, separators=(",", ":"))


def is_line(value: object) -> bool:
    """Whether a parsed line says that it is an exchange."""
    return isinstance(value, dict) and value.get("tracer") == MARK


def read_line(value: Mapping[str, Any], where: str) -> Exchange:
    """The exchange of a parsed line. Raises CassetteError, naming `where`, if it is damaged or of a newer format."""
    number = value.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise CassetteError(
            f"{where} has format {number}, and this version reads up to {FORMAT}: update interactions-tracer"
        )
    try:
        return _exchange(value)
    except (KeyError, TypeError, ValueError) as error:
        raise CassetteError(f"{where} is damaged: {error}") from error


def _exchange(value: Mapping[str, Any]) -> Exchange:
    error = value.get("error")
    if error is not None and not isinstance(error, str):
        raise ValueError("'error' is no text")
    texts = {name: _typed(value, name, str) for name in _TEXTS}
    numbers: dict[str, Any] = {name: _number(value, name) for name in _NUMBERS}
    numbers |= {name: _number(value, name) for name in _NUMBERS_OR_NULL if value.get(name) is not None}
    return Exchange(
        **texts,
        **numbers,
        query=_pairs(value, "query"),
        request_headers=_pairs(value, "request_headers"),
        request_body=_loaded(value, "request_body"),
        response_headers=_pairs(value, "response_headers"),
        response_body=_loaded(value, "response_body"),
        chunks=tuple(_chunk(row) for row in _typed(value, "chunks", list)),
        outcome=Outcome(value["outcome"]),
        error=error,
        notes=tuple(str(note) for note in _typed(value, "notes", list)),
    )


def _typed(value: Mapping[str, Any], name: str, kind: type) -> Any:
    if not isinstance(value[name], kind):
        raise ValueError(f"{name!r} is no {kind.__name__}")
    return value[name]


def _number(value: Mapping[str, Any], name: str) -> int:
    return _whole(value[name], name)


def _whole(number: Any, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _LARGEST:
        raise ValueError(f"{name!r} is no whole number")
    return number


def _pairs(value: Mapping[str, Any], name: str) -> Headers:
    return tuple((str(first), str(second)) for first, second in _typed(value, name, list))


def _chunk(row: Any) -> Chunk:
    at_us, wire_size, size = row
    return Chunk(_whole(at_us, "chunks"), _whole(wire_size, "chunks"), _whole(size, "chunks"))


def _dumped(body: bytes) -> str | dict[str, str]:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _loaded(value: Mapping[str, Any], name: str) -> bytes:
    body = value[name]
    if isinstance(body, dict):
        return base64.b64decode(_typed(body, "base64", str), validate=True)
    if not isinstance(body, str):
        raise ValueError(f"{name!r} is no text")
    return body.encode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
