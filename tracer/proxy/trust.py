"""What a client of the forward proxy is told: where the proxy is and whom to trust, in the words of each ecosystem."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tracer.proxy.way_out import is_excepted
from tracer.wire.routes import GEMINI_ORIGIN, VERTEX_ORIGIN

SERVICE_HOSTS = tuple(urlsplit(origin).netloc for origin in (GEMINI_ORIGIN, VERTEX_ORIGIN))


def forward_variables(
    url: str, authority: Path, environ: Mapping[str, str], *, upstream: str | None = None
) -> dict[str, str]:
    """The variables that lead a program through the forward proxy at `url`.

    Entries of `NO_PROXY` that name the service's hosts, or `upstream`'s, are taken out, or its calls would not come.
    `authority` is the certificate of our authority. Python, curl and Go read `SSL_CERT_FILE` and then trust nothing
    else, so it names a file beside `authority` that holds the roots trusted so far and ours; Node adds the file of
    `NODE_EXTRA_CA_CERTS` to its own roots. Raises OSError if the files can't be written.
    """
    bundle = _combined(authority, _roots(environ), "bundle.pem")
    extra = environ.get("NODE_EXTRA_CA_CERTS")
    node = _combined(authority, [Path(extra)], "node.pem") if extra else authority
    return {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "SSL_CERT_FILE": str(bundle),
        "REQUESTS_CA_BUNDLE": str(bundle),
        "CURL_CA_BUNDLE": str(bundle),
        "NODE_EXTRA_CA_CERTS": str(node),
        "NODE_USE_ENV_PROXY": "1",
        **_exceptions(environ, [*SERVICE_HOSTS, *([upstream] if upstream else [])]),
    }


def _exceptions(environ: Mapping[str, str], hosts: list[str]) -> dict[str, str]:
    changed: dict[str, str] = {}
    for name in ("NO_PROXY", "no_proxy"):
        entries = environ.get(name, "").split(",")
        kept = [each for each in entries if not any(is_excepted(host, 443, each) for host in hosts)]
        if kept != entries:
            changed[name] = ",".join(kept)
    return changed


def _roots(environ: Mapping[str, str]) -> list[Path]:
    # Whom the user trusts is kept; certifi's roots are what Python's HTTP clients trust else.
    import certifi

    named = [environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    found = [Path(name) for name in named if name]
    system = ssl.get_default_verify_paths().openssl_cafile
    return [*found, Path(system), Path(certifi.where())]


def _combined(authority: Path, roots: list[Path], name: str) -> Path:
    texts = [path.read_bytes() for path in [*dict.fromkeys(roots), authority] if path.is_file()]
    target = authority.with_name(name)
    # Renamed into place: another run may be reading it.
    descriptor, fresh = tempfile.mkstemp(dir=authority.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\n".join(texts))
    Path(fresh).replace(target)
    return target
