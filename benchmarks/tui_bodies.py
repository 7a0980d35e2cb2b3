"""The screen over large things, on a real terminal: python benchmarks/tui_bodies.py.

A JSON body of 10 MB that is 500,000 lines when it is open, and an answer of 5,000 events that arrives while keys are
typed, at 500 events a second.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from terminal import Terminal, percentile

from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Outcome

LINES = 500_000
EVENTS = 5_000
A_SECOND = 500
BATCHES_A_SECOND = 5
KEYS = (("j", b"j", 40), ("page down", b"\x06", 40), ("last, first", b"Gg", 10), ("fold", b"\r", 6))


def opened(path: Path) -> Terminal:
    """The screen over a database."""
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": str(path.parent)}
    return Terminal([sys.executable, "-m", "tracer", "tui", "--all-projects", "--db", str(path)], environ)


def body(path: Path, say: Callable[[str], None]) -> None:
    """Open a large body, move in it, fold it."""
    numbers = [10**16 + number for number in range(LINES)]
    large = exchange({"model": "m", "input": "Large"}, json.dumps({"id": "v1_l", "numbers": numbers}).encode())
    with Writer(path) as writer:
        writer.apply([large])
    terminal = opened(path)
    terminal.wait_for(b"Large")
    terminal.settle()
    wall, cpu = terminal.until(b"r", str(numbers[3]).encode())
    say(f"a body of {len(large.response_body) / 1e6:.0f} MB, {LINES:,} lines: open in {wall:.0f} ms, {cpu:.0f} ms CPU")
    for name, typed, times in KEYS:
        if name == "fold":
            # What the whole body is in: above it stand the status and the headers.
            terminal.key(b"3g")
        answers = [terminal.key(typed[n % len(typed) :][:1]) for n in range(times)]
        firsts, cpus = [one[0] for one in answers], [one[2] for one in answers]
        say(
            f"  {name:<12} to first byte p50 {percentile(firsts, 0.5):5.1f} p95 {percentile(firsts, 0.95):5.1f} ms"
            f"   CPU p95 {percentile(cpus, 0.95):5.1f} ms"
        )
    say(f"  memory {terminal.rss_mb():.0f} MB")
    terminal.end()


def stream(path: Path, say: Callable[[str], None]) -> None:
    """Type keys while an answer grows."""
    events = text_stream("v1_s", [f"word{number} " for number in range(EVENTS)], ended=True)
    asked = {"model": "gemini-3.5-flash", "input": "Tell it live", "stream": True}
    others = [
        exchange({"model": "m", "input": f"Other {n}"}, answer(f"v1_o{n}", text="x"), at_us=START_US - n * 10**6)
        for n in range(1, 40)
    ]
    whole = exchange(asked, events, outcome=Outcome.OPEN, at_us=START_US, took_us=EVENTS * 1_000_000 // A_SECOND)

    def part(count: int) -> None:
        chunks = whole.chunks[:count]
        size = sum(chunk.size for chunk in chunks)
        writer.apply([replace(whole, chunks=chunks, response_body=whole.response_body[:size], response_size=size)])

    def feed() -> None:
        began, done = time.monotonic(), 0
        while done < len(whole.chunks):
            done = min(len(whole.chunks), done + A_SECOND // BATCHES_A_SECOND)
            part(done)
            time.sleep(max(0.0, began + done / A_SECOND - time.monotonic()))

    with Writer(path) as writer:
        writer.apply(others)
        part(2)
        terminal = opened(path)
        terminal.wait_for(b"Tell it live")
        terminal.settle()
        terminal.key(b"\t\t")
        feeding = threading.Thread(target=feed)
        feeding.start()
        keys: dict[str, list[float]] = {"j": [], "\t": [], "\x06": []}
        number = 0
        while feeding.is_alive():
            typed = list(keys)[number % len(keys)]
            took = terminal.key(typed.encode(), 0.05)[0]
            number += 1
            if took:  # a key at the end of a list changes nothing
                keys[typed].append(took)
        feeding.join()
    every = [value for values in keys.values() for value in values]
    say(
        f"a stream of {EVENTS:,} events at {A_SECOND} a second, {len(every)} keys meanwhile:"
        f" to first byte p50 {percentile(every, 0.5):.1f} p95 {percentile(every, 0.95):.1f} max {max(every):.1f} ms,"
        f" {terminal.cpu_ms() / 1000:.1f} s CPU in all"
    )
    terminal.end()


def main() -> None:
    """Both, each with a database of its own."""

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        body(Path(folder) / "body.db", say)
        stream(Path(folder) / "stream.db", say)


if __name__ == "__main__":
    main()
