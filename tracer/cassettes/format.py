"""A cassette: exchanges as YAML that plain vcrpy 9 reads and writes back.

vcrpy's version 1 holds requests and responses; what it has no place for (times and lengths of chunks, cuts, keys)
stands in `metadata.tracer`, which it keeps, found by the key that each response carries in `tracer`:

    version: 1
    interactions:
    - request: {method, uri, body, headers: {name: [value]}}
      response: {status: {code, message}, headers: {name: [values]}, body: {string}, tracer: <key>}
    metadata:
      tracer:
        format: 1
        exchanges:
          <key>: {started_at, headers_us, ended_us, outcome, error, dialect, sdk, notes, request_size, body_hash,
                  chunks: [[at_us, wire_size, size]], media: [name]}

Chunks count only as long as the body is the one they were measured on; `body_hash` tells. `media` names the files
whose marks stand in the bodies (see `media`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tracer.cassettes import media
from tracer.cassettes.bodies import message_body
from tracer.cassettes.facts import body_hash, facts_of, is_whole, microseconds
from tracer.cassettes.literal import Row, serialize
from tracer.cassettes.media import Fetch
from tracer.cassettes.scalars import document_loader
from tracer.errors import CassetteError, WireError
from tracer.player.matching import is_foreign
from tracer.wire import routes
from tracer.wire.decoding import BodyDecoder
from tracer.wire.exchange import Chunk, Exchange, Headers, Outcome
from tracer.wire.keys import content_key

FORMAT = 1
VCR_VERSION = 1
HEAD = "# Recorded by interactions-tracer.\n"
"""The first line; with it and without metadata a file was cut off."""

_CONNECTION = {
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authorization",
    "transfer-encoding",
}
"""Headers of one connection; bodies are kept decoded and whole, so these would only mislead."""
_MAX_BODY = 1 << 30
_EDITED = "the body was edited after it was recorded, so its chunk times are left out"


def dumps(exchanges: Iterable[Exchange], values: Mapping[str, Any] | None = None) -> str:
    """The text of a cassette, media and all. Exchanges without a response have no place in it and are left out.

    `values` are what tests have stored beside the recordings, where vcrpy's `Cassette.get_metadata` finds them too.
    """
    return write(exchanges, values, inline=True)[0]


def write(
    exchanges: Iterable[Exchange], values: Mapping[str, Any] | None = None, *, inline: bool = False
) -> tuple[str, dict[str, bytes]]:
    """The text of a cassette, and the media files that stand beside it; none if they are to be `inline`."""
    from vcr.request import Request  # type: ignore[import-untyped]
    from vcr.serialize import serialize as vcr_serialize  # type: ignore[import-untyped]

    answered = [exchange for exchange in exchanges if exchange.status is not None]
    facts = {exchange.key: facts_of(exchange) for exchange in answered}
    files: dict[str, bytes] = {}
    kept = answered if inline else [_without_media(exchange, facts[exchange.key], files) for exchange in answered]
    cassette = {
        "requests": [
            Request(exchange.method, uri(exchange), exchange.request_body, _joined(exchange.request_headers))
            for exchange in kept
        ],
        "responses": [_response(exchange) for exchange in kept],
        "metadata": {**(values or {}), "tracer": {"format": FORMAT, "exchanges": facts}},
    }
    return HEAD + str(vcr_serialize(cassette, _Serializer)), files


def _without_media(exchange: Exchange, facts: dict[str, Any], files: dict[str, bytes]) -> Exchange:
    request, sent = media.taken_out(exchange.request_body)
    response, got = media.taken_out(exchange.response_body)
    if not sent and not got:
        return exchange
    facts |= {"media": Row(sorted({*sent, *got})), "body_hash": facts.pop("body_hash")}
    files.update(sent | got)
    return replace(exchange, request_body=request, response_body=response)


class _Serializer:
    serialize = staticmethod(serialize)


def uri(exchange: Exchange) -> str:
    """The request's address at the service itself, whatever base URL it was recorded through."""
    origin, path = exchange.origin, exchange.path
    if not routes.is_service_host(urlsplit(origin).hostname or "") and not is_foreign(exchange):
        route = routes.match(exchange.method, path, exchange.query)
        origin = routes.VERTEX_ORIGIN if route and route.service == "vertex" else routes.GEMINI_ORIGIN
        path = path.removeprefix(route.prefix) if route else path
    return f"{origin}{path}?{urlencode(exchange.query)}" if exchange.query else f"{origin}{path}"


def loads(text: str, name: str = "the cassette", fetch: Fetch | None = None) -> list[Exchange]:
    """The exchanges of a cassette, in its order. `name` says in errors which one it is; `fetch` reads its media files.

    Raises CassetteError for text that is no cassette, is damaged, or was written by a newer version.
    """
    return read(text, name, fetch)[0]


