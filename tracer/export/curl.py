"""A call as a curl command for a POSIX shell. The key comes from the environment, never from the recording."""

from __future__ import annotations

import json
from shlex import quote
from urllib.parse import urlencode

from tracer.wire import routes
from tracer.wire.exchange import Exchange

_KEPT = frozenset({"content-type", "api-revision"})
_SECRET = frozenset({"key", "access_token"})


def curl(exchange: Exchange) -> str:
    """A command that sends the same request again, body and query included."""
    route = routes.match(exchange.method, exchange.path, exchange.query)
    vertex = route is not None and route.service == "vertex"
    query = urlencode([(name, value) for name, value in exchange.query if name not in _SECRET])
    url = f"{exchange.origin}{exchange.path}" + (f"?{query}" if query else "")
    options = ["curl", "--no-buffer", "--fail-with-body", "--silent", "--show-error"]
    lines = [" ".join([*options, "--request", quote(exchange.method), quote(url)])]
    bearer = "Authorization: Bearer $(gcloud auth print-access-token)"
    lines.append(f'--header "{bearer if vertex else "x-goog-api-key: $GEMINI_API_KEY"}"')
    lines += [
        f"--header {quote(f'{name}: {value}')}" for name, value in exchange.request_headers if name.lower() in _KEPT
    ]
    if not exchange.request_body:
        return " \\\n  ".join(lines) + "\n"
    body = _body(exchange.request_body)
    end = "JSON"
    while f"\n{end}\n" in f"\n{body}\n":
        end += "_"
    return " \\\n  ".join([*lines, f"--data-binary @- <<'{end}'"]) + f"\n{body}\n{end}\n"


def _body(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text
