"""The only writer of stderr, and the exit codes: 0 done, 1 failed or nothing found, 2 usage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import click

from tracer.errors import TracerError, UsageError


class Exit(IntEnum):
    """Exit codes of every verb; `run` passes its child's on."""

    DONE = 0
    FAILED = 1
    USAGE = 2


def say(text: str) -> None:
    """A line of talk."""
    print(text, file=sys.stderr, flush=True)


def fail(error: TracerError) -> Exit:
    """Say what went wrong in one sentence; returns the exit code that belongs to it."""
    say(f"tracer: {error}")
    return Exit.USAGE if isinstance(error, UsageError) else Exit.FAILED


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere. Gives what is to be told how far the work has come, of `length`."""
    if not sys.stderr.isatty() or length <= 0:
        yield lambda reached: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda reached: bar.update(min(reached, length) - bar.pos)
