"""Errors as the service words them (WIRE.md section 13): the Interactions form, and the older Google form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tracer.player.reply import Reply, ReplyChunk

CODES: dict[int, tuple[str, str]] = {
    400: ("invalid_request", "Request contains an invalid argument."),
    401: ("authentication", "Request had invalid authentication credentials."),
    402: ("payment_required", "This project has no credit left."),
    403: ("permission_denied", "The caller does not have permission."),
    404: ("not_found", "Requested entity was not found."),
    409: ("conflict", "The request conflicts with another one."),
    416: ("out_of_range", "The value is out of range."),
    429: ("rate_limit_exceeded", "Resource has been exhausted (e.g. check quota)."),
    500: ("internal_error", "An internal error has occurred."),
    502: ("bad_gateway", "The upstream server answered with an error."),
    503: ("service_unavailable", "The service is currently unavailable."),
    504: ("gateway_timeout", "The upstream server did not answer in time."),
}
"""HTTP status -> error code and text in the Interactions form."""

_STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error instead of an interaction."""

    status: int
    message: str = ""
    code: str = ""

    def reply(self) -> Reply:
        """The error in the form of the Interactions API; code and text of the status unless given."""
        code, message = CODES.get(self.status, CODES[500])
        return error_reply(self.status, self.code or code, self.message or message)


def error_reply(status: int, code: str, message: str) -> Reply:
    """`{"error":{"message":…,"code":"invalid_request"}}`."""
    return json_reply(status, {"error": {"message": message, "code": code}})


def google_error_reply(status: int, message: str, reason: str | None = None) -> Reply:
    """`{"error":{"code":400,"message":…,"status":"INVALID_ARGUMENT","details":[…]}}`, as the front end answers."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    if reason:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
        error["details"] = [info]
    return json_reply(status, {"error": error})


def json_reply(status: int, value: Any, *, delay_us: int = 0, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """A JSON response, sent whole after `delay_us` microseconds."""
    return Reply(
        status,
        (("content-type", "application/json"), *headers),
        (ReplyChunk(delay_us, compact(value).encode()),),
    )


def compact(value: Any) -> str:
    """JSON without spaces, as the service writes it; lone surrogates stay escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text
