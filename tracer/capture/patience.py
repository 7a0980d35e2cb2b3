"""An end to work that might never end by itself."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SECONDS = 30.0
"""How long a batch of exchanges may take to be understood and stored."""


def limited[T](work: Callable[..., T]) -> Callable[..., T]:
    """The same function, which may take `SECONDS` each time."""

    def in_time(*arguments: Any, **named: Any) -> T:
        with at_most(SECONDS):
            return work(*arguments, **named)

    return in_time


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[list[float]]:
    """Raises TimeoutError inside the block after so many seconds, and again after as many more.

    Gives a list with an entry for each time that happened: code in the block may have taken it for a mistake of its
    own. Only the main thread can be interrupted like this; in others nothing happens.
    """
    expired: list[float] = []

    def expire(_number: int, _frame: FrameType | None) -> None:
        expired.append(seconds)
        raise TimeoutError(f"it took more than {seconds:g} s")

    if threading.current_thread() is not threading.main_thread():
        yield expired
        return
    handler = signal.signal(signal.SIGALRM, expire)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield expired
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
