"""The copy of one body: decoded in steps and up to a limit; what is past that is counted and hashed."""

from __future__ import annotations

import hashlib
from typing import Any

from tracer.errors import WireError
from tracer.wire.decoding import BodyDecoder


class BodyCopy:
    """Takes a body in pieces as they crossed and gives what of it may be kept."""

    def __init__(self, side: str, encoding: str | None, limit: int, notes: list[str]) -> None:
        """`side` is the word for it in `notes`, which get what is to be said of the copy."""
        self._side = side
        self._limit = limit
        self._notes = notes
        self.wire_size = 0
        self.pending = False
        """Whether there is more of the last piece: `go_on` gives it."""
        self._piece, self._piece_kept = b"", 0
        self._decoded_size = 0
        self._dropped_size = 0
        self._dropped_hash: Any = None
        self._full = False
        try:
            self._decoder = BodyDecoder(encoding, limit)
        except WireError as error:
            # Nobody could say what is in it, so no secret could be taken out of it.
            notes.append(f"{side}: {error}; not kept")
            self._decoder = BodyDecoder(None, limit)
            self._full = True

    @property
    def ended(self) -> bool:
        """The coding says that the body is whole; always true without a coding."""
        return self._decoder.ended or self._full

    def take(self, data: bytes) -> bytes:
        """What of this piece may be kept, decoded, or the first step of that. To be called when nothing is pending."""
        self.wire_size += len(data)
        if self._full:
            self._drop(data)
            return b""
        self._piece, self._piece_kept = data, 0
        return self._step(data)

    def go_on(self) -> bytes:
        """The next step of the piece."""
        return b"" if self._full else self._step(b"")

    def give_up(self, reason: str) -> None:
        """Keep nothing more of the body."""
        if not self._full:
            self._full, self.pending = True, False
            self._notes.append(f"{self._side}: {reason}")
            # What came of it so far is kept, and counts as rest, too: nobody can say which of its bytes that were.
            self._drop(self._piece)

    def note_rest(self) -> None:
        """Note what was left out, once the body has ended."""
        if self._dropped_size and self._limit:
            self._notes.append(
                f"{self._side}: the body is kept up to {self._decoded_size} bytes; the rest has "
                f"{self._dropped_size} bytes on the wire and sha256 {self._dropped_hash.hexdigest()}"
            )
            self._dropped_size = 0

    def _step(self, data: bytes) -> bytes:
        try:
            decoded = self._decoder.feed(data)
        except WireError as error:
            self.give_up(str(error))
            return b""
        self.pending = self._decoder.pending
        self._decoded_size += len(decoded)
        self._piece_kept += len(decoded)
        if self._decoder.overflowed:
            self._full = True
            # Of an encoded piece it can't be said which of its bytes gave the kept part: all of it counts as rest.
            self._drop(self._piece if self._decoder.names else self._piece[self._piece_kept :])
        if not self.pending:
            self._piece = b""
        return decoded

    def _drop(self, data: bytes) -> None:
        self._dropped_size += len(data)
        if self._limit:
            self._dropped_hash = self._dropped_hash or hashlib.sha256()
            self._dropped_hash.update(data)
