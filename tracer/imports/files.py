"""Which kind of recording a file is, told by its content alone, and the reader for it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from tracer.cassettes import format as cassette_format
from tracer.cassettes import jsonl
from tracer.cassettes.foreign import read_recording
from tracer.errors import CassetteError
from tracer.imports.flows import is_flow_file, read_flows
from tracer.imports.found import Found, Item, Skipped
from tracer.imports.har import entries_of, read_entries
from tracer.wire.exchange import Exchange

LARGEST_WHOLE = 512 * 1024 * 1024
"""HAR and YAML have to be read whole, which takes several times their size in memory; flows and lines do not."""

_HEAD = 4096
_YAML = re.compile(rb"(?:%YAML[^\n]*\n|#[^\n]*\n|---[^\n]*\n|\s)*(?:interactions|version|http_interactions|when|then):")
_OURS = re.compile(rb"^metadata:\s*\n\s+tracer:\s*\n", re.MULTILINE)
_KINDS = "a vcrpy cassette, a when/then recording, a HAR, a mitmproxy flow file, exchange lines"


def read_file(path: Path, max_body: int) -> Iterator[Item]:
    """Every exchange of a recording, in the file's order.

    Raises CassetteError for a file that can't be read or is no recording we know, MissingExtraError for flows
    without mitmproxy. A damaged entry is skipped; what stands before a damaged end is given.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            yield from _read(file, size, str(path), max_body)
    except OSError as error:
        raise CassetteError(f"{str(path)!r} can't be read: {error.strerror or error}") from error


def _read(file: BinaryIO, size: int, name: str, max_body: int) -> Iterator[Item]:
    head = file.read(_HEAD)
    file.seek(0)
    if is_flow_file(head):
        yield from read_flows(file, max_body)
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        yield from _read_json(file, size, name)
    elif _YAML.match(head):
        yield from _read_yaml(_whole(file, size, name), name)
    else:
        raise _unknown(name, "it is empty" if not head.strip() else "it begins like none of them")


def _read_json(file: BinaryIO, size: int, name: str) -> Iterator[Item]:
    first = _parsed(file.readline(LARGEST_WHOLE))
    if jsonl.is_line(first):
        file.seek(0)
        yield from _read_lines(file, name)
        return
    file.seek(0)
    document = _parsed(_whole(file, size, name)) if first is None else first
    entries = entries_of(document)
    if entries is not None:
        yield from read_entries(entries, size)
    elif isinstance(document, dict) and isinstance(document.get("interactions"), list):
        file.seek(0)
        yield from _read_yaml(_whole(file, size, name), name)
    elif isinstance(document, dict) and {"schema", "exchanges", "output"} <= document.keys():
        raise CassetteError(
            f"{name!r} holds records, which are derived from exchanges: import the recording that they came from"
        )
    else:
        raise _unknown(name, "it is not valid JSON" if document is None else "it is other JSON")


def _read_lines(file: BinaryIO, name: str) -> Iterator[Item]:
    at = 0
    for number, line in enumerate(file, 1):
        at += len(line)
        if not line.strip():
            continue
        value = _parsed(line)
        if not jsonl.is_line(value):
            yield Skipped("lines that are no exchange", at)
            continue
        assert isinstance(value, dict)
        yield _from_line(value, f"line {number} of {name!r}", at)


def _from_line(value: Mapping[str, Any], where: str, at: int) -> Item:
    newest = value.get("format")
    try:
        return Found(jsonl.read_line(value, where), at)
    except CassetteError:
        if isinstance(newest, int) and newest > jsonl.FORMAT:
            raise
        return Skipped("damaged lines", at)


def _read_yaml(data: bytes, name: str) -> Iterator[Item]:
    text = data.decode("utf-8-sig", "replace")
    ours = _OURS.search(data) is not None
    size = len(data)
    del data
    if ours:
        exchanges = cassette_format.loads(text, name)
    else:
        # Their keys are made after redaction, so that nothing of a secret is in them.
        exchanges = [replace(exchange, key="") for exchange in read_recording(text, name)]
    yield from _spread(exchanges, size)


def _spread(exchanges: list[Exchange], size: int) -> Iterator[Item]:
    for number, exchange in enumerate(exchanges, 1):
        yield Found(exchange, size * number // len(exchanges))


def _whole(file: BinaryIO, size: int, name: str) -> bytes:
    if size > LARGEST_WHOLE:
        raise CassetteError(
            f"{name!r} has {size} bytes, and a HAR or cassette is read up to {LARGEST_WHOLE}: split it, or record flows"
        )
    return file.read()


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None


def _unknown(name: str, why: str) -> CassetteError:
    return CassetteError(f"{name!r} is none of what can be imported ({_KINDS}): {why}")
