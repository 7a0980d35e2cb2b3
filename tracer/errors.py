"""Every exception of the program.

TracerError                 one sentence: the culprit and the remedy; shown to the user without a traceback
├── UsageError              the command was called wrongly (exit 2)
├── MissingExtraError       a verb whose optional packages are not installed
├── WireError               bytes that are not what they claim to be, or past a limit
├── JournalError            a segment that can't be read or written
├── StoreError              a database that can't be opened, read or written
│   └── UnusableStoreError  one that no waiting mends: damaged, another program's, of a newer schema
├── CassetteError           a cassette that can't be read or written
├── ScriptError             a mistake in an emulator script
└── ReplayMiss              a request that no recording answers
"""

from __future__ import annotations


class TracerError(Exception):
    """What the program can't do, in one sentence that names the culprit and the remedy."""


class UsageError(TracerError):
    """The command was called wrongly."""


class MissingExtraError(TracerError):
    """A verb needs packages that the base install does not bring."""

    def __init__(self, verb: str, extra: str) -> None:
        super().__init__(f"`tracer {verb}` needs the {extra!r} extra: pip install 'interactions-tracer[{extra}]'")
        self.extra = extra


class WireError(TracerError):
    """Bytes that are not what they claim to be, or that exceed a limit."""


class JournalError(TracerError):
    """A journal segment that can't be read or written."""


class StoreError(TracerError):
    """A database that can't be opened, read or written."""


class UnusableStoreError(StoreError):
    """A database that no waiting mends: damaged, another program's, of a newer schema."""


class CassetteError(TracerError):
    """A cassette that can't be read or written; the file is left as it was."""


class ScriptError(TracerError):
    """A mistake in an emulator script."""


class ReplayMiss(TracerError):
    """A replayed request that no recording answers; `nearest` is the number of the recording that is most like it."""

    def __init__(self, message: str, nearest: int | None = None) -> None:
        super().__init__(message)
        self.nearest = nearest
