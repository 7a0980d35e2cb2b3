"""Which SDK called (WIRE.md section 3)."""

from __future__ import annotations

import re

from tracer.records.interaction import Client
from tracer.wire.exchange import Exchange

_SDK = "google-genai-sdk"
_PRODUCT = re.compile(r"(?P<name>[^\s/,;()]+)/(?P<version>[^\s,;()]+)")


def client(exchange: Exchange) -> Client:
    """Name, version and language from `x-goog-api-client`, else from the user agent, which may have two lines."""
    for header in ("x-goog-api-client", "user-agent"):
        value = exchange.request_header(header)
        products = [(found["name"], found["version"]) for found in _PRODUCT.finditer(value or "")]
        named = [product for product in products if not product[0].startswith("gl-")]
        if named:
            name, version = next((product for product in named if product[0] == _SDK), named[0])
            language = next((f"{n}/{v}" for n, v in products if n.startswith("gl-")), None)
            return Client(name=name, version=version, language=language)
    return Client()
