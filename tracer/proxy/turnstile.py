"""What runs comes first: while bodies stream, only a few of the dear steps are done in one turn of the event loop.

To take a connection or to bring a request through mitmproxy's layers costs twenty times what a piece of a body costs.
When fifty clients come at once, all their steps would be done in one turn, and every stream would stand still for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

_EACH_TURN = 2


class Turnstile:
    """Whoever has a dear step to do waits for `passage`; in the order of their coming they get it."""

    def __init__(self) -> None:
        self._streams = 0
        self._passed = 0
        self._turning = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def begin_stream(self) -> None:
        """A body streams now."""
        self._streams += 1

    def end_stream(self) -> None:
        """It does no more."""
        self._streams -= 1

    async def passage(self) -> None:
        """Returns when it is this one's turn: at once while nothing streams.

        It is no place to be cancelled at: whoever is cancelled here passes, and learns of it where it waits next.
        """
        if not self._waiting:
            if not self._streams and not self._turning:
                return
            if self._passed < _EACH_TURN:
                self._passed += 1
                self._turn_soon()
                return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._turn_soon()
        try:
            await turn
        except asyncio.CancelledError as cancelled:
            with contextlib.suppress(ValueError):
                self._waiting.remove(turn)
            task = asyncio.current_task()
            assert task is not None
            task.cancel(*cancelled.args)

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        released = sum(1 for _ in self._released())
        # Nobody may overtake those who have been called up and have not come yet.
        self._passed = _EACH_TURN if released else 0
        if released or self._waiting:
            self._turn_soon()

    def _released(self) -> Iterator[None]:
        left = _EACH_TURN if self._streams else len(self._waiting)
        while left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                left -= 1
                yield
