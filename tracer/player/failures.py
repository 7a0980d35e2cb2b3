"""Errors as the service words them (WIRE.md section 13): the Interactions form, and the older Google form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from tracer.player.reply import Reply, ReplyChunk
from tracer.wire.exchange import Headers

CODES: dict[int, tuple[str, str]] = {
    400: ("invalid_request", "Request contains an invalid argument."),
    401: ("authentication", "Request had invalid authentication credentials."),
    402: ("payment_required", "This project has no credit left."),
    403: ("permission_denied", "The caller does not have permission."),
    404: ("not_found", "Requested entity was not found."),
    409: ("conflict", "The request conflicts with another one."),
    405: ("method_not_allowed", "The method is not allowed for this resource."),
    413: ("request_too_large", "The request is too large."),
    415: ("unsupported_media_type", "The content type of the request is not supported."),
    416: ("out_of_range", "The value is out of range."),
    429: ("rate_limit_exceeded", "Resource has been exhausted (e.g. check quota)."),
    500: ("internal_error", "An internal error has occurred."),
    502: ("bad_gateway", "The upstream server answered with an error."),
    503: ("service_unavailable", "The service is currently unavailable."),
    504: ("gateway_timeout", "The upstream server did not answer in time."),
}
"""HTTP status -> error code and text in the Interactions form."""

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error instead of an interaction."""

    status: int
    message: str = ""
    code: str = ""
    form: Literal["interactions", "google"] = "interactions"
    """The form of the Interactions API, or the older one of Google's front end."""
    headers: Headers = ()
    """Beside the content type, such as `retry-after`."""

    def reply(self) -> Reply:
        """The error in its form; code and text of the status unless given."""
        code, message = CODES.get(self.status, CODES[400 if self.status < 500 else 500])
        if self.form == "google":
            return google_error_reply(self.status, self.message or message, headers=self.headers)
        return error_reply(self.status, self.code or code, self.message or message, headers=self.headers)


def error_reply(status: int, code: str, message: str, *, headers: Headers = ()) -> Reply:
    """`{"error":{"message":…,"code":"invalid_request"}}`."""
    return json_reply(status, {"error": {"message": message, "code": code}}, headers=headers)


def google_error_reply(status: int, message: str, reason: str | None = None, *, headers: Headers = ()) -> Reply:
    """`{"error":{"code":400,"message":…,"status":"INVALID_ARGUMENT","details":[…]}}`, as the front end answers."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    if reason:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
        error["details"] = [info]
    return json_reply(status, {"error": error}, headers=headers)


def json_reply(status: int, value: Any, *, delay_us: int = 0, headers: Headers = ()) -> Reply:
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
