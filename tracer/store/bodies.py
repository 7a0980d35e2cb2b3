"""Bytes at rest: bodies by their content, compressed when that pays, and chunk times packed."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Sequence

import zstandard

from tracer.errors import StoreError
from tracer.wire.exchange import Chunk

_SMALL = 128
_LEVEL = 3
_MANY = 500


class Codec:
    """Compresses and expands; one per thread."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._expander = zstandard.ZstdDecompressor()

    def pack(self, data: bytes) -> tuple[str, bytes]:
        """The codec's name and the bytes to keep."""
        if len(data) >= _SMALL:
            packed = self._compressor.compress(data)
            if len(packed) < len(data):
                return "zstd", packed
        return "raw", data

    def unpack(self, codec: str, data: bytes) -> bytes:
        """The bytes that went into `pack`. Raises StoreError for damaged ones."""
        if codec == "raw":
            return data
        try:
            return self._expander.decompress(data)
        except zstandard.ZstdError as error:
            raise StoreError(f"a stored body is damaged ({error}): restore the database from a copy") from error


class Blobs:
    """The `blob` table: one row for equal contents, however often they occur."""

    def __init__(self, connection: sqlite3.Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec
        self._keys: dict[bytes, bytes] = {}
        self._held: set[bytes] = set()

    def expect(self, bodies: Iterable[bytes]) -> None:
        """These will be put next: looking for all of them at once takes a fraction of the time."""
        self._keys = {data: hashlib.blake2b(data, digest_size=20).digest() for data in bodies if data}
        keys = list(dict.fromkeys(self._keys.values()))
        self._held = set()
        for start in range(0, len(keys), _MANY):
            some = keys[start : start + _MANY]
            rows = self._connection.execute(f"SELECT hash FROM blob WHERE hash IN ({', '.join('?' * len(some))})", some)
            self._held.update(key for (key,) in rows)

    def put(self, data: bytes) -> bytes | None:
        """Keep bytes that were expected; returns their hash, or None for nothing at all."""
        if not data:
            return None
        key = self._keys[data]
        if key not in self._held:
            codec, packed = self._codec.pack(data)
            self._connection.execute("INSERT INTO blob VALUES (?, ?, ?, ?)", (key, codec, len(data), packed))
            self._held.add(key)
        return key

    def get(self, key: bytes | None) -> bytes:
        """The bytes of a hash; none for a body that was pruned."""
        if key is None:
            return b""
        row = self._connection.execute("SELECT codec, data FROM blob WHERE hash = ?", (key,)).fetchone()
        return self._codec.unpack(row[0], row[1]) if row else b""


def pack_chunks(codec: Codec, chunks: Sequence[Chunk]) -> bytes:
    """Chunk times and sizes as little-endian integers, the times as differences, compressed."""
    values: list[int] = []
    before = 0
    for chunk in chunks:
        values += (chunk.at_us - before, chunk.wire_size, chunk.size)
        before = chunk.at_us
    name, data = codec.pack(struct.pack(f"<{len(values)}q", *values))
    return name[:1].encode() + data


def unpack_chunks(codec: Codec, packed: bytes) -> tuple[Chunk, ...]:
    """What `pack_chunks` packed."""
    data = codec.unpack("zstd" if packed[:1] == b"z" else "raw", packed[1:])
    chunks: list[Chunk] = []
    at_us = 0
    for step, wire_size, size in struct.iter_unpack("<3q", data):
        at_us += step
        chunks.append(Chunk(at_us, wire_size, size))
    return tuple(chunks)
