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
        found = from_object(value.get("error", value))
        if found is not None:
            return found.model_copy(update={"http_status": status})
    if isinstance(value, Unparsed):
        return InteractionError(http_status=status, message=_readable(body))
    return InteractionError(http_status=status)


def from_object(error: Json) -> InteractionError | None:
    """The error of an `error` event, of `errors[]` or of the guide's `error`; None if there is nothing in it."""
    if isinstance(error, str) and error:
        return InteractionError(message=error)
    if not isinstance(error, dict):
        return None
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, str | int) or isinstance(code, bool):
        code = error.get("status")
    known = InteractionError(
        code=code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        message=message if isinstance(message, str) else None,
    )
    return known if known.code is not None or known.message is not None else None


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
