"""Which requests of the app under test go to the Interactions API, and where they stand at the service itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tracer.wire import routes

BASE_URLS = {
    "GOOGLE_GEMINI_BASE_URL": routes.GEMINI_ORIGIN,
    "GOOGLE_VERTEX_BASE_URL": routes.VERTEX_ORIGIN,
}
"""Variables that send official SDKs elsewhere, and the service that they stand for."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Origin and path of a request at the service, whatever base URL it went through."""

    origin: str
    path: str


class Hosts:
    """Tells our hosts from all others: the service's, those of the base-URL variables, and those the user names."""

    def __init__(self, extra: Iterable[str] = (), environ: Mapping[str, str] = os.environ) -> None:
        """`extra` holds `host` or `host:port`. The variables are read at every request: tests set them too."""
        self._extra = {name.strip().lower() for name in extra}
        self._environ = environ

    def locate(self, scheme: str, host: str, port: int | None, path: str) -> Place | None:
        """The place of a request at the service, or None if it goes to somebody else."""
        host = host.lower()
        port = port or _DEFAULT_PORTS.get(scheme)
        if routes.is_service_host(host):
            return Place(f"{scheme}://{host}", path)
        for variable, origin in BASE_URLS.items():
            base = urlsplit(self._environ.get(variable, ""))
            if base.hostname and (base.hostname, base.port or _DEFAULT_PORTS.get(base.scheme)) == (host, port):
                prefix = base.path.rstrip("/")
                return Place(origin, path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path)
        if host in self._extra or f"{host}:{port}" in self._extra:
            return Place(routes.GEMINI_ORIGIN, path)
        return None
