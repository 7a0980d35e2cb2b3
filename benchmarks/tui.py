"""The screen over a million interactions, on a real terminal: python benchmarks/tui.py [--rows 1000000].

Makes the database with SQL, opens `tracer tui` on a pseudo-terminal of 160x48 and types. For each key: wall time to the
first byte and to the last byte of the answer, and on-CPU time of the process, which is what counts on a busy machine.
Linux only (reads /proc). An empty Textual app is measured beside it: its start is the unit of ours.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from terminal import Terminal, percentile

from tracer.normalize import normalize
from tracer.store.writer import Writer
from tracer.testing import answer, exchange

KEYS = (("j", b"j", 60), ("page down", b"\x06", 60), ("last and first row", b"Gg", 20), ("tree pane", b"\t", 20))
EMPTY_APP = "from textual.app import App; App().run()"

_INTERACTIONS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO interaction(seq, rev, key, project, root_key, id, ghost, dialect, model, status, state, background, stream,
  started_at_us, duration_us, first_output_us, input_tokens, output_tokens, thought_tokens, total_tokens, cost_nano,
  polls, retries, hops, tools, prompt, answer, origin)
SELECT i, i, printf('%032x', i), 'bench', printf('%032x', i), 'v1_' || i, 0, 'steps',
  CASE i % 5 WHEN 0 THEN 'gemini-3.5-pro' ELSE 'gemini-3.5-flash' END,
  CASE i % 20 WHEN 0 THEN 'failed' ELSE 'completed' END, 'complete', 0, i % 2,
  1700000000000000 + i * 1000000, 1000000 + i % 7 * 400000, 200000, 1000 + i % 900, 200, 100, 1300, 900000 + i % 99,
  0, 0, 0, CASE i % 3 WHEN 0 THEN 'lookup_order' ELSE '' END,
  'Question ' || i || ' about an order that has not arrived', 'It is on its way.', 'https://example.test' FROM n
"""
_CONVERSATIONS = """
INSERT INTO conversation(seq, rev, root_key, project, title, interactions, failed, running, total_tokens, cost_nano,
  started_at_us, last_at_us, models)
SELECT seq, rev, root_key, project, prompt, 1, status = 'failed', 0, total_tokens, cost_nano, started_at_us,
  started_at_us + duration_us, model FROM interaction
"""


def make(path: Path, rows: int) -> None:
    """A database of so many conversations of one interaction each, without bodies; the first and last
    three thousand, which the keys come to, have records."""
    Writer(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_INTERACTIONS, [rows])
        connection.execute(_CONVERSATIONS)
        blank = normalize([exchange({"model": "m", "input": "Where is it?"}, answer("v1_x", text="It is on its way."))])
        near = [
            (seq, "raw", blank.to_json().encode())
            for seq in (*range(1, 3_001), *range(rows - 3_000, rows + 1))
            if seq > 0
        ]
        connection.executemany("INSERT OR IGNORE INTO record(seq, codec, data) VALUES (?, ?, ?)", near)
        connection.execute("UPDATE counter SET value = ? WHERE name = 'rev'", [rows])
        connection.commit()


def started(command: list[str], environ: dict[str, str], words: bytes, times: int) -> tuple[float, float]:
    """Median seconds and CPU milliseconds until `words` are on the screen."""
    found = []
    for _ in range(times):
        terminal = Terminal(command, environ)
        seconds = terminal.wait_for(words)
        found.append((seconds, terminal.cpu_ms()))
        terminal.end()
    return statistics.median(wall for wall, _ in found), statistics.median(cpu for _, cpu in found)


def measure(path: Path, rows: int, say: Callable[[str], None]) -> None:
    """Start, keys, filter, memory."""
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": str(path.parent)}
    command = [sys.executable, "-m", "tracer", "tui", "--all-projects", "--db", str(path)]
    newest = f"Question {rows}".encode()
    empty = started([sys.executable, "-c", EMPTY_APP], environ, b"\x1b[?1049h", 5)
    ours = started(command, environ, newest, 5)
    say(f"empty Textual app          {empty[0]:6.2f} s   {empty[1]:6.0f} ms CPU")
    say(f"first usable screen        {ours[0]:6.2f} s   {ours[1]:6.0f} ms CPU   x{ours[1] / empty[1]:.2f} CPU")
    terminal = Terminal(command, environ)
    terminal.wait_for(f"{rows:,} conversations".encode())
    terminal.settle()
    say(f"memory                     {terminal.rss_mb():6.0f} MB")
    say("p50 and p95 in ms     to first byte     to last byte      CPU to first      CPU to last")
    for name, typed, times in KEYS:
        answers = [terminal.key(typed[n % len(typed) :][:1]) for n in range(times)]
        columns = [
            "{:6.1f} {:6.1f}".format(*(percentile(list(c), p) for p in (0.5, 0.95))) for c in zip(*answers, strict=True)
        ]
        say(f"{name:<22}{columns[0]}      {columns[1]}     {columns[2]}")
    terminal.key(b"\x1b\x1b")
    for text, page, whole in (
        ("status:failed tool:lookup_order", rows - rows % 60, f" of {rows:,}"),
        ("sort:cost", dearest(rows), f" {rows:,} of {rows:,}"),
    ):
        terminal.key(b"\x1b")
        terminal.key(b"/")
        terminal.key(text.encode())
        first, _ = terminal.until(b"\r", f"Question {page} ".encode())
        typed = [terminal.key(b"j", 0.02)[0] for _ in range(10)]
        wall, _ = terminal.until(b"", whole.encode())
        say(f"{text:<34} first page {first:5.0f} ms, whole {first + wall:6.0f} ms, keys meanwhile {max(typed):5.1f} ms")
    terminal.end()


def dearest(rows: int) -> int:
    """The number of a question that sorting by cost brings onto the screen, and that was not on it."""
    newest = next(number for number in range(rows, 0, -1) if number % 99 == 98)
    return newest - 99


def main() -> None:
    """Read the arguments, make, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--db", type=Path, help="keep the database here, and use it again")
    arguments = parser.parse_args()

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.db or Path(folder) / "bench.db"
        if not path.exists():
            make(path, arguments.rows)
        measure(path, arguments.rows, say)


if __name__ == "__main__":
    main()
