"""Does storing slow down as a database grows? One row for every tenth of the way.

    python benchmarks/million.py [ROWS] [FOLDER]

Stores small calls (conversations of ten turns) through the real normaliser, text search included, and prints for each
tenth: calls a CPU second, the slowest batch, the sizes of file and log, and how long the newest hundred take to read.
Takes 1.5 GB for a million rows in FOLDER (or the system's), which are deleted at the end.
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
import time
from pathlib import Path

from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange
from tracer.wire.exchange import Exchange
from tracer.wire.keys import content_key

_BATCH = 50
_SECOND = 1_000_000
_CHOICE = random.Random(7)  # noqa: S311
_WORDS = ["".join(_CHOICE.choices("aeioulnrst", k=_CHOICE.randint(2, 9))) for _ in range(5_000)]


def call(number: int) -> Exchange:
    """A turn of a conversation: 25 words asked, 60 answered."""
    asked = {"model": "gemini-3.5-flash", "input": " ".join(_CHOICE.choices(_WORDS, k=25))}
    if number % 10:
        asked["previous_interaction_id"] = f"v1_{number - 1}"
    told = answer(f"v1_{number}", text=" ".join(_CHOICE.choices(_WORDS, k=60)))
    at_us = START_US + number * _SECOND
    return exchange(asked, told, at_us=at_us, key=content_key(at_us, b"million", str(number).encode()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    rows = options.rows
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder, "tracer.db")
        log = path.with_name("tracer.db-wal")
        print("     rows  calls/CPU s  calls/s  slowest ms  file MB  log MB  newest 100 ms", flush=True)
        with Writer(path) as writer, Reader(path) as reader:
            gc.freeze()
            for tenth in range(10):
                spent = walled = slowest = 0.0
                largest = 0
                for start in range(tenth * rows // 10, (tenth + 1) * rows // 10, _BATCH):
                    batch = [call(number) for number in range(start, start + _BATCH)]
                    began, clock = time.process_time(), time.perf_counter()
                    writer.apply(batch)
                    took = time.perf_counter() - clock
                    spent, walled, slowest = spent + time.process_time() - began, walled + took, max(slowest, took)
                    largest = max(largest, log.stat().st_size)
                clock = time.perf_counter()
                reader.interactions(limit=100)
                listed = time.perf_counter() - clock
                count = rows / 10
                print(
                    f"{(tenth + 1) * rows // 10:9}  {count / spent:11.0f}  {count / walled:7.0f}  {slowest * 1e3:10.0f}"
                    f"  {path.stat().st_size / 1e6:7.0f}  {largest / 1e6:6.1f}  {listed * 1e3:13.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
