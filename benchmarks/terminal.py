"""A program on a pseudo-terminal of 160x48, its keys timed, for measuring the screen. Linux only (reads /proc)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from pathlib import Path

QUIET_SECONDS = 0.15
"""An answer is over when nothing came for so long."""

_PATIENCE_SECONDS = 10


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
        until = time.perf_counter() + _PATIENCE_SECONDS
        while self.read(QUIET_SECONDS) and time.perf_counter() < until:
            pass

    def cpu_ms(self) -> float:
        """On-CPU time of all threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def key(self, typed: bytes, quiet: float = QUIET_SECONDS) -> tuple[float, float, float, float]:
        """Milliseconds to the first and the last byte of the answer, and of CPU until then."""
        before, cpu = time.perf_counter(), self.cpu_ms()
        os.write(self.fd, typed)
        first = last = before
        cpu_first = cpu
        while self.read(quiet):
            last = time.perf_counter()
            if first == before:
                first, cpu_first = last, self.cpu_ms()
        return (first - before) * 1000, (last - before) * 1000, cpu_first - cpu, self.cpu_ms() - cpu

    def until(self, typed: bytes, *words: bytes) -> tuple[float, float]:
        """Milliseconds of wall time and of CPU until any of the `words` is shown."""
        before, cpu = time.perf_counter(), self.cpu_ms()
        if typed:
            self.output = b""
            os.write(self.fd, typed)
        while not any(each in self.output for each in words):
            if time.perf_counter() - before > _PATIENCE_SECONDS:
                raise SystemExit(f"{words!r} did not come after {typed!r}")
            self.read(1)
        return (time.perf_counter() - before) * 1000, self.cpu_ms() - cpu

    def end(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def percentile(values: list[float], part: float) -> float:
    """Nearest rank."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
