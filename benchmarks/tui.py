"""The screen over a million interactions, on a real terminal: python benchmarks/tui.py [--rows 1000000].

Makes the database with SQL, opens `tracer tui` on a pseudo-terminal of 160x48 and types. For each key: wall time to the
first byte and to the last byte of the answer, and on-CPU time of the process, which is what counts on a busy machine.
Linux only (reads /proc). An empty Textual app is measured beside it: its start is the unit of ours.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import select
import signal
import sqlite3
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tracer.normalize import normalize
from tracer.store.writer import Writer
from tracer.testing import answer, exchange

QUIET_SECONDS = 0.15
"""An answer is over when nothing came for so long."""
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


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environ)  # noqa: S606
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        self.output = b""

    def read(self, seconds: float) -> bytes:
        """What comes within so long; empty if nothing does."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        data = os.read(self.fd, 1 << 16) if ready else b""
        self.output += data
        return data

    def wait_for(self, words: bytes, seconds: float = 120) -> float:
        """Seconds from the start until `words` are on the screen."""
        while words not in self.output:
            if time.perf_counter() - self.started > seconds:
                raise SystemExit(f"{words!r} did not come within {seconds} s")
            self.read(1)
        return time.perf_counter() - self.started

    def settle(self) -> None:
        """Until nothing more comes."""
        while self.read(QUIET_SECONDS):
            pass

    def cpu_ms(self) -> float:
        """On-CPU time of all threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def key(self, typed: bytes) -> tuple[float, float, float, float]:
        """Milliseconds to the first and the last byte of the answer, and of CPU until then."""
        before, cpu = time.perf_counter(), self.cpu_ms()
        os.write(self.fd, typed)
        first = last = before
        cpu_first = cpu
        while self.read(QUIET_SECONDS):
            last = time.perf_counter()
            if first == before:
                first, cpu_first = last, self.cpu_ms()
        return (first - before) * 1000, (last - before) * 1000, cpu_first - cpu, self.cpu_ms() - cpu

    def until(self, typed: bytes, words: bytes) -> tuple[float, float]:
        """Milliseconds of wall time and of CPU until `words` are shown."""
        before, cpu, self.output = time.perf_counter(), self.cpu_ms(), b""
        os.write(self.fd, typed)
        while words not in self.output:
            self.read(1)
        return (time.perf_counter() - before) * 1000, self.cpu_ms() - cpu

    def end(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def started(command: list[str], environ: dict[str, str], words: bytes, times: int) -> tuple[float, float]:
    """Median seconds and CPU milliseconds until `words` are on the screen."""
    found = []
    for _ in range(times):
        terminal = Terminal(command, environ)
        seconds = terminal.wait_for(words)
        found.append((seconds, terminal.cpu_ms()))
        terminal.end()
    return statistics.median(wall for wall, _ in found), statistics.median(cpu for _, cpu in found)


def percentile(values: list[float], part: float) -> float:
    """Nearest rank."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


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
    terminal.key(b"/")
    terminal.key(b"status:failed model:pro")
    wall, cpu = terminal.until(b"\r", f" of {rows:,}".encode())
    say(f"filter until it is counted {wall:6.0f} ms, {cpu:.0f} ms CPU")
    terminal.end()


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
