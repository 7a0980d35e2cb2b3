"""Which kind of recording a file is, told by its content alone, and the reader for it."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from tracer.cassettes import format as cassette_format
from tracer.cassettes import jsonl
from tracer.cassettes.foreign import dated, read_calls
from tracer.errors import CassetteError
from tracer.imports.flows import is_flow_file, read_flows
from tracer.imports.found import Found, Item, Reached, Skipped
from tracer.imports.har import entries_of, read_entries
from tracer.wire.exchange import Exchange

LARGEST_WHOLE = 512 * 1024 * 1024
"""A HAR and our own cassettes have to be read whole, which takes several times their size in memory."""

_HEAD = 4096
_YAML = re.compile(rb"(?:%YAML[^\n]*\n|#[^\n]*\n|---[^\n]*\n|\s)*(?:interactions|version|http_interactions|when|then):")
_OURS = re.compile(rb"\s+tracer:\s")
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
        yield from _read_yaml(file, size, name)
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
        del document
        yield from _read_yaml(file, size, name)
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


def _read_yaml(file: BinaryIO, size: int, name: str) -> Iterator[Item]:
    if _is_ours(file):
        file.seek(0)
        exchanges = cassette_format.loads(_whole(file, size, name).decode("utf-8-sig", "replace"), name)
        yield from _spread(exchanges, 0, size)
        return
    file.seek(0)
    calls: list[Exchange] = []
    # Times depend on the whole recording, so nothing can be stored before all of it is read: half of the way.
    for call in read_calls(codecs.getreader("utf-8-sig")(file, "replace"), name):
        calls.append(call)
        yield Reached(file.tell() // 2)
    # Keys are made after redaction, so that nothing of a secret is in them.
    yield from _spread([replace(exchange, key="") for exchange in dated(calls)], size // 2, size)


def _is_ours(file: BinaryIO) -> bool:
    in_metadata = False
    for line in file:
        if in_metadata and _OURS.match(line):
            return True
        in_metadata = line.startswith(b"metadata:")
    return False


def _spread(exchanges: list[Exchange], start: int, end: int) -> Iterator[Item]:
    for number, exchange in enumerate(exchanges, 1):
        yield Found(exchange, start + (end - start) * number // len(exchanges))


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
