"""The bodies of recorded messages, in every way in which recorders of this format keep them.

vcrpy: text or bytes, of a response below `string`, once below `base64_string`. pydantic-ai's suites: JSON as YAML in
`parsed_body`. cassetter: `type` (`json`, `text`, `binary` as hexadecimal digits, `none`) and `content`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any


def message_body(message: Mapping[str, Any]) -> bytes:
    """The body of a request or a response; empty if there is none. Raises ValueError for one that can't be read."""
    body = message.get("body")
    if body is None and "parsed_body" in message:
        return _json(message["parsed_body"])
    if isinstance(body, Mapping):
        return _kept(body)
    return _json(body) if isinstance(body, list) else _text(body)


def _kept(body: Mapping[str, Any]) -> bytes:
    if "base64_string" in body:
        return base64.b64decode(_text(body["base64_string"]))
    if "string" in body:
        return _text(body["string"])
    if body.keys() <= {"type", "content"} and body.get("type") in ("json", "text", "binary", "none"):
        content = body.get("content")
        if body["type"] == "json":
            return _json(content)
        return bytes.fromhex(_text(content).decode("ascii")) if body["type"] == "binary" else _text(content)
    return _json(body)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _text(value: Any) -> bytes:
    if isinstance(value, Mapping | list):
        return _json(value)
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode("utf-8", "replace")
