"""What is secret in an exchange, and how it is taken out before anything is kept (DESIGN section 8).

Secret headers and query values become `[redacted]` under their name. Their values, and those found in the JSON of a
request, are then masked wherever else they stand in the exchange: bodies, other headers, error texts.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import re
from typing import Any, Protocol
from urllib.parse import quote, unquote

from tracer.errors import WireError
from tracer.wire.exchange import Headers
from tracer.wire.masking import MASK, SecretMasker, mask

type Query = tuple[tuple[str, str], ...]

REDACTED = MASK.decode()
SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-api-key",
        "x-goog-api-key",
        "x-goog-iam-authorization-token",
        "x-serverless-authorization",
    }
)
SECRET_PARAMETERS = frozenset({"access_token", "api_key", "key", "oauth_token"})

_SHORTEST_SECRET = 6
# A cookie's value is often a plain word, which must not vanish from the bodies.
_SHORTEST_COOKIE = 16
# The header values of a tool are secret, but also "application/json", which must not vanish elsewhere.
_SHORTEST_FOUND = 12
_TOKEN_PATH = re.compile(r"/t/(?P<token>[^/]+)(?=/|$)")
_CREDENTIALS_PATH = re.compile(r"(?:^|/)v\d\w*/(?:[^/]+/)*credentials(?:[/:]|$)")
_OPEN_CREDENTIAL_FIELDS = frozenset({"id", "name", "object", "type", "status", "display_name"})


class BodyMasker(Protocol):
    """Bytes in, redacted bytes out; `finish` gives what was held back."""

    def feed(self, data: bytes) -> bytes:
        """The redacted bytes that are certain now."""
        ...

    def finish(self) -> bytes:
        """The redacted rest."""
        ...


class Redactor:
    """Knows the secrets of one exchange: those of its request line and headers, and what is found later."""

    def __init__(self, *, path: str, query: Query, headers: Headers) -> None:
        self._secrets: set[str] = set()
        self._spelled: tuple[bytes, ...] | None = None
        self._has_credentials = _CREDENTIALS_PATH.search(path) is not None
        self.account_secret: str | None = None
        """The API key or token that the request came with; None if it had none."""
        self._learn_request(path, query, headers)

    def headers(self, headers: Headers) -> Headers:
        """Header lines with secret values masked; a `set-cookie` is learned as a secret."""
        for name, value in headers:
            if name.lower() == "set-cookie":
                self._learn_cookies(value.split(";")[0])
        # Most exchanges have nothing to hide here: one look at all values instead of one at each.
        values = "\n".join(value for name, value in headers if name.lower() not in SECRET_HEADERS)
        clean = self.text(values) == values
        return tuple((name, self._header_value(name, value, clean=clean)) for name, value in headers)

    def query(self, query: Query) -> Query:
        """Query parameters with secret values masked."""
        return tuple(
            (name, REDACTED if name.lower() in SECRET_PARAMETERS and value else self.text(value))
            for name, value in query
        )

    def path(self, path: str) -> str:
        """A path whose access token `/t/TOKEN/` and any other secret are masked."""
        return self.text(_TOKEN_PATH.sub(f"/t/{REDACTED}", path, count=1))

    def text(self, text: str) -> str:
        """Any text with this exchange's secrets masked."""
        raw = text.encode("utf-8", "surrogateescape")
        return mask(raw, self._literals()).decode("utf-8", "surrogateescape")

    def request_body(self, body: bytes) -> bytes:
        """A whole request body; what it hides in JSON is learned, so that an echo in the response is masked too.

        Raises WireError if the body seems to hold secret fields but can't be parsed.
        """
        return mask(self._fields_masked(body), self._literals())

    def response_body(self, *, asked: bool = False, events: bool = False) -> BodyMasker:
        """A masker for the response; of `/credentials` it gives nothing before the end.

        With `asked`, the request only asked for what an earlier one said: its secret fields may come back, and this
        request does not name them. Such a body is looked at as JSON: at its end, or with `events` line by line.
        """
        if self._has_credentials or (asked and not events):
            return _WholeBody(self)
        return _Lines(self) if asked else SecretMasker(self._literals())

    def _fields_masked(self, body: bytes) -> bytes:
        if not body or not (self._has_credentials or b"mcp_server" in body or b"api_key" in body):
            return body
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise WireError("the body may hold secret fields and is not valid JSON, so it was not kept") from error
        found = _mask_strings(document) if self._has_credentials else _mask_tool_secrets(document)
        if not found:
            return body
        for value in found:
            word = value.rsplit(" ", 1)[-1]
            if len(word) >= _SHORTEST_FOUND and any(map(str.isdigit, word)):
                self._learn(word)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def _header_value(self, name: str, value: str, *, clean: bool) -> str:
        if name.lower() in SECRET_HEADERS:
            return REDACTED if value else value
        return value if clean else self.text(value)

    def _learn_request(self, path: str, query: Query, headers: Headers) -> None:
        by_name: dict[str, str] = {}
        for name, value in headers:
            lowered = name.lower()
            if lowered == "cookie":
                self._learn_cookies(value)
            elif lowered in SECRET_HEADERS:
                credential = value.split(" ", 1)[-1].strip()
                by_name.setdefault(lowered, credential)
                self._learn(credential)
        keys = [value for name, value in query if name.lower() in SECRET_PARAMETERS]
        for value in keys:
            self._learn(value)
        if token := _TOKEN_PATH.search(path):
            self._learn(unquote(token["token"]))
        candidates = [by_name.get("x-goog-api-key"), *keys, by_name.get("authorization")]
        self.account_secret = next((value for value in candidates if value), None)

    def _learn(self, value: str) -> None:
        if len(value) >= _SHORTEST_SECRET and value != REDACTED:
            self._secrets.add(value)
            self._spelled = None

    def _learn_cookies(self, text: str) -> None:
        for cookie in text.split(";"):
            value = cookie.partition("=")[2].strip()
            if len(value) >= _SHORTEST_COOKIE:
                self._learn(value)

    def _literals(self) -> tuple[bytes, ...]:
        if self._spelled is None:
            self._spelled = tuple({spelling for value in self._secrets for spelling in _spellings(value)})
        return self._spelled


