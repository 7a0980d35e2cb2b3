"""What the service's front end refuses before it looks at a request: methods, content types, missing keys."""

from __future__ import annotations

import re

from tracer.player import agents, files
from tracer.player.failures import google_error_reply
from tracer.player.reply import Call, Reply
from tracer.wire import routes

_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_JSON = re.compile(r"\s*application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_BEARER = re.compile(r"Bearer\s+\S+", re.IGNORECASE)
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)
_BAD_LOGIN = "Request had invalid authentication credentials. Expected OAuth 2 access token."


def api_key(call: Call) -> str | None:
    """The API key that a call carries, in its header or its query."""
    return call.header("x-goog-api-key") or dict(call.query).get("key")


def refusal(call: Call, *, require_key: bool) -> Reply | None:
    """400, 401, 403, 405 or 415 in the form of the front end; None if the call may go on."""
    refused = _key_refusal(call) if require_key else None
    if refused is not None:
        return refused
    if api_key(call) == "invalid":
        return google_error_reply(400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")
    allowed = _allowed(call)
    if allowed and call.method not in allowed:
        message = f"{call.method} is not allowed for {call.path[:200]!r}."
        return google_error_reply(405, message, headers=(("allow", ", ".join(allowed)),))
    coding = (call.header("content-encoding") or "").strip().lower()
    if coding not in _CODINGS:
        return google_error_reply(415, f"The content encoding {coding[:100]!r} is not supported.")
    kind = call.header("content-type")
    if kind and call.method == "POST" and "/upload/" not in call.path and call.body and not _JSON.fullmatch(kind):
        return google_error_reply(415, f"The content type {kind[:100]!r} is not supported, use application/json.")
    return None


def _key_refusal(call: Call) -> Reply | None:
    # The second step of an upload goes to an address that is a secret itself.
    if api_key(call) or "upload_id" in dict(call.query):
        return None
    token = call.header("authorization")
    if token is not None and _BEARER.fullmatch(token.strip()):
        return None
    if token is not None or "/projects/" in call.path:
        return google_error_reply(401, _BAD_LOGIN, "CREDENTIALS_MISSING")
    return google_error_reply(403, _NO_KEY)


def _allowed(call: Call) -> list[str]:
    # The methods of a resource that there is; none for a path that means nothing.
    if found := agents.PATH.fullmatch(call.path):
        return ["GET", "DELETE"] if found["id"] else ["GET", "POST"]
    if found := files.PATH.fullmatch(call.path):
        if found["upload"]:
            return [] if found["id"] else ["POST"]
        return ["GET", "DELETE"] if found["id"] else ["GET"]
    return [method for method in ("GET", "POST", "DELETE") if routes.match(method, call.path, call.query)]
