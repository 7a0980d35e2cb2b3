"""Escape is a key of its own, however soon another key follows.

Terminals send escape as the byte that also begins their longer sequences, and alt with a key as escape and that key.
Textual waits a tenth of a second for what may follow, and would take `esc` `r` for alt+r. But a terminal sends a
sequence in one piece, a hand does not, and nothing here has alt: so what comes in a later piece is the next key.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

_WAIT_SECONDS = 0.03
"""How long the rest of a sequence that came in two pieces may take."""
_OPENERS = "[O"
"""What goes on after escape in the sequences that keys and the mouse send."""
_KEPT = "[OPbf]^_\x7f\t\x1b"
"""After escape in one piece: sequences, and the word-wise keys of a line that is typed."""
_BEFORE_A_KEY = re.compile(rf"(?<=\x1b)(?=[^{re.escape(_KEPT)}])")


class EscapeParser(XTermParser):
    """Textual's parser, which is told what escape stands alone."""

    _escape_waits = False

    def feed(self, data: str) -> Iterable[Message]:
        """The keys in a piece of input."""
        for piece in _BEFORE_A_KEY.split(data) if data else [data]:
            if self._escape_waits and (len(piece) == 1 or piece[0] not in _OPENERS):
                yield from self._escape()
            yield from super().feed(piece)
            self._escape_waits = piece.endswith("\x1b")
            if self._escape_waits:
                self._timeout_time = get_time() + _WAIT_SECONDS

    def tick(self) -> Iterable[Message]:
        """Called now and then: escape that nothing followed."""
        for message in super().tick():
            self._escape_waits = False
            yield message

    def _escape(self) -> Iterable[Message]:
        self._timeout_time = 0.0
        yield from self.tick()


def tell_escapes(driver: type[Driver]) -> None:
    """Have a kind of driver read its keys this way; one that reads no terminal has nothing to change."""
    module = sys.modules[driver.__module__]
    if getattr(module, "XTermParser", None) is XTermParser:
        setattr(module, "XTermParser", EscapeParser)  # noqa: B010
