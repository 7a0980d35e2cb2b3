"""The screen over a million interactions, on a real terminal: python benchmarks/tui.py [--rows 1000000] [--db FILE].

Makes the database with SQL, opens `tracer tui` on a pseudo-terminal of 160x48 and types. For each key: wall time to the
first byte and to the last byte of the answer, and on-CPU time of the process, which is what counts on a busy machine.
Then every term of the filter language at its worst, every order, and both: wall time to the first sign (a row, or how
much was looked at) and to the first page. Linux only (reads /proc). An empty Textual app is measured beside it: its
start is the unit of ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from terminal import Terminal, percentile
from tui_database import OLDEST, make

EMPTY_APP = "from textual.app import App; App().run()"
NOTHING = b"Nothing matches"
PARTS = ("start", "keys", "filters")

type Say = Callable[[str], None]


def started(command: list[str], environ: dict[str, str], words: bytes) -> tuple[float, float]:
    """Seconds and CPU milliseconds until `words` are on the screen."""
    terminal = Terminal(command, environ)
    seconds = terminal.wait_for(words)
    cpu = terminal.cpu_ms()
    terminal.end()
    return seconds, cpu


def start(command: list[str], environ: dict[str, str], rows: int, say: Say) -> None:
    """Ours and an empty app by turns."""
    empty, ours = [], []
    for _ in range(7):
        empty.append(started([sys.executable, "-c", EMPTY_APP], environ, b"\x1b[?1049h"))
        ours.append(started(command, environ, f"Question {rows} ".encode()))
    walls, cpus = ([statistics.median(each[n] for each in many) for many in (empty, ours)] for n in (0, 1))
    say(f"empty Textual app          {walls[0]:6.2f} s   {cpus[0]:6.0f} ms CPU")
    say(f"first usable screen        {walls[1]:6.2f} s   {cpus[1]:6.0f} ms CPU")
    say(f"                           x{walls[1] / walls[0]:5.2f}     x{cpus[1] / cpus[0]:6.2f} CPU")


def keys(terminal: Terminal, say: Say) -> None:
    """Memory, and keys in every pane."""
    terminal.settle()
    say(f"memory                     {terminal.rss_mb():6.0f} MB")
    say("p50 and p95 in ms                 to first byte     to last byte      CPU to first      CPU to last")
    for name, before, typed, times in (
        ("list: j", b"", b"j", 60),
        ("list: page down", b"", b"\x06", 60),
        ("list: last row, first row", b"", b"Gg", 40),
        ("next pane", b"", b"\t", 42),
        ("tree: z", b"\t", b"z", 20),
        ("steps: j", b"\t", b"j", 20),
        ("steps: last row, first row", b"", b"Gg", 20),
    ):
        for each in before:
            terminal.key(bytes([each]))
        answers = [terminal.key(typed[n % len(typed) :][:1]) for n in range(times)]
        columns = [
            "{:6.1f} {:6.1f}".format(*(percentile(list(c), p) for p in (0.5, 0.95))) for c in zip(*answers, strict=True)
        ]
        say(f"{name:<30} {columns[0]}     {columns[1]}     {columns[2]}     {columns[3]}")
    terminal.key(b"\x1b\x1b")


def cases(rows: int) -> Iterator[tuple[str, int | None]]:
    """Filters, and the second question that each finds; None if it finds nothing."""
    old, half = OLDEST - 1, rows // 2 - 1
    for name in ("status:failed", "is:failed"):
        yield name, rows - rows % 20 - 20
    for name in (
        *("status:cancelled", "not:status:completed,failed", "model:first", "agent:deep-research", "tool:first_tool"),
        *("is:background", "is:truncated", "has:retry", "has:error", "run:aaa", "tag:era=old", "xylophone"),
        *("latency:80s..", "cost:5..", "tokens:500k..", "xylophone model:first", "status:cancelled sort:cost"),
    ):
        yield name, old
    for name in (
        *("status:nope", "model:nope", "agent:nope", "tool:nope", "is:interrupted", "is:running", "not:has:cost"),
        *("run:zzz", "tag:nope", "id:nope", "key:zz", "project:nope", "since:1h", "zzzz", "latency:1h..", "cost:100.."),
        *("latency:..100ms", "cost:..0.0001", "tokens:..1", "not:arrived", "status:completed latency:..100ms"),
        "latency:..100ms sort:cost",
    ):
        yield name, None
    for name in ("model:2.5", "parcel", "par", "run:bbb", "latency:11s..", "cost:0.05..", "tokens:10k..", "not:order"):
        yield name, half
    yield "has:parent", 3
    yield "is:fork", 3
    yield from sorts(rows)
    failed = sorted((n % 99, n) for n in range(20, rows // 2 + 1, 20) if n > OLDEST)[-2][1]
    yield "status:failed sort:cost", failed


def sorts(rows: int) -> Iterator[tuple[str, int]]:
    """Orders, and the second question of each."""
    yield "sort:cost", OLDEST - 1
    yield "sort:tokens", OLDEST - 1
    yield "sort:latency", 27
    yield "sort:oldest", 2
    yield "xylophone sort:oldest", 2


def filters(terminal: Terminal, found: Iterator[tuple[str, int | None]], say: Say) -> None:
    """Every filter: how long until something of it and its first page are there, and keys while the rest is read."""
    say("ms                                          first sign   first page   slowest key meanwhile")
    for text, number in found:
        terminal.key(b"/", 0.04)
        terminal.key(text.encode(), 0.08)
        page = (NOTHING,) if number is None else (f"Question {number} ".encode(), f"Question {number}…".encode())
        first, _ = terminal.until(b"\r", b" looked at ", *page)
        more, _ = terminal.until(b"", *page)
        slowest = max(terminal.key(b"j", 0.03)[0] for _ in range(8))
        say(f"{text:<44}{first:9.0f}    {first + more:9.0f}   {slowest:9.1f}")
        terminal.key(b"\x1b", 0.1)
        terminal.key(b"g", 0.1)
        terminal.settle()


def main() -> None:
    """Read the arguments, make, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--db", type=Path, help="keep the database here, and use it again")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part, perhaps again for another")
    arguments = parser.parse_args()

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.db or Path(folder) / "bench.db"
        if not path.exists():
            make(path, arguments.rows)
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": folder}
        command = [sys.executable, "-m", "tracer", "tui", "--all-projects", "--db", str(path)]
        parts = arguments.only or PARTS
        if "start" in parts:
            start(command, environ, arguments.rows, say)
        if "keys" in parts or "filters" in parts:
            terminal = Terminal(command, environ)
            terminal.wait_for(f"{arguments.rows - 2:,} conversations".encode())
            if "keys" in parts:
                keys(terminal, say)
            if "filters" in parts:
                filters(terminal, cases(arguments.rows), say)
            terminal.end()


if __name__ == "__main__":
    main()
