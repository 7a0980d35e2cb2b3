"""Recorders that are behind get on between two turns of the event loop, one step at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tracer.wire.recorder import ExchangeRecorder


class Backlog:
    """What was told to recorders and is not done yet."""

    def __init__(self, guarded: Callable[[Callable[[], None]], None]) -> None:
        """`guarded` calls a step and raises nothing."""
        self._guarded = guarded
        self._waiting: deque[ExchangeRecorder] = deque()

    def add(self, recorder: ExchangeRecorder) -> None:
        """Let a recorder that is behind catch up."""
        if recorder not in self._waiting:
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self._turn)
            self._waiting.append(recorder)

    def finish(self) -> None:
        """Do all there is to do, now."""
        while self._waiting:
            self._step()

    def _turn(self) -> None:
        # One step of one of them: in between, bytes go on.
        if self._waiting:
            self._step()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)

    def _step(self) -> None:
        recorder = self._waiting.popleft()
        self._guarded(recorder.catch_up)
        if recorder.behind:
            self._waiting.append(recorder)
