"""How long folding a stream takes, as a multiple of `json.loads` of the same payloads in the same run.

    python benchmarks/fold.py [--events 2000] [--rounds 30] [--profile]

The two are measured in turns and the best round of each counts, so that a busy machine changes the ratio little.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Callable
from typing import Any

from tracer.fold import fold
from tracer.testing import exchange, text_stream
from tracer.wire.exchange import Exchange

GOAL = 3.0
ASK = {"model": "gemini-3.5-flash", "input": "Tell me more.", "stream": True}


def stream(events: int) -> list[dict[str, Any]]:
    """The payloads of a long answer in the current dialect, each with an event id."""
    pieces = [f"word {number} of a long answer, " for number in range(events - 4)]
    return [{**payload, "event_id": f"e{number}"} for number, payload in enumerate(text_stream("v1_a", pieces))]


def best(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Seconds that each piece of work took in its best round; the rounds go in turns."""
    times: list[float] = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[place] = min(times[place], time.perf_counter() - start)
    return times


def profile(whole: Exchange) -> None:
    """Where the time goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(10):
        fold([whole])
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(20)


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    payloads = stream(options.events)
    texts = [json.dumps(payload) for payload in payloads]
    whole = exchange(ASK, payloads)
    if options.profile:
        profile(whole)
    loads, folding = best(options.rounds, lambda: [json.loads(text) for text in texts], lambda: fold([whole]))
    print(f"{options.events} events: json.loads {loads * 1000:.2f} ms, fold {folding * 1000:.2f} ms")
    print(f"ratio {folding / loads:.2f} (goal {GOAL})")


if __name__ == "__main__":
    main()
