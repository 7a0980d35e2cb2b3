"""The way out: through the proxy that the user's environment names, as the app itself would have gone.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` as Python, curl and Node read them. Only proxies that are spoken
to in HTTP are known; the tunnel to the service is asked for with CONNECT, whatever its scheme.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from tracer.errors import UsageError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A proxy on the way to the service."""

    scheme: str
    host: str
    port: int
    authorization: str | None
    """The value of `Proxy-Authorization`, from the user and password of its URL."""

    @classmethod
    def parse(cls, name: str, url: str) -> Waypoint:
        """The proxy of a variable. Raises UsageError, without the URL, which may hold a password."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"{name} is no URL ({error})") from error
        if parts.scheme not in _PORTS or not host:
            raise UsageError(f"{name} names a proxy that is not spoken to in HTTP ({parts.scheme!r})")
        credential = None
        if parts.username is not None:
            plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credential = f"Basic {base64.b64encode(plain.encode()).decode()}"
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], credential)


class WayOut:
    """Which connections go through which proxy."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` as it was before we set anything in it."""
        named = {name.lower(): name for name in sorted(environ) if name.lower().endswith("_proxy") and environ[name]}
        # As in the standard library: CGI servers put a client's `Proxy` header there.
        if "REQUEST_METHOD" in environ and named.get("http_proxy") == "HTTP_PROXY":
            del named["http_proxy"]
        self._exceptions = environ[named["no_proxy"]] if "no_proxy" in named else ""
        self._by_scheme: dict[str, Waypoint] = {}
        self.problems: list[str] = []
        """What can't be used, one sentence each; it is as if it were not set."""
        for scheme in _PORTS:
            name = named.get(f"{scheme}_proxy") or named.get("all_proxy")
            try:
                if name:
                    self._by_scheme[scheme] = Waypoint.parse(name, environ[name])
            except UsageError as error:
                self.problems.append(f"{error}: {scheme}:// services are asked without it")

    def __bool__(self) -> bool:
        """Whether any connection might go through a proxy."""
        return bool(self._by_scheme)

    def to(self, scheme: str, host: str, port: int) -> Waypoint | None:
        """The proxy on the way to an address; None if it is reached directly."""
        found = self._by_scheme.get(scheme)
        if found is None or is_excepted(host, port, self._exceptions):
            return None
        return found

    def authorization(self, host: str, port: int) -> str | None:
        """What the proxy at this address wants to hear."""
        for waypoint in self._by_scheme.values():
            if (waypoint.host, waypoint.port) == (host, port):
                return waypoint.authorization
        return None


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a `NO_PROXY` list names an address: as `*`, or by host or domain, each perhaps with a port."""
    names = [name.strip().lower().lstrip(".") for name in exceptions.split(",")]
    wanted = host.lower(), f"{host.lower()}:{port}"
    return any(name == "*" or each == name or each.endswith(f".{name}") for name in names if name for each in wanted)


class WayOutAddon:
    """Leads mitmproxy's connections to the service through the proxies of a way out."""

    def __init__(self, way_out: WayOut) -> None:
        self._way_out = way_out

    def requestheaders(self, flow: Any) -> None:
        """Hook; runs after the one that says where the request goes."""
        from mitmproxy.connection import Server

        request = flow.request
        via = self._via(request.scheme, request.host, request.port)
        if flow.server_conn.via != via:
            # The one before may be open to somewhere else.
            flow.server_conn = Server(address=flow.server_conn.address, via=via)

    def next_layer(self, nextlayer: Any) -> None:
        """Hook: a tunnel to a host that we do not look into."""
        from mitmproxy.proxy.layers import TCPLayer
        from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

        context = nextlayer.context
        server = context.server
        if not isinstance(nextlayer.layer, TCPLayer) or server.address is None or server.connected:
            return
        via = self._via("https", *server.address[:2])
        if via is not None:
            server.via = via
            stack = HttpUpstreamProxy.make(context, True)
            stack /= TCPLayer(context, ignore=True)
            nextlayer.layer = stack[0]

    def http_connect_upstream(self, flow: Any) -> None:
        """Hook: a tunnel is asked for."""
        host, port = flow.server_conn.address[:2]
        if credential := self._way_out.authorization(host, port):
            flow.request.headers["Proxy-Authorization"] = credential

    def _via(self, scheme: str, host: str, port: int) -> Any:
        found = self._way_out.to(scheme, host, port)
        return found and (found.scheme, (found.host, found.port))
