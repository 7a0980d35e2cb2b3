"""Memory that folding takes for the worst that may arrive, at real size: as a multiple of `max_body`.

    python benchmarks/limits.py [CASE ...]

Counts allocated bytes (tracemalloc), the body itself not included. Nothing may take three times the limit.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable

from tracer.fold import fold
from tracer.testing import exchange
from tracer.wire.exchange import Exchange

MB = 1024 * 1024
LIMIT = 64 * MB
"""The largest body that is kept unless the user asks for more (`max_body`)."""
ASK = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
STREAM = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)
TEXT = b'data: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"x"}}\n\n'


def filled(pattern: bytes, size: int = LIMIT) -> bytes:
    """As many repetitions as fit."""
    return pattern * (size // len(pattern))


CASES: dict[str, Callable[[], tuple[bytes, tuple[tuple[str, str], ...]]]] = {
    "picture": lambda: (b'{"id":"v1_a","steps":[{"type":"image","data":"' + b"A" * (20 * MB) + b'"}]}', JSON),
    "endless line": lambda: (b"data: " + b"x" * (LIMIT - 6), STREAM),
    "endless bare line": lambda: (b'{"error":"' + b"x" * (LIMIT - 10), STREAM),
    "a million events": lambda: (TEXT * 1_000_000, STREAM),
    "events of nothing": lambda: (filled(b"data: {}\n\n"), STREAM),
    "events that are not JSON": lambda: (filled(b"data: {\n\n"), STREAM),
    "unknown events": lambda: (filled(b'data: {"event_type":"a","b":[1,2,3]}\n\n'), STREAM),
    "data lines": lambda: (filled(b"data:\n"), STREAM),
    "comments": lambda: (filled(b":\n"), STREAM),
    "body of 200 MB": lambda: (b'{"id":"v1_a","steps":[' + filled(b"{},", 200 * MB), JSON),
    "body of small values": lambda: (b'{"id":"v1_a","steps":[' + filled(b"{},") + b"{}]}", JSON),
    "body of small steps": lambda: (b'{"id":"v1_a","steps":[' + filled(b'{"type":"thought"},') + b"{}]}", JSON),
    "body of as many steps as are read": lambda: (b'{"steps":[' + b'{"type":"thought"},' * 99_000 + b"{}]}", JSON),
    "book": lambda: (b'{"id":"v1_a","note":"' + filled(b"one, two, {three} ", 4 * MB) + b'"}', JSON),
    "body of one string": lambda: (b'{"id":"v1_a","note":"' + b"x" * LIMIT + b'"}', JSON),
    "nested deeply": lambda: (b'{"steps":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    "nested and full": lambda: (b'{"steps":[' + filled(b'{"a":{"a":{"a":{"a":{}}}}},') + b"{}]}", JSON),
}


def measure(whole: Exchange) -> tuple[int, float, str, list[str]]:
    """Peak bytes beside the body, seconds, and what the record says."""
    tracemalloc.start()
    start = time.perf_counter()
    record = fold([whole])
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, seconds, record.state, record.notes


def main() -> int:
    """Print a row per case; 1 if one takes too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", metavar="CASE", help=", ".join(CASES))
    names = parser.parse_args().case
    for unknown in set(names) - CASES.keys():
        parser.error(f"no case is called {unknown!r}: --help names them")
    failed = False
    for name in names or CASES:
        body, headers = CASES[name]()
        whole = exchange(ASK, body, response_headers=headers)
        peak, seconds, state, notes = measure(whole)
        limit = max(LIMIT, len(body))
        failed |= peak > 3 * limit
        note = notes[-1][:110] if notes else ""
        print(f"{name:34} {len(body) / MB:6.1f} MB  {peak / limit:5.2f}x  {seconds:6.1f} s  {state:10} {note}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
