"""Resumable uploads behind a reverse proxy: the service names a URL for the second step, which must lead back to us.

`X-Goog-Upload-URL: https://HOST/PATH` becomes `http://PROXY/_upload/https/HOST/PATH` for the client, and is restored
when the client asks for it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tracer.errors import UsageError
from tracer.proxy.upstream import Upstream
from tracer.wire.routes import is_service_host

HEADER = "x-goog-upload-url"
PREFIX = "/_upload/"


def through_us(url: str, base: str, known: tuple[Upstream, ...]) -> str | None:
    """The URL by which the client reaches an upload through the proxy at `base`; None if its host is a stranger's."""
    try:
        parts = urlsplit(url)
        target = Upstream.parse(f"{parts.scheme}://{parts.netloc}")
    except (UsageError, ValueError):
        # Whatever the service says there, it goes on as it is.
        return None
    if not _is_ours(target, known):
        return None
    rest = url.split(parts.netloc, 1)[1] or "/"
    return f"{base}{PREFIX}{target.scheme}/{target.authority}{rest}"


def restored(path: str, known: tuple[Upstream, ...]) -> tuple[Upstream, str] | None:
    """The upstream and the path behind a path that `through_us` made; None for any other."""
    if not path.startswith(PREFIX):
        return None
    scheme, _, rest = path[len(PREFIX) :].partition("/")
    authority, slash, target = rest.partition("/")
    try:
        upstream = Upstream.parse(f"{scheme}://{authority}")
    except UsageError:
        # A made up path: the service may answer it.
        return None
    return (upstream, slash + target) if slash and _is_ours(upstream, known) else None


def _is_ours(target: Upstream, known: tuple[Upstream, ...]) -> bool:
    # Nobody may use the proxy as a way to other hosts.
    if target.scheme == "https" and is_service_host(target.host) and target.port == 443:
        return True
    return target.origin in {upstream.origin for upstream in known}
