"""Flow files of mitmproxy (`mitmdump -w`), read by mitmproxy itself, which converts those of older versions."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qsl

from tracer.errors import MissingExtraError, WireError
from tracer.imports.found import Found, Item, Skipped
from tracer.wire.decoding import BodyDecoder
from tracer.wire.exchange import Exchange, Headers, Outcome

if TYPE_CHECKING:
    from mitmproxy import http

_TNETSTRING = re.compile(rb"[0-9]{1,12}:")
_CLIENT_GONE = "Client disconnected."


def is_flow_file(head: bytes) -> bool:
    """Whether a file that begins like this holds flows."""
    return _TNETSTRING.match(head) is not None


def read_flows(file: BinaryIO, max_body: int) -> Iterator[Item]:
    """What the flows tell, one at a time. Raises MissingExtraError without mitmproxy.

    A file that was cut off, or damaged, gives what stands before.
    """
    if importlib.util.find_spec("mitmproxy") is None:
        raise MissingExtraError("import", "proxy")
    from mitmproxy.http import HTTPFlow
    from mitmproxy.io import FlowReader

    flows = iter(FlowReader(file).stream())
    while True:
        try:
            flow = next(flows, None)
        except Exception:
            # Mostly FlowReadException, but a damaged flow makes mitmproxy raise whatever its constructors do.
            yield Skipped("what follows the damage in a flow file", file.tell())
            return
        if flow is None:
            return
        at = file.tell()
        if not isinstance(flow, HTTPFlow):
            yield Skipped("not HTTP", at)
            continue
        try:
            yield Found(_exchange(flow, max_body), at)
        except (ValueError, TypeError, ArithmeticError):
            yield Skipped("unreadable flows", at)


def _exchange(flow: http.HTTPFlow, max_body: int) -> Exchange:
    request, response = flow.request, flow.response
    started = request.timestamp_start
    notes: list[str] = []
    path, _, query = request.path.partition("?")
    ended = response.timestamp_end if response else None
    if ended is None and flow.error:
        ended = flow.error.timestamp
    outcome, error = _outcome(flow)
    return Exchange(
        key="",
        origin=f"{request.scheme}://{request.host}{_port(request)}",
        started_at_us=round(started * 1_000_000),
        method=request.method,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        request_headers=_headers(request.headers),
        request_body=_body("request", request, max_body, notes),
        request_size=len(request.raw_content or b""),
        status=response.status_code if response else None,
        response_headers=_headers(response.headers) if response else (),
        headers_at_us=_since(started, response.timestamp_start) if response else None,
        response_body=_body("response", response, max_body, notes) if response else b"",
        response_size=len(response.raw_content or b"") if response else 0,
        ended_at_us=_since(started, ended),
        outcome=outcome,
        error=error,
        notes=tuple(notes),
    )


def _port(request: http.Request) -> str:
    return "" if request.port == {"http": 80, "https": 443}.get(request.scheme) else f":{request.port}"


def _outcome(flow: http.HTTPFlow) -> tuple[Outcome, str | None]:
    if flow.error is None:
        ended = flow.response is not None and flow.response.timestamp_end is not None
        return (Outcome.COMPLETE if ended else Outcome.INTERRUPTED), None
    if flow.error.msg == _CLIENT_GONE:
        return Outcome.CLIENT_GONE, flow.error.msg
    return (Outcome.CUT if flow.response else Outcome.FAILED), flow.error.msg


def _body(side: str, message: http.Message, max_body: int, notes: list[str]) -> bytes:
    raw = message.raw_content
    if raw is None:
        notes.append(f"{side}: the body was streamed and is not in the flow file")
        return b""
    try:
        decoder = BodyDecoder(message.headers.get("content-encoding"), max_body)
    except WireError as error:
        notes.append(f"{side}: {error}; kept as it crossed")
        return raw
    try:
        body = decoder.feed(raw)
    except WireError as error:
        notes.append(f"{side}: {error}; its {len(raw)} bytes were not kept")
        return b""
    if decoder.overflowed:
        notes.append(f"{side}: the body is kept up to {max_body} bytes; the rest was not decoded")
    return body


def _since(start: float, moment: float | None) -> int | None:
    return None if moment is None else max(0, round((moment - start) * 1_000_000))


def _headers(headers: http.Headers) -> Headers:
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in headers.fields
    )
