"""Small real files for answers that are no text."""

from __future__ import annotations

import base64
import math
import struct
import zlib

_SIDE = 16
_RATE = 8000


def png(color: bytes) -> str:
    """A PNG of 16 x 16 pixels that fades from a colour (three bytes) to black, base64."""
    rows = bytearray()
    for y in range(_SIDE):
        shade = bytes(value * (_SIDE - y) // _SIDE for value in color[:3])
        rows += b"\x00" + shade * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return _base64(b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(kind, data) for kind, data in parts))


def wav(pitch: int) -> str:
    """A tenth of a second of a tone of `pitch` Hz as a WAV file (mono, 16 bit, 8 kHz), base64."""
    frames = b"".join(
        struct.pack("<h", round(8000 * math.sin(2 * math.pi * pitch * n / _RATE))) for n in range(_RATE // 10)
    )
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE * 2, 2, 16)
    data = struct.pack("<4sI", b"data", len(frames)) + frames
    return _base64(struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data)


def _png_part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
