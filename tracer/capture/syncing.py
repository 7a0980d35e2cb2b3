"""Writes made safe from a power cut, many at a time: the one who writes does not wait."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque

_SECONDS = 0.1


class GroupSync:
    """A thread that brings written files to the disk every 100 ms."""

    def __init__(self) -> None:
        self._written = -1
        self._retired: deque[int] = deque()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal sync", daemon=True)
        self._thread.start()

    def written(self, descriptor: int) -> None:
        """Something was written to this file."""
        self._written = descriptor

    def retire(self, descriptor: int) -> None:
        """Nothing more will be written to this file: sync and close it."""
        if self._written == descriptor:
            self._written = -1
        self._retired.append(descriptor)

    def close(self) -> None:
        """Sync what is left; returns when that is done."""
        self._ending.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ending.wait(_SECONDS):
            self._sync()
        self._sync()

    def _sync(self) -> None:
        descriptor, self._written = self._written, -1
        # A file may be retired while it is being synced; then it is closed in the loop below, by this thread too.
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(descriptor)
        while self._retired:
            retired = self._retired.popleft()
            with contextlib.suppress(OSError):
                os.fdatasync(retired)
            os.close(retired)


def sync_file(path: os.PathLike[str]) -> None:
    """Bring a file that another wrote to the disk; nothing if it is not there."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
