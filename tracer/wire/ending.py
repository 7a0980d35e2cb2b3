"""Where an event stream ends: its terminal event and `[DONE]`, seen without parsing its JSON (WIRE.md section 10)."""

from __future__ import annotations

import re


class EndWatch:
    """Fed with the decoded body; does nothing until `active` is set.

    A quote inside a JSON string is escaped, so `"event_type":"…"` with plain quotes is never part of a text.
    """

    _MARK = re.compile(
        rb"[\r\n](?:event: ?(?:interaction\.completed?|error)[\r\n]|(?P<done>data: ?\[DONE\]))"
        rb'|(?<!\\)"event_type" ?: ?"(?:interaction\.completed?|error)"'
    )
    _NEEDLES = (b"interaction.complete", b"error", b"[DONE]")
    _BLANK = re.compile(rb"\n\r?\n|\r\r")
    _OVERLAP = 64

    def __init__(self) -> None:
        self.active = False
        self.terminal = False
        """The terminal event, or the `[DONE]` line, has arrived."""
        self.done = False
        """The `[DONE]` event is whole, with its empty line: nothing follows."""
        self._tail = b"\n"
        self._marked = False
        self._marked_done = False

    def feed(self, data: bytes) -> None:
        """Look at the next decoded piece."""
        if not self.active or self.done or not data:
            return
        window = self._tail + data
        position = 0
        while True:
            if self._marked:
                blank = self._BLANK.search(window, position)
                if blank is None:
                    break
                self._marked = False
                self.terminal = True
                self.done = self._marked_done
                position = blank.end() - 1
            mark = self._find(window, position)
            if mark is None:
                break
            self._marked = True
            if mark["done"]:
                self._marked_done = self.terminal = True
            position = mark.end()
        # After a mark only the empty line matters; before one, a mark may be cut in two.
        keep = min(len(window) - position, 3 if self._marked else self._OVERLAP)
        self._tail = window[len(window) - keep :]

    def _find(self, window: bytes, position: int) -> re.Match[bytes] | None:
        if not self.done:
            for needle in self._NEEDLES:
                if needle in window:
                    return self._MARK.search(window, position)
        return None
