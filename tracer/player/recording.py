"""A recording as a tape keeps it: what it takes to find it; the exchange itself may be read when it is played."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tracer.player import matching
from tracer.player.matching import Request
from tracer.player.paths import JsonPath
from tracer.player.reply import Call
from tracer.wire.exchange import Exchange, Headers

_SDK = re.compile(r"google-genai-sdk/(\d+)\.(\d+)")
_CLIENT = ("x-goog-api-client", "user-agent")
_OLDEST_STEPS = 2
"""google-genai speaks the steps dialect from 2.0 on (WIRE.md section 1)."""

type Generation = Literal["outputs", "steps"]


@dataclass(slots=True, eq=False)
class Recording:
    """One recorded exchange; `load` gives it whole."""

    key: str
    """The fingerprint of its request (`matching.Request.key`)."""
    method: str
    operation: str
    target: str | None
    status: int
    raw: str
    """The digest of its request as it was sent (`raw_digest`)."""
    load: Callable[[], Exchange]
    _request: Request | None = None

    @classmethod
    def of(cls, exchange: Exchange, ignore: Sequence[JsonPath] = ()) -> Recording:
        """An exchange that is at hand; it must have a response."""
        call = matching.call_of(exchange)
        request = matching.canonical(call, ignore=ignore)
        return cls(
            request.key,
            request.method,
            request.operation,
            request.target,
            exchange.status or 0,
            raw_digest(call),
            lambda: exchange,
            request,
        )

    @property
    def exchange(self) -> Exchange:
        """The exchange, whole."""
        return self.load()

    def request(self, ignore: Sequence[JsonPath]) -> Request:
        """The canonical request, for explanations."""
        return self._request or matching.canonical(matching.call_of(self.exchange), ignore=ignore)


def raw_digest(call: Call) -> str:
    """Equal for requests that are equal byte for byte: such a one needs not be understood to be found again."""
    digest = hashlib.blake2b(f"{call.method} {call.path} {call.query}\n".encode("utf-8", "replace"), digest_size=16)
    digest.update(call.body)
    return digest.hexdigest()


def client_of(headers: Headers) -> str:
    """What a client says of itself."""
    return " ".join([value for name, value in headers if name.lower() in _CLIENT])


def generation(client: str) -> Generation | None:
    """The dialect that a client's `x-goog-api-client` or user agent stands for; None if it is no official SDK."""
    found = _SDK.search(client)
    if found is None:
        return None
    return "outputs" if int(found[1]) < _OLDEST_STEPS else "steps"


def sdk(client: str) -> str:
    """How a message names an SDK: `google-genai 3.4`."""
    found = _SDK.search(client)
    return f"google-genai {found[1]}.{found[2]}" if found else "another client"
