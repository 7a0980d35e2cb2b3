"""The copy of a body: what mitmproxy calls with each piece that it passes on."""

from __future__ import annotations

from collections.abc import Callable


class Tee:
    """Set as a message's `stream`. It gives each piece back as it is, after `take` has had it."""

    __slots__ = ("take",)

    def __init__(self, take: Callable[[bytes], None]) -> None:
        """`take` must not raise; it gets no empty pieces."""
        self.take = take

    def __call__(self, data: bytes) -> bytes:
        """mitmproxy calls this with each piece, and with `b""` at the end."""
        if data:
            self.take(data)
        return data
