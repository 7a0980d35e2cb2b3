"""The journal: what crossed, on disk before it is anywhere else.

A segment is a header (`TRCRJRNL`, version as u16) and frames (`entries.py`). Unknown kinds are skipped, a torn tail
is no frame. Bytes handed to the kernel survive the death of the process, so one write per frame is enough for that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tracer.capture.entries import HEAD, PREFIX, Entry, decode, encode
from tracer.capture.segments import SegmentSet
from tracer.capture.syncing import GroupSync
from tracer.errors import JournalError
from tracer.wire.exchange import Outcome
from tracer.wire.frames import Closed

MAGIC = b"TRCRJRNL"
VERSION = 1
HEADER = MAGIC + struct.pack(">H", VERSION)
SEGMENT_BYTES = 8 * 1024 * 1024


class JournalWriter:
    """Appends entries to this process's own set. Once open it never raises: what can't be written is reported once.

    An exchange that lost a frame gets no further ones, so that no body with a hole in it looks whole; its end says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        report: Callable[[str], None],
        segment_bytes: int = SEGMENT_BYTES,
        power_safe: bool = False,
    ) -> None:
        """Makes the folder, the set and its first segment. Raises JournalError if that is impossible.

        With `power_safe` what was appended is on the disk itself about 100 ms later.
        """
        self._syncer = GroupSync() if power_safe else None
        self._report = report
        self._segment_bytes = segment_bytes
        self._descriptor = -1
        self._size = 0
        self._damaged: dict[str, str] = {}
        self._endings: dict[str, Closed] = {}
        try:
            self._segments = SegmentSet.create(folder)
            self._rotate()
        except OSError as error:
            raise JournalError(f"the journal folder {str(folder)!r} can't be written: {error.strerror}") from error

    @property
    def name(self) -> str:
        """The name of the segment set."""
        return self._segments.name

    def append(self, entry: Entry) -> None:
        """One entry, one write; it is in the kernel's hands when this returns."""
        if entry.key in self._damaged:
            if isinstance(entry, Closed):
                self._endings[entry.key] = _cut_short(entry, self._damaged[entry.key])
            return
        try:
            if self._endings:
                self._write_endings()
            self._append(entry)
        except OSError as error:
            if not self._damaged:
                self._report(f"the journal can't be written ({error.strerror}): traffic goes on, but is not recorded")
            self._damaged[entry.key] = error.strerror or "unknown error"

    @property
    def is_in_place(self) -> bool:
        """Whether what is written can be found: false once somebody has deleted the folder or the segment."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink > 0

    def begin_anew(self) -> None:
        """Go on in another set, after the files of this one were deleted. Raises OSError; then nothing has changed."""
        self._segments.move()
        self._rotate()

    def close(self) -> None:
        """Let go of the set: whoever ingests it deletes it. Says how much is missing, if anything is."""
        with contextlib.suppress(OSError):
            self._write_endings()
        if self._damaged:
            self._report(f"{len(self._damaged)} calls are missing or cut short: the journal could not be written")
        if self._descriptor >= 0:
            self._retire(self._descriptor)
            self._descriptor = -1
        if self._syncer is not None:
            self._syncer.close()
        self._segments.release()

    def _append(self, entry: Entry) -> None:
        if self._size >= self._segment_bytes:
            self._rotate()
        self._write(encode(entry))

    def _write_endings(self) -> None:
        # The disk has room again: what broke off is told apart from what was interrupted.
        while self._endings:
            key = next(iter(self._endings))
            self._append(self._endings[key])
            del self._endings[key]

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        if written == len(data):
            self._size += written
            if self._syncer is not None:
                self._syncer.written(self._descriptor)
            return
        # A disk that filled up within the frame: take the part away, so that later frames can be read.
        os.ftruncate(self._descriptor, self._size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _rotate(self) -> None:
        path = self._segments.next_path()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        # No frame may go into a segment without its header: until that is written, the one before stays in use.
        try:
            if os.write(descriptor, HEADER) != len(HEADER):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        if self._descriptor >= 0:
            self._retire(self._descriptor)
        self._descriptor, self._size = descriptor, len(HEADER)

    def _retire(self, descriptor: int) -> None:
        if self._syncer is not None:
            self._syncer.retire(descriptor)
        else:
            os.close(descriptor)


class JournalReader:
    """Reads one segment from its start, and goes on where it was once the segment has grown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""
        self._header_read = False

    def read(self) -> list[Entry]:
        """The entries that are whole by now. Raises JournalError for another format and OSError."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            self._rest += file.read()
            self._offset = file.tell()
        position = 0
        if not self._header_read:
            if len(self._rest) < len(HEADER):
                return []
            _check_header(self._rest, self.path)
            self._header_read = True
            position = len(HEADER)
        entries: list[Entry] = []
        while (body := self._frame(position)) is not None:
            position += PREFIX.size + len(body)
            entry = decode(body)
            if entry is not None:
                entries.append(entry)
        self._rest = self._rest[position:]
        return entries

    @property
    def done(self) -> int:
        """How many bytes were read as whole entries."""
        return self._offset - len(self._rest)

    @property
    def damaged(self) -> bool:
        """Whether what is left is no mere torn tail: a frame that is all there and whose checksum does not hold."""
        if len(self._rest) < PREFIX.size:
            return False
        length: int = PREFIX.unpack_from(self._rest)[0]
        return length < HEAD.size or len(self._rest) >= PREFIX.size + length

    def _frame(self, position: int) -> bytes | None:
        start = position + PREFIX.size
        if len(self._rest) < start:
            return None
        length, checksum = PREFIX.unpack_from(self._rest, position)
        body = self._rest[start : start + length]
        if length < HEAD.size or len(body) < length or zlib.crc32(body) != checksum:
            return None
        return body


def _cut_short(closed: Closed, reason: str) -> Closed:
    note = f"the journal could not be written ({reason}): what followed is not recorded"
    return replace(closed, outcome=Outcome.INTERRUPTED, notes=(*closed.notes, note))


def _check_header(data: bytes, path: Path) -> None:
    if not data.startswith(MAGIC):
        raise JournalError(f"{str(path)!r} is not a journal segment: move it out of the journal folder")
    (version,) = struct.unpack_from(">H", data, len(MAGIC))
    if version > VERSION:
        raise JournalError(f"{str(path)!r} was written by a newer version of tracer: update to read it")