@functools.lru_cache(maxsize=64)
def _spellings(value: str) -> tuple[bytes, ...]:
    # As sent, as it looks inside JSON, and inside a URL. A program's calls mostly carry the same key.
    spellings = (value, json.dumps(value)[1:-1], quote(value, safe="", errors="surrogateescape"))
    return tuple(spelling.encode("utf-8", "surrogateescape") for spelling in spellings)


class _WholeBody:
    # Holds a response back until it can be redacted as JSON.
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        return self._redactor.request_body(bytes(self._body))


class _Lines:
    # Holds each line of an event stream back until it is whole, which is when its JSON can be read.
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._begun = bytearray()

    def feed(self, data: bytes) -> bytes:
        first, *lines = data.split(b"\n")
        self._begun += first
        if not lines:
            return b""
        whole, self._begun = [bytes(self._begun), *lines[:-1]], bytearray(lines[-1])
        return b"".join(self._line(line) + b"\n" for line in whole)

    def finish(self) -> bytes:
        rest, self._begun = bytes(self._begun), bytearray()
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        field, colon, value = line.partition(b":")
        try:
            if field == b"data":
                ended = b"\r" if value.endswith(b"\r") else b""
                space = b" " if value.startswith(b" ") else b""
                return field + colon + space + self._redactor.request_body(value.strip(b" \r")) + ended
            return self._redactor.request_body(line)
        except WireError:
            return b"data: " + MASK


def account_tag(secret: str, key: bytes) -> str:
    """`k:` and 12 hex digits of a keyed hash: tells accounts apart, says nothing else."""
    return "k:" + hmac.new(key, secret.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:12]


def _mask_tool_secrets(document: Any) -> list[str]:
    """Masks, in place, header values of `mcp_server` tools and `api_key` of `*_config` objects; gives the values."""
    found: list[str] = []
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        if not isinstance(value, dict):
            continue
        if value.get("type") == "mcp_server" and isinstance(value.get("headers"), dict):
            found += _mask_strings(value["headers"], frozenset())
        for name, child in value.items():
            if name.endswith("_config") and isinstance(child, dict) and isinstance(child.get("api_key"), str):
                found.append(child["api_key"])
                child["api_key"] = REDACTED
        pending += value.values()
    return found


def _mask_strings(document: Any, open_fields: frozenset[str] = _OPEN_CREDENTIAL_FIELDS) -> list[str]:
    """Masks, in place, every string below a JSON value but those of open fields; gives the values."""
    found: list[str] = []
    pending = [document]
    while pending:
        value = pending.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, child in list(items):
            if isinstance(child, str) and child and name not in open_fields:
                found.append(child)
                value[name] = REDACTED
            elif isinstance(child, dict | list):
                pending.append(child)
    return found
