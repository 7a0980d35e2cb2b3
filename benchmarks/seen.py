"""How long after its response ended a call can be seen: from the last frame in the journal to its row in a reader.

    python benchmarks/seen.py [CALLS]

A real ingester process follows the journal. First calls come alone, then amid traffic: 40 others a second, and 50
streams that grow twenty times a second. A screen asks for changes ten times a second, which is not in the figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tracer.capture.child import Destination, IngesterProcess
from tracer.capture.entries import Entry
from tracer.capture.journal import JournalWriter
from tracer.errors import StoreError
from tracer.store.reader import Reader
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Exchange
from tracer.wire.frames import Closed, Opened, RequestData, ResponseData, ResponseStarted

_ASK = {"model": "gemini-3.5-flash", "input": "word " * 100}
_STREAMS = 50
_LOOK_SECONDS = 0.002


def frames(whole: Exchange) -> Iterator[Entry]:
    """What a recorder appends for an exchange."""
    yield Opened(
        key=whole.key, at_us=whole.started_at_us, run=whole.run, project=whole.project, account=None,
        origin=whole.origin, method=whole.method, path=whole.path, query=whole.query, headers=whole.request_headers,
    )  # fmt: skip
    yield RequestData(key=whole.key, data=whole.request_body, wire_size=whole.request_size)
    yield ResponseStarted(key=whole.key, at_us=1, status=200, headers=whole.response_headers)
    position = 0
    for chunk in whole.chunks:
        data = whole.response_body[position : position + chunk.size]
        position += chunk.size
        yield ResponseData(key=whole.key, at_us=chunk.at_us, data=data, wire_size=chunk.wire_size)
    yield Closed(key=whole.key, at_us=whole.ended_at_us or 0, outcome=whole.outcome)


def call(number: int) -> Exchange:
    """A call of its own."""
    return exchange(_ASK, answer(f"v1_{number}", text="word " * 300), at_us=now_us(), key=f"{now_us():032x}")


def now_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1000


class Traffic:
    """Calls and growing streams beside the one that is measured."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        whole = exchange({**_ASK, "stream": True}, text_stream("v1_s", ["word "] * 4_000), at_us=now_us())
        self._streams = [frames(replace(whole, key=f"{number:032x}")) for number in range(_STREAMS)]
        self._next = time.monotonic()
        self._ticks = itertools.count()

    def go_on(self) -> None:
        """What is due by now."""
        while time.monotonic() >= self._next:
            self._next += 0.05
            for stream in self._streams:
                if (entry := next(stream, None)) is not None:
                    self._journal.append(entry)
            for _ in range(2):
                for entry in frames(call(1_000_000 + next(self._ticks))):
                    self._journal.append(entry)


def measure(journal: JournalWriter, reader: Reader, calls: int, meanwhile: Callable[[], None]) -> list[float]:
    """Milliseconds until each of these calls was seen."""
    found: list[float] = []
    for number in range(calls):
        pause = time.monotonic() + 0.05 + number % 7 / 100
        while time.monotonic() < pause:
            meanwhile()
            time.sleep(_LOOK_SECONDS)
        version = reader.data_version()
        one = call(number)
        for entry in frames(one):
            journal.append(entry)
        began = time.monotonic()
        while True:
            meanwhile()
            if (now := reader.data_version()) != version:
                version = now
                if is_complete(reader, one.key):
                    break
            time.sleep(_LOOK_SECONDS)
        found.append((time.monotonic() - began) * 1000)
    return found


def is_complete(reader: Reader, key: str) -> bool:
    """Whether a call is there with its end."""
    try:
        return reader.interaction(key).state == "complete"
    except StoreError:
        return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", nargs="?", type=int, default=200)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as name:
        db, folder = Path(name, "tracer.db"), Path(name, "journal")
        journal = JournalWriter(folder, report=print)
        child = IngesterProcess(Destination(db=db, journal=folder), journal.name, report=print)
        for entry in frames(call(-1)):
            journal.append(entry)
        while not (db.exists() and db.stat().st_size and (folder / f"{journal.name}.read").exists()):
            time.sleep(0.05)
        with Reader(db) as reader:
            for what, meanwhile in (("alone", lambda: None), ("amid traffic", Traffic(journal).go_on)):
                some = sorted(measure(journal, reader, calls, meanwhile))
                p50, p95 = statistics.median(some), some[len(some) * 95 // 100]
                told = {"seen": what, "calls": calls, "p50_ms": round(p50), "p95_ms": round(p95), "max_ms": some[-1]}
                sys.stdout.write(json.dumps({**told, "max_ms": round(some[-1])}) + "\n")
                sys.stdout.flush()
        journal.close()
        child.end()
        while child.outcome() is None:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
