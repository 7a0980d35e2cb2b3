"""HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/), as browsers and proxies export it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tracer.imports.found import Found, Item, Skipped
from tracer.wire.exchange import Exchange, Headers, Outcome

_BEFORE_HEADERS = ("blocked", "dns", "connect", "send", "wait")
"""`ssl` is part of `connect`."""
_LAST_US = 4_102_444_800_000_000
_LONGEST_US = 366 * 86_400_000_000


def entries_of(document: object) -> Sequence[Any] | None:
    """The entries of a parsed HAR document, None if it is none."""
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    return entries if isinstance(entries, list) else None


def read_entries(entries: Sequence[Any], size: int) -> Iterator[Item]:
    """What the entries tell; `size` is the file's length in bytes."""
    for number, entry in enumerate(entries, 1):
        at = size * number // len(entries)
        try:
            yield _read(_mapping(entry), at)
        except (ValueError, TypeError, ArithmeticError):
            yield Skipped("unreadable HAR entries", at)


def _read(entry: Mapping[str, Any], at: int) -> Item:
    request, response = _mapping(entry.get("request")), _mapping(entry.get("response"))
    address = urlsplit(str(request.get("url") or ""))
    if address.scheme not in ("http", "https") or not address.netloc:
        return Skipped("not HTTP", at)
    started = _started_us(entry.get("startedDateTime"))
    if started is None:
        return Skipped("HAR entries without a time", at)
    notes: list[str] = []
    request_body = _posted(request.get("postData"), notes)
    response_body = _content(_mapping(response.get("content")), notes)
    status = response.get("status")
    answered = isinstance(status, int) and status > 0
    error = response.get("_error") or entry.get("_error")
    return Found(
        Exchange(
            key="",
            origin=f"{address.scheme}://{address.netloc}",
            started_at_us=started,
            method=str(request.get("method") or "GET"),
            path=address.path or "/",
            query=tuple(parse_qsl(address.query, keep_blank_values=True)),
            request_headers=_headers(request.get("headers")),
            request_body=request_body,
            request_size=_size(request.get("bodySize"), request_body),
            status=status if answered else None,
            response_headers=_headers(response.get("headers")),
            headers_at_us=_headers_at(_mapping(entry.get("timings"))) if answered else None,
            response_body=response_body,
            response_size=_size(response.get("bodySize"), response_body),
            ended_at_us=_duration(entry),
            outcome=_outcome(answered, error),
            error=str(error) if error else None,
            notes=tuple(notes),
        ),
        at,
    )


def _outcome(answered: bool, error: object) -> Outcome:
    if not answered:
        return Outcome.FAILED
    return Outcome.CUT if error else Outcome.COMPLETE


def _started_us(text: Any) -> int | None:
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return None
    started = int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
    return started if 0 <= started < _LAST_US else None


def _microseconds(milliseconds: Any) -> int | None:
    # -1 stands for "does not apply".
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    us = round(milliseconds * 1000)
    return us if 0 <= us < _LONGEST_US else None


def _headers_at(timings: Mapping[str, Any]) -> int | None:
    if _microseconds(timings.get("wait")) is None:
        return None
    return sum(_microseconds(timings.get(name)) or 0 for name in _BEFORE_HEADERS)


def _duration(entry: Mapping[str, Any]) -> int | None:
    timings = _mapping(entry.get("timings"))
    headers_at, receive = _headers_at(timings), _microseconds(timings.get("receive"))
    if headers_at is not None and receive is not None:
        return headers_at + receive
    return _microseconds(entry.get("time"))


def _headers(lines: Any) -> Headers:
    pairs = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    named = ((str(pair.get("name") or ""), str(pair.get("value") or "")) for pair in pairs)
    # Browsers list HTTP/2's pseudo-headers, which say again what the request line says.
    return tuple((name, value) for name, value in named if name and not name.startswith(":"))


def _posted(data: Any, notes: list[str]) -> bytes:
    posted = _mapping(data)
    text = posted.get("text")
    if isinstance(text, str) and (text or not posted.get("params")):
        return _bytes(text, posted.get("encoding"))
    if isinstance(posted.get("params"), list):
        params = [param for param in posted["params"] if isinstance(param, dict)]
        if any("fileName" in param for param in params):
            notes.append("request: the HAR does not hold the files of this form")
        return urlencode([(str(param.get("name") or ""), str(param.get("value") or "")) for param in params]).encode()
    if posted.get("_file") or posted.get("_sha1"):
        notes.append("request: the body lies in another file, which a HAR only names")
    return b""


def _content(content: Mapping[str, Any], notes: list[str]) -> bytes:
    text = content.get("text")
    if isinstance(text, str):
        return _bytes(text, content.get("encoding"))
    size = content.get("size")
    if isinstance(size, int) and size > 0:
        notes.append(f"response: the HAR was exported without this body of {size} bytes")
    return b""


def _bytes(text: str, encoding: Any) -> bytes:
    return base64.b64decode(text) if encoding == "base64" else text.encode("utf-8", "surrogatepass")


def _size(told: Any, body: bytes) -> int:
    # -1 is "not known"; browsers also say 0 for what came over HTTP/2 or from elsewhere.
    return told if isinstance(told, int) and told > 0 else len(body)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
