"""A recording's exchanges into the store: redacted, keyed, in batches, as one run a file.

The run's key comes from the file's bytes and the exchanges' keys from their content, so importing a file again finds
everything there already and writes nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tracer.errors import CassetteError
from tracer.imports.files import read_file
from tracer.imports.found import Found, Skipped
from tracer.imports.redacting import Keys, is_possible, redacted, without_bodies
from tracer.store.writer import Writer
from tracer.wire import routes
from tracer.wire.exchange import Exchange
from tracer.wire.keys import content_key

_BATCH = 50
_BATCH_BYTES = 8 * 1024 * 1024
_MOST_WAITING = 10_000
_ELSEWHERE = "calls to other hosts"


@dataclass(slots=True)
class Imported:
    """What became of one file."""

    interactions: int = 0
    """New calls of the Interactions API."""
    others: int = 0
    """New calls of other APIs at the same hosts."""
    known: int = 0
    """Calls of either kind that were there already."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason -> how many entries."""

    @property
    def taken(self) -> int:
        """Calls that are in the database now."""
        return self.interactions + self.others + self.known

    def add(self, other: Imported) -> None:
        """Count what another file gave as well."""
        self.interactions += other.interactions
        self.others += other.others
        self.known += other.known
        self.skipped += other.skipped

    def as_json(self) -> dict[str, Any]:
        """The counts by name."""
        return {
            "interactions": self.interactions,
            "others": self.others,
            "known": self.known,
            "skipped": dict(self.skipped),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Imports files into one project of one database."""

    writer: Writer
    project: str
    account_key: bytes
    max_body: int
    tags: Mapping[str, str] = field(default_factory=dict)

    def file(self, path: Path, imported: Imported, read_to: Callable[[int], None] = lambda at: None) -> None:
        """Import one file and count in `imported`; `read_to` is told how many of its bytes have been dealt with.

        Raises CassetteError, MissingExtraError or StoreError; what was stored before stays, and is counted.
        """
        file = _File(self, path, imported, read_to)
        for exchange in _ours(file.exchanges(), imported.skipped):
            file.take(exchange)
        file.finish()


class _File:
    """One file on its way in: its run, the batch being filled."""

    def __init__(self, importer: Importer, path: Path, imported: Imported, read_to: Callable[[int], None]) -> None:
        self._importer = importer
        self._path = path
        self._imported = imported
        self._read_to = read_to
        self._run: str | None = None
        self._began = False
        self._batch: list[Exchange] = []
        self._bytes = 0

    def exchanges(self) -> Iterator[Exchange]:
        """The file's exchanges, redacted and with their keys."""
        keys = Keys()
        for item in read_file(self._path, self._importer.max_body):
            if isinstance(item, Found) and not is_possible(item.exchange):
                self._imported.skipped["calls with impossible numbers"] += 1
            elif isinstance(item, Found):
                safe = redacted(item.exchange, self._importer.account_key, self._importer.max_body)
                yield replace(keys.keyed(safe), project=self._importer.project)
            elif isinstance(item, Skipped):
                self._imported.skipped[item.reason] += 1
            self._read_to(item.at)

    def take(self, exchange: Exchange) -> None:
        """Add an exchange to the batch, and store it once it is full."""
        if self._run is None:
            self._run = content_key(exchange.started_at_us, b"import", _digest(self._path))
        self._batch.append(replace(exchange, run=self._run))
        self._bytes += len(exchange.request_body) + len(exchange.response_body)
        if len(self._batch) >= _BATCH or self._bytes >= _BATCH_BYTES:
            self._store()

    def finish(self) -> None:
        """Store the rest and end the run."""
        self._store()
        if self._began and self._run is not None:
            self._importer.writer.end_run(self._run, _now_us(), 0)

    def _store(self) -> None:
        batch, self._batch, self._bytes = self._batch, [], 0
        writer, project = self._importer.writer, self._importer.project
        stored = writer.stored(project, [exchange.key for exchange in batch])
        fresh = {exchange.key: exchange for exchange in batch if exchange.key not in stored}
        self._imported.known += len(batch) - len(fresh)
        if not fresh:
            return
        if not self._began and self._run is not None:
            self._began = True
            command = ["import", str(self._path)]
            writer.begin_run(self._run, project, _now_us(), command, self._importer.tags)
        writer.apply(list(fresh.values()))
        interactions = sum(_is_interaction(exchange) for exchange in fresh.values())
        self._imported.interactions += interactions
        self._imported.others += len(fresh) - interactions


def _ours(exchanges: Iterator[Exchange], skipped: Counter[str]) -> Iterator[Exchange]:
    """Interactions calls, and other calls without their bodies as far as they went to the same hosts.

    A HAR of a browser holds a whole afternoon; what is none of ours is not kept.
    """
    origins: set[str] = set()
    waiting: list[Exchange] = []
    for exchange in exchanges:
        if _is_interaction(exchange):
            origins.add(exchange.origin)
            yield exchange
        elif exchange.origin in origins or _is_service(exchange.origin):
            yield without_bodies(exchange)
        elif len(waiting) < _MOST_WAITING:
            waiting.append(without_bodies(exchange))
        else:
            skipped[_ELSEWHERE] += 1
    for exchange in waiting:
        if exchange.origin in origins:
            yield exchange
        else:
            skipped[_ELSEWHERE] += 1


def _is_interaction(exchange: Exchange) -> bool:
    return routes.match(exchange.method, exchange.path, exchange.query) is not None


def _is_service(origin: str) -> bool:
    try:
        return routes.is_service_host(urlsplit(origin).hostname or "")
    except ValueError:
        return False


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise CassetteError(f"{str(path)!r} can't be read: {error.strerror or error}") from error


def _now_us() -> int:
    return time.time_ns() // 1000
