"""Reads a segment set as it grows and puts its exchanges together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tracer.capture.entries import Entry, RunEnded, RunStarted
from tracer.capture.journal import JournalReader
from tracer.capture.segments import segments
from tracer.wire.exchange import Exchange
from tracer.wire.frames import ExchangeAssembler, Opened


@dataclass(slots=True)
class News:
    """What a look at a set brought; `running` only names keys, since most looks do not need their exchanges."""

    runs: list[RunStarted | RunEnded] = field(default_factory=list)
    finished: list[Exchange] = field(default_factory=list)


class SetTail:
    """One segment set, read from its start. It writes nothing, so it may follow a set that another process writes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._readers: dict[Path, JournalReader] = {}
        self._running: dict[str, ExchangeAssembler] = {}
        self._homes: dict[str, set[Path]] = {}
        self._changed: dict[str, None] = {}

    def news(self) -> Iterator[News]:
        """What came since the last look, one segment at a time. Raises JournalError for a segment it can't read."""
        for path in segments(self._folder, self._name):
            reader = self._readers.get(path)
            if reader is None:
                reader = self._readers[path] = JournalReader(path)
            news = News()
            try:
                entries = reader.read()
            except FileNotFoundError:
                # Deleted by somebody since it was listed; its writer notices.
                continue
            for entry in entries:
                self._take(entry, path, news)
            if news.runs or news.finished or self._changed:
                yield news

    def changed(self, most: int) -> list[Exchange]:
        """Up to so many running exchanges that have grown since they were given last, those that wait longest first."""
        keys = list(islice(self._changed, most))
        for key in keys:
            del self._changed[key]
        return [self._running[key].exchange() for key in keys]

    def place(self) -> tuple[Path | None, int]:
        """The last segment that was looked at, and how many bytes of it were read."""
        path = max(self._readers, default=None)
        return path, self._readers[path].done if path else 0

    def interrupted(self) -> list[Exchange]:
        """The exchanges still running, when the writer is gone and everything was read."""
        return [assembler.exchange(interrupted=True) for assembler in self._running.values()]

    def spent(self) -> list[Path]:
        """Segments that no running exchange needs and that the writer has left behind."""
        known = sorted(self._readers)
        if len(known) < 2:
            return []
        needed = {path for homes in self._homes.values() for path in homes}
        return [path for path in known[:-1] if path not in needed]

    def forget(self, path: Path) -> None:
        """A spent segment was deleted."""
        self._readers.pop(path, None)

    def damaged(self) -> list[Path]:
        """Segments that were read only up to a damage."""
        return [path for path, reader in self._readers.items() if reader.damaged]

    def _take(self, entry: Entry, path: Path, news: News) -> None:
        if isinstance(entry, RunStarted | RunEnded):
            news.runs.append(entry)
            return
        if isinstance(entry, Opened):
            self._running[entry.key] = ExchangeAssembler(entry)
        assembler = self._running.get(entry.key)
        if assembler is None:
            # Frames whose beginning is in a segment that is gone: the exchange is in the database already.
            return
        self._homes.setdefault(entry.key, set()).add(path)
        self._changed[entry.key] = None
        if not isinstance(entry, Opened):
            assembler.feed(entry)
        if assembler.done:
            news.finished.append(assembler.exchange())
            del self._running[entry.key], self._homes[entry.key]
            self._changed.pop(entry.key, None)
