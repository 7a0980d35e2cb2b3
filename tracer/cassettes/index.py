"""What a cassette holds, without reading its YAML again: a file in the user's cache folder, safe to delete.

    magic, length of the head, head as JSON: {tag, size, mtime_ns, hash, made_ns, values, rows}
    a row for each recording: [fingerprint, method, operation, target, status, digest of the raw request, offset,
    length of facts, of the request body, of the response body]; then, from each offset on, these three

A cache is used if the cassette's content has the hash that it was made from. Of a large cassette, size and time of
change are enough, unless it was changed so shortly before the cache was made that its clock can't tell.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import secrets
import time
from collections.abc import Buffer, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracer.cassettes import format as cassette_format
from tracer.cassettes.facts import body_hash
from tracer.errors import CassetteError
from tracer.player import matching
from tracer.player.recording import Recording
from tracer.wire.exchange import Chunk, Exchange, Outcome

_MAGIC = b"interactions cassette index\n"
_TAG = f"2 {cassette_format.FORMAT} {matching.TAG}"
_LARGE = 1 << 20
_CLOCK_TICK_NS = 2_000_000_000
_MOST_FILES = 2000


@dataclass(frozen=True, slots=True)
class Contents:
    """The recordings of a cassette, and the values that tests have stored in it."""

    recordings: list[Recording]
    values: dict[str, Any]


def contents(path: Path) -> Contents:
    """What a cassette file holds; nothing if there is no file. Raises CassetteError if it can't be read."""
    try:
        stat = path.stat()
        cache = cache_folder() / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:24]}.idx"
        held = _cached(cache)
        if held is not None and stat.st_size > _LARGE and _is_unchanged(held[0], stat):
            return _contents(*held)
        data = path.read_bytes()
        digest = body_hash(data)
        if held is not None and held[0]["hash"] == digest:
            return _contents(*held)
        text = data.decode("utf-8")
    except FileNotFoundError:
        return Contents([], {})
    except (OSError, UnicodeDecodeError) as error:
        raise CassetteError(f"{path} can't be read: {error}; restore it, or delete it and record it again") from error
    exchanges, values = cassette_format.read(text, str(path)) if text.strip() else ([], {})
    recordings = [Recording.of(exchange) for exchange in exchanges if exchange.status is not None]
    head = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "hash": digest, "values": values}
    with suppress(OSError, ValueError, TypeError):
        _write(cache, head, recordings)
    return Contents(recordings, values)


def cache_folder() -> Path:
    """Where the caches are; `TRACER_HOME` moves them with everything else."""
    if home := os.environ.get("TRACER_HOME"):
        return Path(home) / "cache" / "cassettes"
    import platformdirs

    return Path(platformdirs.user_cache_dir("interactions-tracer", appauthor=False)) / "cassettes"


def _is_unchanged(head: dict[str, Any], stat: os.stat_result) -> bool:
    same = (head["size"], head["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)
    return same and int(head["made_ns"]) - stat.st_mtime_ns > _CLOCK_TICK_NS


def _cached(cache: Path) -> tuple[dict[str, Any], Buffer, int] | None:
    try:
        with cache.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if data[: len(_MAGIC)] != _MAGIC:
            return None
        begin = len(_MAGIC) + 8
        start = begin + int.from_bytes(data[len(_MAGIC) : begin])
        head = json.loads(data[begin:start])
    except (OSError, ValueError):
        return None
    return (head, data, start) if head.get("tag") == _TAG and head["end"] == len(data) - start else None


def _contents(head: dict[str, Any], data: Any, start: int) -> Contents:
    recordings = []
    for key, method, operation, target, status, raw, offset, *lengths in head["rows"]:
        load = _loader(data, start + offset, lengths)
        recordings.append(Recording(key, method, operation, target, status, raw, load))
    return Contents(recordings, head["values"])


def _loader(data: Any, offset: int, lengths: Sequence[int]) -> Callable[[], Exchange]:
    held: list[Exchange] = []

    def load() -> Exchange:
        if not held:
            held.append(_exchange(data, offset, lengths))
        return held[0]

    return load


def _exchange(data: Any, offset: int, lengths: Sequence[int]) -> Exchange:
    facts, request, response = lengths
    fields = json.loads(str(data[offset : offset + facts], "ascii"))
    for name in ("query", "request_headers", "response_headers"):
        fields[name] = tuple((first, second) for first, second in fields[name])
    fields["chunks"] = tuple(Chunk(*chunk) for chunk in fields["chunks"])
    fields |= {"outcome": Outcome(fields["outcome"]), "notes": tuple(fields["notes"])}
    middle = offset + facts + request
    return Exchange(
        **fields, request_body=data[offset + facts : middle], response_body=data[middle : middle + response]
    )


def _pieces(exchange: Exchange) -> tuple[bytes, bytes, bytes]:
    names = (name for name in Exchange.__dataclass_fields__ if name not in ("request_body", "response_body", "chunks"))
    fields: dict[str, Any] = {name: getattr(exchange, name) for name in names}
    fields["chunks"] = [(chunk.at_us, chunk.wire_size, chunk.size) for chunk in exchange.chunks]
    return json.dumps(fields).encode(), exchange.request_body, exchange.response_body


def _write(cache: Path, head: dict[str, Any], recordings: Sequence[Recording]) -> None:
    rows: list[list[Any]] = []
    blobs: list[bytes] = []
    offset = 0
    for one in recordings:
        pieces = _pieces(one.exchange)
        found = [one.key, one.method, one.operation, one.target, one.status, one.raw]
        rows.append([*found, offset, *map(len, pieces)])
        blobs += pieces
        offset += sum(map(len, pieces))
    whole = {**head, "tag": _TAG, "made_ns": time.time_ns(), "rows": rows, "end": offset}
    encoded = json.dumps(whole).encode()
    cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = cache.with_name(f".{cache.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines([_MAGIC, len(encoded).to_bytes(8), encoded, *blobs])
        draft.replace(cache)
    finally:
        draft.unlink(missing_ok=True)
    _prune(cache.parent)


def _prune(folder: Path) -> None:
    # Cassettes come and go (temporary folders, renamed tests): the caches that were made last stay.
    files = list(_files(folder))
    if len(files) > _MOST_FILES:
        for _, file in sorted(files)[: len(files) // 2]:
            file.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                yield entry.stat().st_mtime_ns, Path(entry.path)
