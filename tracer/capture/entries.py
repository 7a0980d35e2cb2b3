"""What stands in a journal, and its bytes.

A frame is length and CRC-32 of what follows (u32 each), then kind (u8), key (16 bytes), time in microseconds (i64)
and a payload: JSON, or for bodies the length on the wire (u64) and the bytes. All numbers are big-endian.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer.wire.exchange import Headers, Outcome
from tracer.wire.frames import Closed, Frame, Opened, RequestData, ResponseData, ResponseStarted

PREFIX = struct.Struct(">II")
HEAD = struct.Struct(">B16sq")
_WIRE_SIZE = struct.Struct(">Q")
_DATA_HEAD = struct.Struct(HEAD.format + _WIRE_SIZE.format.removeprefix(">"))
_OPENED, _REQUEST_DATA, _RESPONSE_STARTED, _RESPONSE_DATA, _CLOSED, _RUN_STARTED, _RUN_ENDED = range(1, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A start of `tracer run` or `tracer proxy`; `at_us` is wall clock."""

    key: str
    at_us: int
    project: str | None
    command: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The end of a run, on the wall clock; `exit_code` is None unless a command's is known."""

    key: str
    at_us: int
    exit_code: int | None


type Entry = Frame | RunStarted | RunEnded


def encode(entry: Entry) -> bytes:
    """An entry's bytes as they stand in a segment."""
    if isinstance(entry, ResponseData):
        # By far the most frequent.
        body = _DATA_HEAD.pack(_RESPONSE_DATA, bytes.fromhex(entry.key), entry.at_us, entry.wire_size) + entry.data
    else:
        kind, at_us, payload = _written(entry)
        body = HEAD.pack(kind, bytes.fromhex(entry.key), at_us) + payload
    return PREFIX.pack(len(body), zlib.crc32(body)) + body


def decode(body: bytes) -> Entry | None:
    """The entry of a frame whose checksum held; None for a kind of a later version."""
    kind, raw_key, at_us = HEAD.unpack_from(body)
    key, payload = raw_key.hex(), body[HEAD.size :]
    if kind in (_REQUEST_DATA, _RESPONSE_DATA):
        (wire_size,) = _WIRE_SIZE.unpack_from(payload)
        data = payload[_WIRE_SIZE.size :]
        if kind == _REQUEST_DATA:
            return RequestData(key=key, data=data, wire_size=wire_size)
        return ResponseData(key=key, at_us=at_us, data=data, wire_size=wire_size)
    if _OPENED <= kind <= _RUN_ENDED:
        return _read(kind, key, at_us, json.loads(payload))
    return None


def _written(entry: Opened | RequestData | ResponseStarted | Closed | RunStarted | RunEnded) -> tuple[int, int, bytes]:
    match entry:
        case RequestData():
            return _REQUEST_DATA, 0, _WIRE_SIZE.pack(entry.wire_size) + entry.data
        case Opened():
            kind = _OPENED
            fields = {name: getattr(entry, name) for name in _OPENED_FIELDS}
        case ResponseStarted():
            kind, fields = _RESPONSE_STARTED, {"status": entry.status, "headers": entry.headers}
        case Closed():
            kind, fields = _CLOSED, {"outcome": entry.outcome, "error": entry.error, "notes": entry.notes}
        case RunStarted():
            kind = _RUN_STARTED
            fields = {"project": entry.project, "command": entry.command, "tags": dict(entry.tags)}
        case RunEnded():
            kind, fields = _RUN_ENDED, {"exit_code": entry.exit_code}
    # ASCII, since header values may hold surrogates for bytes that are no UTF-8.
    return kind, entry.at_us, json.dumps(fields, separators=(",", ":")).encode("ascii")


_OPENED_FIELDS = ("run", "project", "account", "origin", "method", "path", "query", "headers")


def _read(kind: int, key: str, at_us: int, fields: dict[str, Any]) -> Entry:
    match kind:
        case 1:
            known = {name: fields[name] for name in _OPENED_FIELDS}
            known |= {"query": _pairs(fields["query"]), "headers": _pairs(fields["headers"])}
            return Opened(key=key, at_us=at_us, **known)
        case 3:
            return ResponseStarted(key=key, at_us=at_us, status=fields["status"], headers=_pairs(fields["headers"]))
        case 5:
            outcome, notes = Outcome(fields["outcome"]), tuple(fields["notes"])
            return Closed(key=key, at_us=at_us, outcome=outcome, error=fields["error"], notes=notes)
        case 6:
            command = tuple(fields["command"])
            return RunStarted(key=key, at_us=at_us, project=fields["project"], command=command, tags=fields["tags"])
        case _:
            return RunEnded(key=key, at_us=at_us, exit_code=fields["exit_code"])


def _pairs(lists: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in lists)
