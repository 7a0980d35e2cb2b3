"""The only writer of stderr, and the exit codes: 0 done, 1 failed or nothing found, 2 usage."""

from __future__ import annotations

import sys
from enum import IntEnum

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
