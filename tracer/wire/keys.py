"""Time-ordered keys: UUID version 7 (RFC 9562 section 5.7) as 32 hex digits.

Python 3.13 has no `uuid.uuid7`. The time and the random bits are arguments, since this room reads no clock.
"""

from __future__ import annotations

import hashlib


def uuid7(at_us: int, randomness: bytes) -> str:
    """A key for a moment in Unix microseconds; `randomness` is at least 8 bytes, of which 62 bits are used.

    The 12 bits after the version hold the microseconds within the millisecond (RFC 9562 section 6.2, method 3),
    so keys made in one process within a millisecond still sort by time.
    """
    milliseconds, microseconds = divmod(at_us, 1000)
    tail = int.from_bytes(randomness[:8]) & ((1 << 62) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (microseconds * 4096 // 1000) << 64 | 0b10 << 62 | tail
    return f"{value:032x}"


def content_key(started_at_us: int, *parts: bytes) -> str:
    """A key that the same content at the same time always gets: for imports and ghosts."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return uuid7(started_at_us, digest.digest())
