"""Which requests of the app under test go to the Interactions API, and where they stand at the service itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tracer.wire import routes

BASE_URLS = {
    "GOOGLE_GEMINI_BASE_URL": routes.GEMINI_ORIGIN,
    "GOOGLE_VERTEX_BASE_URL": routes.VERTEX_ORIGIN,
    "GEMINI_API_BASE": routes.GEMINI_ORIGIN,
}
"""Variables that send SDKs elsewhere, and the service that they stand for."""
VERTEX_PREFIX = "/_vertex"
"""Where Vertex AI stands at a relay."""
ADDRESSES = {"location", "x-goog-upload-url", "x-goog-upload-control-url"}
"""Response headers that lead an app on to another request."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCATION = re.compile(r"/projects/[^/]+/locations/([^/?]+)/")

type OtherHosts = Literal["pass", "record", "block"]
"""What happens to a test's calls to anybody else; loopback is always let through."""


@dataclass(frozen=True, slots=True)
class Place:
    """Origin and path of a request at the service, whatever base URL it went through."""

    origin: str
    path: str
    upstream: str | None = None
    """Where the request is to be sent instead of where it was sent: it went to our own relay."""
    foreign: bool = False
    """It goes to somebody else's service."""


@dataclass(frozen=True, slots=True)
class Detour:
    """A relay that the base-URL variables point to for a while, and what they said before."""

    url: str
    before: Mapping[str, str]

    def place(self, path: str) -> Place:
        """What a request to the relay means, and where the service is that it would have gone to."""
        rest = path.removeprefix(VERTEX_PREFIX) if path.startswith(f"{VERTEX_PREFIX}/") else None
        if rest is None:
            base = self.before.get("GOOGLE_GEMINI_BASE_URL") or self.before.get("GEMINI_API_BASE")
            return Place(routes.GEMINI_ORIGIN, path, (base or routes.GEMINI_ORIGIN).rstrip("/") + path)
        found = _LOCATION.search(rest)
        region = f"{found[1]}-" if found and found[1] != "global" else ""
        origin = f"https://{region}aiplatform.googleapis.com"
        base = self.before.get("GOOGLE_VERTEX_BASE_URL")
        return Place(routes.VERTEX_ORIGIN if base else origin, rest, (base or origin).rstrip("/") + rest)


class Hosts:
    """Tells our hosts from all others: the service's, those of the base-URL variables, and those the user names."""

    def __init__(
        self, extra: Iterable[str] = (), environ: Mapping[str, str] = os.environ, *, others: OtherHosts = "pass"
    ) -> None:
        """`extra` holds `host` or `host:port`. The variables are read at every request: tests set them too."""
        self._others = others
        self._extra = {name.strip().lower() for name in extra}
        self._environ = environ
        self.detour: Detour | None = None

    def locate(self, scheme: str, host: str, port: int | None, path: str) -> Place | None:
        """The place of a request at the service, or None if it goes to somebody else and is none of our business."""
        host = host.lower()
        port = port or _DEFAULT_PORTS.get(scheme)
        if routes.is_service_host(host):
            return Place(f"{scheme}://{host}", path)
        if self.detour is not None and _address(self.detour.url) == (host, port):
            return self.detour.place(path)
        for base, origin in self._bases():
            if _address(base) == (host, port):
                prefix = urlsplit(base).path.rstrip("/")
                return Place(origin, path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path)
        if host in self._extra or f"{host}:{port}" in self._extra:
            return Place(routes.GEMINI_ORIGIN, path)
        if self._others == "pass" or host in _LOOPBACK:
            return None
        suffix = "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"
        return Place(f"{scheme}://{host}{suffix}", path, foreign=True)

    def _bases(self) -> Iterator[tuple[str, str]]:
        for variables in (self._environ, self.detour.before if self.detour else {}):
            for name, origin in BASE_URLS.items():
                if value := variables.get(name):
                    yield value, origin


def _address(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    try:
        return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None
