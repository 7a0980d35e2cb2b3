"""What storing a call costs beside understanding it: `Writer.apply` with the real normaliser, as ratios in one run.

`python benchmarks/ingest.py [CALLS]`. Prints one JSON object: calls a CPU second of `normalize` alone and of `apply`,
how many times longer `apply` takes, and the same for a background job whose polls arrive one by one.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tracer.normalize import normalize
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange
from tracer.wire.keys import content_key

_BATCH = 50
_SECOND = 1_000_000
_WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "weather",
    "in",
    "oslo",
    "stays",
    "cold",
    "and",
    "clear",
]


def calls(count: int) -> Iterator[Exchange]:
    """Conversations of ten turns: questions, tool calls and their results, every third answer streamed."""
    for number in range(count):
        turn = number % 10
        previous = {} if turn == 0 else {"previous_interaction_id": f"v1_{number - 1}"}
        asked: dict[str, Any] = {"model": "gemini-3.5-flash", "input": _text(number, 40), **previous}
        if turn % 4 == 2:
            asked["input"] = [function_result(f"fc{number - 1}", "get_weather", {"temp": number % 30})]
        told: Any = answer(f"v1_{number}", text=_text(number * 7, 120))
        if turn % 4 == 1:
            call = function_call(f"fc{number}", "get_weather", city=_text(number, 1))
            told = answer(f"v1_{number}", steps=[call], status="requires_action")
        elif turn % 3 == 0:
            told = text_stream(f"v1_{number}", [f"{word} " for word in _text(number * 7, 60).split()])
            asked["stream"] = True
        yield exchange(asked, told, at_us=START_US + number * _SECOND, key=_key(number))


def polls(count: int) -> Iterator[Exchange]:
    """One background job and its gets, the last of which finds it done."""
    asked = {"agent": "deep-research", "input": "Dig", "background": True}
    running = answer("v1_job", status="in_progress", usage=None)
    yield exchange(asked, running, at_us=START_US, key=_key(0))
    for number in range(1, count):
        told = running if number < count - 1 else answer("v1_job", text=_text(3, 2000))
        yield exchange(
            None, told, path="/v1/interactions/v1_job", at_us=START_US + number * 10 * _SECOND, key=_key(number)
        )


def _text(seed: int, words: int) -> str:
    return " ".join(_WORDS[(seed + place * (1 + seed % 5)) % len(_WORDS)] for place in range(words))


def _key(number: int) -> str:
    return content_key(START_US + number * _SECOND, b"benchmark", str(number).encode())


def _seconds(work: Callable[[], Any]) -> float:
    # Of this process, so that what else runs on the machine counts for little.
    start = time.process_time()
    work()
    return time.process_time() - start


def _store(path: Path, some: Sequence[Exchange], batch: int) -> None:
    with Writer(path) as writer:
        for start in range(0, len(some), batch):
            writer.apply(some[start : start + batch])


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    some, job = list(calls(count)), list(polls(80))
    normalize(some[:1])
    with tempfile.TemporaryDirectory() as folder:
        _store(Path(folder, "warm.db"), some[:20], 20)
        alone = _seconds(lambda: [normalize([one]) for one in some])
        stored = _seconds(lambda: _store(Path(folder, "calls.db"), some, _BATCH))
        polled = _seconds(lambda: _store(Path(folder, "job.db"), job, 1))
        again = _seconds(lambda: [normalize(job[: n + 1]) for n in range(len(job))])
    told = {
        "calls": count,
        "normalize_per_second": round(count / alone),
        "apply_per_second": round(count / stored),
        "apply_over_normalize": round(stored / alone, 2),
        "polls": len(job),
        "polls_apply_per_second": round(len(job) / polled),
        "polls_apply_over_normalize": round(polled / again, 2),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
