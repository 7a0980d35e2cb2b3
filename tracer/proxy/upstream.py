"""Where requests go: an origin and perhaps a path in front of the API's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tracer.errors import UsageError
from tracer.wire.routes import GEMINI_ORIGIN, VERTEX_ORIGIN

VERTEX_PREFIX = "/_vertex"
"""Below this path of the proxy lies Vertex AI."""

_LOCATION = re.compile(r"/projects/[^/]+/locations/([^/?]+)/")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A base URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: str = ""
    """Without a slash at its end; empty for a bare origin."""

    @classmethod
    def parse(cls, url: str) -> Upstream:
        """Raises UsageError for anything but an http or https URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"the upstream {url!r} is no URL ({error})") from error
        if parts.scheme not in _PORTS or not host:
            raise UsageError(f"the upstream {url!r} is no http or https URL, such as {GEMINI_ORIGIN!r}")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port as they stand in a `Host` header: the default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole base URL."""
        return self.origin + self.path


@dataclass(frozen=True, slots=True)
class Routing:
    """Where each request goes."""

    gemini: Upstream
    vertex: Upstream | None = None
    """None for Google's own hosts, which are named after the location in the path."""

    @property
    def known(self) -> tuple[Upstream, ...]:
        """The upstreams that the user named."""
        return (self.gemini, self.vertex) if self.vertex else (self.gemini,)

    def target(self, path: str) -> tuple[Upstream, str]:
        """The upstream of a request and the path (with its query) to ask there."""
        if path == VERTEX_PREFIX or path.startswith(f"{VERTEX_PREFIX}/"):
            rest = path[len(VERTEX_PREFIX) :] or "/"
            upstream = self.vertex or _google_vertex(rest)
        else:
            rest, upstream = path, self.gemini
        return upstream, upstream.path + rest


def routing(upstream: str | None, environ: Mapping[str, str]) -> Routing:
    """The upstream asked for, else the base URL that the user's environment already names, else Google's.

    Raises UsageError for a value that is no URL.
    """
    named = upstream or environ.get("GOOGLE_GEMINI_BASE_URL") or environ.get("GEMINI_API_BASE") or GEMINI_ORIGIN
    vertex = environ.get("GOOGLE_VERTEX_BASE_URL")
    return Routing(Upstream.parse(named), Upstream.parse(vertex) if vertex else None)


def _google_vertex(path: str) -> Upstream:
    found = _LOCATION.search(path)
    location = found[1] if found else "global"
    if location == "global" or not re.fullmatch(r"[a-z0-9-]+", location):
        return Upstream.parse(VERTEX_ORIGIN)
    if location in ("us", "eu"):
        return Upstream("https", f"aiplatform.{location}.rep.googleapis.com", 443)
    return Upstream("https", f"{location}-aiplatform.googleapis.com", 443)
