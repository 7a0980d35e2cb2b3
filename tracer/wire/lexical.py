"""JSON as far as it can be told apart in bytes that may be cut anywhere: strings, brackets, and the rest (RFC 8259)."""

from __future__ import annotations

import json
import re

QUOTE = 0x22
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_UP_TO_COMMA = re.compile(rb'(?:(?:[^",]++|%b)*+,)*+' % _STRING, re.DOTALL)
_BETWEEN = b" \t\n\r,:" + bytes(sorted(set(b"0123456789+-.eEtruefalsenullNaNInfinity")))
_BETWEEN_RUN = re.compile(rb"[%b]*+" % re.escape(_BETWEEN))
_BLANK_RUN = re.compile(rb"[ \t\n\r]*+")
_BRACKETS = re.compile(rb"[\]}]*+[\[{]*+")
_BLOCK = 8 * 1024
_MAX_NESTING = 64
"""How deep what is passed over may be nested."""


def between(data: bytes, start: int) -> int:
    """Where ends what stands between strings and brackets: commas, colons, numbers, words. No grammar is checked."""
    found = _BETWEEN_RUN.match(data, start)
    return found.end() if found else start


def blank(data: bytes, start: int) -> int:
    """Where blanks end."""
    found = _BLANK_RUN.match(data, start)
    return found.end() if found else start


def string_end(data: bytes, start: int) -> tuple[int, bool]:
    """Where a string ends whose inside begins at `start`: behind its quote, or as far as it can be read; if it does."""
    found = _STRING_REST.match(data, start)
    end = found.end() if found else start
    whole = end < len(data) and data[end] == QUOTE
    return end + whole, whole


def text(raw: bytes) -> str:
    """What a whole string says; one with wrong escapes says what stands there."""
    try:
        value: str = json.loads(raw.decode("utf-8", "surrogateescape"), strict=False)
    except ValueError:
        return raw[1:-1].decode("utf-8", "surrogateescape")
    return value


def block(data: bytes, start: int) -> bytes:
    """A stretch of some KB that ends with a comma between values; empty if there is none."""
    for end in (start + _BLOCK, len(data)):
        found = _UP_TO_COMMA.match(data, start, end)
        if found and found[0]:
            return found[0]
    return b""


def left_open(block: bytes) -> bytes | None:
    """The brackets of a block but those that open and close in it: closing ones, then opening ones.

    None if they do not match, or anything is in the block that no JSON has, or it is nested very deeply.
    """
    brackets = _STRINGS.sub(b"", block).translate(None, _BETWEEN)
    for _ in range(_MAX_NESTING):
        size = len(brackets)
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(brackets) == size:
            return brackets if _BRACKETS.fullmatch(brackets) else None
    return None