def read(text: str, name: str = "the cassette", fetch: Fetch | None = None) -> tuple[list[Exchange], dict[str, Any]]:
    """The same with the values that tests have stored."""
    data = _parse(text, name)
    measured = _metadata(data, name)
    if text.startswith(HEAD) and "tracer" not in (data.get("metadata") or {}):
        raise _damaged(name, "its end is missing")
    exchanges: list[Exchange] = []
    for number, interaction in enumerate(data["interactions"]):
        try:
            exchanges.append(_exchange(interaction, number, measured, fetch or media.fetch_from(Path(name))))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(name, f"recording {number + 1} is incomplete ({error!r})") from error
    stored = data.get("metadata") or {}
    if any("recorded_at" in interaction for interaction in data["interactions"]):
        # cassetter sorts by address, and says when each was recorded.
        exchanges.sort(key=lambda exchange: exchange.started_at_us)
    return exchanges, {key: value for key, value in stored.items() if key != "tracer"}


def _response(exchange: Exchange) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for name, value in exchange.response_headers:
        if name.lower() not in _CONNECTION:
            headers.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {
        "status": {"code": exchange.status, "message": _phrase(exchange.status or 0)},
        "headers": headers,
        "body": {"string": exchange.response_body},
        "tracer": exchange.key,
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _joined(headers: Headers) -> dict[str, str]:
    """vcrpy keeps one value of a request header: several become one, as RFC 9110 section 5.3 allows."""
    joined: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for name, value in headers:
        if name.lower() in _CONNECTION:
            continue
        known = spelling.setdefault(name.lower(), name)
        joined[known] = f"{joined[known]}, {value}" if known in joined else value
    return joined


def _parse(text: str, name: str) -> Mapping[str, Any]:
    import yaml

    try:
        data = yaml.load(text, Loader=document_loader())  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _damaged(name, " ".join(str(error).split())) from error
    if not isinstance(data, dict) or not isinstance(data.get("interactions"), list):
        raise _damaged(name, "it has no list of interactions")
    version = data.get("version")
    if version != VCR_VERSION:
        raise (
            _newer(name, version)
            if isinstance(version, int) and version > VCR_VERSION
            else _damaged(name, f"its version is {version!r} instead of {VCR_VERSION}")
        )
    return data


def _metadata(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    metadata = data.get("metadata") or {}
    section = metadata.get("tracer") or {} if isinstance(metadata, dict) else None
    if not isinstance(section, dict):
        raise _damaged(name, "its metadata is no mapping")
    number = section.get("format", FORMAT)
    if not isinstance(number, int) or number > FORMAT:
        raise _newer(name, number)
    exchanges = section.get("exchanges") or {}
    if not isinstance(exchanges, dict):
        raise _damaged(name, "its metadata is no mapping")
    return exchanges


def _newer(name: str, number: object) -> CassetteError:
    return CassetteError(
        f"{name} has format {number!r}, and this version reads up to {FORMAT}: update interactions-tracer"
    )


def _damaged(name: str, what: str) -> CassetteError:
    return CassetteError(f"{name} is not a readable cassette: {what}; restore it, or delete it and record it again")


def _exchange(interaction: Mapping[str, Any], number: int, measured: Mapping[str, Any], fetch: Fetch) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    address = urlsplit(request["uri"])
    response_headers = _headers(response.get("headers") or {})
    key = response.get("tracer")
    facts: Mapping[str, Any] = measured.get(key) or {}
    if key is not None and not is_whole(facts):
        raise ValueError("what was measured of it is missing")
    named = facts.get("media", ())
    body = media.put_back(_decoded(message_body(response), response_headers), named, fetch)
    request_body = media.put_back(message_body(request), named, fetch)
    told = facts.get("started_at", interaction.get("recorded_at"))
    started = number if told is None else microseconds(told)
    whole = facts.get("body_hash") in (None, body_hash(body))
    chunks = tuple(Chunk(*chunk) for chunk in facts.get("chunks", ())) if whole else ()
    return Exchange(
        key=key or content_key(started, str(number).encode(), request_body, body),
        origin=f"{address.scheme}://{address.netloc}",
        started_at_us=started,
        method=request["method"],
        path=address.path or "/",
        query=tuple(parse_qsl(address.query, keep_blank_values=True)),
        request_headers=_headers(request.get("headers") or {}),
        request_body=request_body,
        request_size=facts.get("request_size", len(request_body)),
        status=int(status["code"] if isinstance(status := response["status"], dict) else status),
        response_headers=response_headers,
        headers_at_us=facts.get("headers_us", 0),
        response_body=body,
        response_size=sum(chunk.wire_size for chunk in chunks) if chunks else len(body),
        chunks=chunks,
        ended_at_us=facts.get("ended_us", 0),
        outcome=Outcome(facts.get("outcome", Outcome.COMPLETE)),
        error=facts.get("error"),
        notes=(*facts.get("notes", ()), *(() if whole else (_EDITED,))),
    )


def _decoded(body: bytes, headers: Headers) -> bytes:
    """What plain vcrpy recorded may still be encoded; often it keeps the header of a body that it has decoded."""
    coding = next((value for name, value in headers if name.lower() == "content-encoding"), None)
    if coding is not None:
        with suppress(WireError):
            return BodyDecoder(coding, _MAX_BODY).feed(body)
    return body


def _headers(headers: Mapping[str, str | Sequence[str]]) -> Headers:
    return tuple(
        (name, str(value))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    )
