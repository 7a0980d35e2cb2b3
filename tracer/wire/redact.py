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
from urllib.parse import quote, unquote

from tracer.errors import WireError
from tracer.wire.exchange import Headers
from tracer.wire.fields import FieldMasker, may_hide
from tracer.wire.json_bodies import BodyMasker, JsonMasker, LinesMasker
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


class Redactor:
    """Knows the secrets of one exchange: those of its request line and headers, and what is found later."""

    def __init__(self, *, path: str, query: Query, headers: Headers) -> None:
        self._secrets: set[str] = set()
        self._maskers: list[SecretMasker] = []
        """Those at work: they must hear of what is found."""
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

        Raises WireError if the body may hold secret fields but can't be read as JSON.
        """
        return mask(self._fields_masked(body), self._literals())

    def request_pieces(self) -> JsonMasker:
        """A masker for a request body that comes in pieces; what it gives does not depend on where they are cut."""
        return JsonMasker(self)

    def response_body(self, *, asked: bool = False, events: bool = False) -> BodyMasker:
        """A masker for the response.

        With `asked`, the request only asked for what an earlier one said: its secret fields may come back, and this
        request does not name them. Such a body is looked at as JSON, with `events` line by line.
        """
        if self._has_credentials or (asked and not events):
            return JsonMasker(self)
        return LinesMasker(self) if asked else self.masker()

    def fields(self) -> FieldMasker:
        """A masker for the secret fields of one JSON text, from which this redactor learns."""
        return FieldMasker(self._learn_field, credentials=self._has_credentials)

    def masker(self) -> SecretMasker:
        """A masker for what is known to be secret, and what will be."""
        self._maskers.append(masker := SecretMasker(self._literals()))
        return masker

    def _fields_masked(self, body: bytes) -> bytes:
        if not body or not (self._has_credentials or may_hide(body)):
            return body
        fields = self.fields()
        masked = fields.feed(body) + fields.finish()
        if not fields.complete:
            raise WireError("the body may hold secret fields and is not valid JSON, so it was not kept")
        return masked

    def _learn_field(self, value: str) -> None:
        word = value.rsplit(" ", 1)[-1]
        if len(word) >= _SHORTEST_FOUND and any(map(str.isdigit, word)):
            self._learn(word)

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
        if len(value) >= _SHORTEST_SECRET and value != REDACTED and value not in self._secrets:
            self._secrets.add(value)
            self._spelled = None
            for masker in self._maskers:
                masker.learn(_spellings(value))

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
    in_json = json.dumps(value)[1:-1]
    try:
        raw = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half a character, which only an escape can spell.
        return (in_json.encode(),)
    return raw, in_json.encode(), quote(raw, safe="").encode()


def account_tag(secret: str, key: bytes) -> str:
    """`k:` and 12 hex digits of a keyed hash: tells accounts apart, says nothing else."""
    return "k:" + hmac.new(key, secret.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:12]
