"""Ctrl-C told apart from `kill -INT`: the one reaches the whole process group, the other only us."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts(handler: Callable[[bool], None]) -> Iterator[None]:
    """Within the block `handler` is called on the event loop for each SIGINT, with whether a terminal sent it.

    A thread waits for the signal, since only who waits for one is told where it came from. Where the system has no such
    waiting (macOS), nothing is changed. To be entered on the main thread.
    """
    if not hasattr(signal, "sigwaitinfo"):
        yield
        return
    loop = asyncio.get_running_loop()
    ended = threading.Event()

    def wait() -> None:
        while True:
            sender = signal.sigwaitinfo({signal.SIGINT})
            if ended.is_set():
                return
            # Above 0 the kernel itself sent it, which it does for a terminal.
            loop.call_soon_threadsafe(handler, sender.si_code > 0)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    thread = threading.Thread(target=wait, name="interrupts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        assert thread.ident is not None
        signal.pthread_kill(thread.ident, signal.SIGINT)
        thread.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextlib.contextmanager
def unblocked() -> Iterator[None]:
    """Within the block programs can be started that get SIGINT as usual; they inherit what is blocked here."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
