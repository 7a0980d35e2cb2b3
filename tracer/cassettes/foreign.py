"""Recordings that other tools made, read into exchanges: vcrpy's cassettes and httpmock's when/then documents.

They tell no times. An exchange starts at what its response calls `created`, or the file's first such moment, else at
the epoch, and always after the one before it in the file; keys come from the content, so reading twice gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tracer.cassettes.bodies import message_body
from tracer.cassettes.elements import STREAMED, Source, read_elements
from tracer.errors import CassetteError, WireError
from tracer.wire.decoding import BodyDecoder
from tracer.wire.exchange import Exchange, Headers, Outcome
from tracer.wire.keys import content_key
from tracer.wire.routes import GEMINI_ORIGIN

_CREATED = b'"created"'
_MAX_BODY = 64 * 1024 * 1024
_LAST_US = 4_102_444_800_000_000
"""2100-01-01: a later `created` is no date."""


def read_recording(text: str, source: str) -> list[Exchange]:
    """The exchanges of a recording, in the file's order. Raises CassetteError if it is of neither format."""
    return dated(list(read_calls(text, source)))


def read_calls(stream: Source | str, source: str) -> Iterator[Exchange]:
    """The exchanges of a recording one at a time, without the times and keys that `dated` gives them.

    Raises CassetteError, perhaps after some of them, if it is of neither format.
    """
    import yaml

    elements = read_elements(stream)
    while True:
        try:
            is_call, element = next(elements, (None, None))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise CassetteError(f"{source!r} is not valid YAML: {problem}") from error
        if is_call is None:
            return
        if is_call and isinstance(element, dict):
            yield _from_vcr(element)
        elif not is_call and isinstance(element, dict) and {"when", "then"} <= element.keys():
            yield _from_httpmock(element)
        elif not is_call and element is not None and not _is_vcr(element):
            raise CassetteError(
                f"{source!r} is no recording: a vcrpy cassette has `interactions:`, an httpmock one `when:` and `then:`"
            )


def _is_vcr(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get(STREAMED), list)


def dated(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The same exchanges with start times and keys that depend on their content and place alone."""
    told = [_created_us(exchange.response_body) for exchange in exchanges]
    base = next((moment for moment in told if moment is not None), 0)
    result: list[Exchange] = []
    previous = -1
    for ordinal, (exchange, created) in enumerate(zip(exchanges, told, strict=True)):
        previous = max(previous + 1, base if created is None else created)
        parts = (exchange.method, exchange.origin, exchange.path, repr(exchange.query))
        key = content_key(
            previous,
            ordinal.to_bytes(4),
            *(part.encode("utf-8", "replace") for part in parts),
            exchange.request_body,
            exchange.response_body,
        )
        result.append(replace(exchange, key=key, started_at_us=previous))
    return result


def undated(
    method: str,
    uri: str,
    *,
    request: bytes = b"",
    request_headers: Headers = (),
    status: int | None = None,
    headers: Headers = (),
    body: bytes = b"",
    query: tuple[tuple[str, str], ...] = (),
) -> Exchange:
    """An exchange without times: all that a recording tells of it."""
    parts = urlsplit(uri)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else GEMINI_ORIGIN
    return Exchange(
        key="",
        origin=origin,
        started_at_us=0,
        method=method,
        path=parts.path or "/",
        query=(*parse_qsl(parts.query, keep_blank_values=True), *query),
        request_headers=request_headers,
        request_body=request,
        request_size=len(request),
        status=status,
        response_headers=headers,
        response_body=body,
        response_size=len(body),
        outcome=Outcome.COMPLETE,
    )


def _from_vcr(item: Mapping[str, Any]) -> Exchange:
    request = _mapping(item.get("request"))
    response = _mapping(item.get("response"))
    told = response.get("status")
    status = told.get("code") if isinstance(told, dict) else told
    headers = _headers(response.get("headers"))
    return undated(
        str(request.get("method") or "GET"),
        _uri(str(request.get("uri") or "")),
        request=_message_body(request),
        request_headers=_headers(request.get("headers")),
        status=status if isinstance(status, int) and status >= 100 else None,
        headers=headers,
        body=_decoded(_message_body(response), headers),
    )


def _from_httpmock(document: Mapping[str, Any]) -> Exchange:
    when, then = _mapping(document.get("when")), _mapping(document.get("then"))
    status = then.get("status")
    return undated(
        str(when.get("method") or "GET"),
        _uri(str(when.get("path") or "")),
        query=_named_values(when.get("query_param")),
        request=_message_body(when),
        request_headers=_named_values(when.get("header")),
        status=status if isinstance(status, int) else None,
        headers=_named_values(then.get("header")),
        body=_message_body(then),
    )


def _uri(text: str) -> str:
    try:
        urlsplit(text)
    except ValueError:
        return ""
    return text


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _headers(value: Any) -> Headers:
    return tuple(_header_lines(_mapping(value)))


def _header_lines(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            yield str(name), _text(value)


def _named_values(pairs: Any) -> tuple[tuple[str, str], ...]:
    known = [pair for pair in pairs if isinstance(pair, dict)] if isinstance(pairs, list) else []
    return tuple((str(pair.get("name", "")), _text(pair.get("value"))) for pair in known)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)


def _message_body(message: Mapping[str, Any]) -> bytes:
    try:
        return message_body(message)
    except ValueError:
        return b""


def _decoded(body: bytes, headers: Headers) -> bytes:
    # Many recordings keep the header although their bodies were decoded; those fail here and are taken as they are.
    coding = next((value for name, value in headers if name.lower() == "content-encoding"), None)
    if coding is None:
        return body
    try:
        return BodyDecoder(coding, _MAX_BODY).feed(body)
    except WireError:
        return body


def _created_us(body: bytes) -> int | None:
    place = body.find(_CREATED)
    if place < 0:
        return None
    text = body[place + len(_CREATED) : place + 60].partition(b'"')[2].partition(b'"')[0]
    try:
        moment = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    microseconds = round(moment.timestamp() * 1_000_000)
    return microseconds if 0 <= microseconds < _LAST_US else None
