"""Names that look like the service's and depend on nothing but a seed, a counter and the time given.

An interaction id is `v1_` and the base64url of a protobuf message of two strings: the conversation's first turn and
this one. Each string is again base64url, of 17 bytes that begin with the creation time as a little-endian uint32.
This was read out of recorded ids; nothing documents it, so nothing may rely on it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

_CALL_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def digest(seed: int, *parts: object, size: int = 32) -> bytes:
    """`size` (at most 64) bytes that these parts always get under this seed."""
    text = "\x1f".join([str(seed), *(str(part) for part in parts)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def turn_token(seed: int, counter: int, now_us: int) -> str:
    """The part of an interaction id that names one turn."""
    seconds = (now_us // 1_000_000) & 0xFFFFFFFF
    return _base64url(seconds.to_bytes(4, "little") + digest(seed, "turn", counter, size=13))


def interaction_id(first_token: str, token: str) -> str:
    """The id of a turn in the conversation that `first_token` began; both are the same for a first turn."""
    fields = ((0x0A, first_token.encode()), (0x12, token.encode()))
    return "v1_" + _base64url(b"".join(bytes((tag, len(value))) + value for tag, value in fields))


def created(now_us: int) -> str:
    """A moment as the service writes it: RFC 3339, whole seconds, UTC."""
    return datetime.fromtimestamp(now_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Mint:
    """Ids and signatures of one turn's steps, in the order in which they are asked for."""

    def __init__(self, seed: int, scope: str) -> None:
        self._seed = seed
        self._scope = scope
        self._issued = 0

    def call_id(self) -> str:
        """Eight characters, as calls are named on the live service."""
        raw = self._next("call", 8)
        return "".join(_CALL_ALPHABET[byte % len(_CALL_ALPHABET)] for byte in raw)

    def signature(self) -> str:
        """An opaque signature of a thought or a server tool's call."""
        return base64.b64encode(b"\x0a\x3e\x01" + self._next("signature", 61)).decode()

    def _next(self, kind: str, size: int) -> bytes:
        self._issued += 1
        return digest(self._seed, self._scope, kind, self._issued, size=size)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
