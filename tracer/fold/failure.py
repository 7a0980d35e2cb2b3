"""Errors in every shape the service and gateways give them (WIRE.md section 13)."""

from __future__ import annotations

import html
import re

from tracer.events import Json, JsonObject
from tracer.fold.parse import Unparsed, load
from tracer.records.interaction import InteractionError

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LONGEST_TEXT = 300


def from_http(status: int, body: bytes) -> InteractionError:
    """The error that an HTTP answer of 400 and above carries: JSON in both shapes, bare or in an array, or HTML."""
    value = load(body)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        found = from_object(value.get("error", value), beside=value if "error" in value else {})
        if found is not None:
            return found.model_copy(update={"http_status": status})
    if isinstance(value, Unparsed):
        return InteractionError(http_status=status, message=_readable(body))
    return InteractionError(http_status=status)


def from_object(error: Json, beside: JsonObject | None = None) -> InteractionError | None:
    """The error of an `error` event, of `errors[]` or of the guide's `error`; None if there is nothing in it.

    `beside` is the object that it stood in, whose other fields are kept too.
    """
    others = {name: value for name, value in (beside or {}).items() if name != "error"}
    if isinstance(error, str) and error:
        return InteractionError(message=error, details=others or None)
    if not isinstance(error, dict):
        return None
    word, message = error.get("code"), error.get("message")
    code = _code(word)
    known = InteractionError(
        code=_code(error.get("status")) if code is None else code,
        message=message if isinstance(message, str) else None,
    )
    taken = {"code": known.code, "message": known.message}
    rest = {name: value for name, value in error.items() if value is not None and taken.get(name) != value}
    known.details = {**others, **rest} or None
    return known if known != InteractionError() else None


def _code(value: Json) -> str | int | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def from_interaction(fields: JsonObject) -> InteractionError | None:
    """What an interaction object says of its failure: the first of `errors`, else the guide's `error`."""
    errors = fields.get("errors")
    told = [*(errors if isinstance(errors, list) else []), fields.get("error")]
    return next((found for error in told if (found := from_object(error)) is not None), None)


def _readable(body: bytes) -> str | None:
    text = body.decode("utf-8", "replace")
    title = _TITLE.search(text)
    words = " ".join(html.unescape(_TAG.sub(" ", title[1] if title else text)).split())
    return words[:_LONGEST_TEXT] or None
