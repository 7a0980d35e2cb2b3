"""What storing a call costs: rows and compression alone, then all of it with understanding, per second of CPU.

    python benchmarks/ingest.py [CALLS]

Prints one JSON object a line. `json_loads` is what parsing the same bodies takes: ratios to it say more than figures of
a busy machine. `rows_and_zstd` repeats the very statements and compressions that storing needed, with nothing around
them; `stored` is the writer with records made beforehand, `normalized` making the records, `ingested` both. Text search
follows later and is `indexed`. Then a job whose polls come one by one, and a stream that is looked at while it runs:
how the last quarter compares to the first.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import zstandard

from tracer.normalize import normalize
from tracer.records.interaction import Interaction
from tracer.store import writer as writing
from tracer.store.schema import open_for_writing
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.keys import content_key

_BATCH = 50
_SECOND = 1_000_000
_WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "weather", "in", "oslo"]
_WORDS += ["stays", "cold", "and", "clear"]

type Statement = tuple[bool, str, Any]


def unary(count: int) -> Iterator[Exchange]:
    """Conversations of ten turns, 6 KB each."""
    for number in range(count):
        previous = {"previous_interaction_id": f"v1_{number - 1}"} if number % 10 else {}
        asked = {"model": "gemini-3.5-flash", "input": _text(number, 200), **previous}
        yield exchange(asked, answer(f"v1_{number}", text=_text(number * 7, 1000)), **_place(number))


def streams(count: int) -> Iterator[Exchange]:
    """Answers in 200 events."""
    for number in range(count):
        asked = {"model": "gemini-3.5-flash", "input": _text(number, 20), "stream": True}
        yield exchange(asked, text_stream(f"v1_{number}", _text(number * 7, 194).split()), **_place(number))


def polls(count: int) -> Iterator[Exchange]:
    """One background job and its gets, the last of which finds it done."""
    running = answer("v1_job", status="in_progress", usage=None)
    yield exchange({"agent": "deep-research", "input": "Dig", "background": True}, running, **_place(0))
    for number in range(1, count):
        told = running if number < count - 1 else answer("v1_job", text=_text(3, 2000))
        yield exchange(None, told, path="/v1/interactions/v1_job", **_place(number * 10))


def looks(events: int, count: int) -> list[Exchange]:
    """A long stream as it is seen while it grows."""
    asked = {"model": "gemini-3.5-flash", "input": "Tell me more", "stream": True}
    whole = exchange(asked, text_stream("v1_long", _text(5, events - 6).split()), **_place(0))
    ends = list(accumulate(chunk.size for chunk in whole.chunks))
    return [
        replace(
            whole, response_body=whole.response_body[: ends[place - 1]], response_size=ends[place - 1],
            chunks=whole.chunks[:place], outcome=Outcome.OPEN, ended_at_us=None,
        )
        for place in range(events // count, events, events // count)
    ]  # fmt: skip


def _place(number: int) -> dict[str, Any]:
    at_us = START_US + number * _SECOND
    return {"at_us": at_us, "key": content_key(at_us, b"benchmark", str(number).encode())}


def _text(seed: int, words: int) -> str:
    return " ".join(_WORDS[(seed + place * (1 + seed % 5)) % len(_WORDS)] for place in range(words))


class _Listening:
    """A connection that remembers what it was asked."""

    def __init__(self, connection: sqlite3.Connection, heard: list[Statement]) -> None:
        self._connection = connection
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, values: Any = ()) -> sqlite3.Cursor:
        self._heard.append((False, query, values))
        return self._connection.execute(query, values)

    def executemany(self, query: str, values: Any) -> sqlite3.Cursor:
        several = list(values)
        self._heard.append((True, query, several))
        return self._connection.executemany(query, several)


def _seconds(work: Callable[[], Any]) -> float:
    # Of this process, so that what else runs on the machine counts for little.
    start = time.process_time()
    work()
    return time.process_time() - start


def _apply(writer: Writer, some: Sequence[Exchange]) -> None:
    for start in range(0, len(some), _BATCH):
        writer.apply(some[start : start + _BATCH])


def _repeat(path: Path, heard: Sequence[Statement]) -> None:
    connection = open_for_writing(path)
    for many, query, values in heard:
        if many:
            connection.executemany(query, values)
        else:
            connection.execute(query, values).fetchall()
    connection.close()


def ingest(folder: Path, name: str, some: list[Exchange]) -> dict[str, Any]:
    """Figures for one kind of calls."""
    count = len(some)
    records = {one.key: normalize([one], key=one.key) for one in some}

    def made(
        exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Interaction:
        return records[key or exchanges[0].key]

    gc.collect()
    gc.freeze()
    parsed = _seconds(lambda: [json.loads(data) for one in some for data in _documents(one)])
    normalized = _seconds(lambda: [normalize([one], key=one.key) for one in some])
    with Writer(folder / f"{name}-rows.db", normalize=made) as writer:
        stored = _seconds(lambda: _apply(writer, some))
    with Writer(folder / f"{name}.db") as writer:
        ingested = _seconds(lambda: _apply(writer, some))
        indexed = _seconds(writer.close)
    heard: list[Statement] = []
    writing.open_for_writing = lambda path: _Listening(open_for_writing(path), heard)  # type: ignore[assignment,return-value,attr-defined]
    with Writer(folder / f"{name}-heard.db", normalize=made) as writer:
        _apply(writer, some)
        statements = list(heard)
    writing.open_for_writing = open_for_writing  # type: ignore[attr-defined]
    compressor = zstandard.ZstdCompressor(level=3)
    bodies = [data for one in some for data in (one.request_body, one.response_body, records[one.key].to_json())]
    packed = [data.encode() if isinstance(data, str) else data for data in bodies]
    rows = _seconds(lambda: _repeat(folder / f"{name}-again.db", statements))
    rows += _seconds(lambda: [compressor.compress(data) for data in packed])
    costs = {
        "rows_and_zstd": rows, "stored": stored, "normalized": normalized, "ingested": ingested, "indexed": indexed,
    }  # fmt: skip
    return {
        "calls": f"{count} {name}",
        **{f"{what}_per_second": round(count / seconds) for what, seconds in costs.items()},
        **{f"{what}_over_json_loads": round(seconds / parsed, 1) for what, seconds in costs.items()},
    }


def _documents(one: Exchange) -> list[bytes]:
    if not one.response_body.startswith(b"{"):
        lines = one.response_body.split(b"\n")
        return [one.request_body, *(line[6:] for line in lines if line.startswith(b"data: {"))]
    return [one.request_body, one.response_body]


def growth(folder: Path, name: str, steps: Sequence[Exchange]) -> dict[str, Any]:
    """Figures for what comes to the same record one by one."""
    with Writer(folder / f"{name}.db") as writer:
        times = [_seconds(lambda step=step: writer.apply([step])) for step in steps]  # type: ignore[misc]
    quarter = len(times) // 4
    first, last = sum(times[1 : quarter + 1]) / quarter, sum(times[-quarter:]) / quarter
    return {
        "steps": f"{len(times)} {name}",
        "ms_each": round(sum(times) / len(times) * 1000, 2),
        "last_over_first_quarter": round(last / first, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calls", nargs="?", type=int, default=1_000)
    count = parser.parse_args().calls
    normalize([next(unary(1))])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _apply(Writer(folder / "warm.db"), list(unary(50)))
        for told in (
            ingest(folder, "unary", list(unary(count))),
            ingest(folder, "streams", list(streams(count // 2))),
            growth(folder, "polls", list(polls(80))),
            growth(folder, "polls-of-an-hour", list(polls(360))),
            growth(folder, "looks", looks(2_000, 40)),
            growth(folder, "looks-at-more", looks(10_000, 40)),
        ):
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
