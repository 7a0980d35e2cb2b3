"""Content codings undone piece by piece, with a limit on what comes out (RFC 9110 section 8.4).

gzip and deflate come with Python; br and zstd work where their packages are installed. Encoded bytes are taken in
small slices, so that a piece which would unpack to gigabytes stops soon after the limit.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tracer.errors import WireError


class _Codec(Protocol):
    """One coding: encoded bytes in, decoded bytes out; raises whatever its library raises."""

    def decode(self, data: bytes) -> bytes: ...

    @property
    def ended(self) -> bool: ...


class _Zlib:
    """gzip (several members are one body) and deflate (with the zlib wrapper, or raw as some servers send it)."""

    def __init__(self, window_bits: int | None) -> None:
        self._window_bits = window_bits
        self._head = b""
        self._object = zlib.decompressobj(window_bits) if window_bits is not None else None

    @property
    def ended(self) -> bool:
        return self._object is not None and self._object.eof

    def decode(self, data: bytes) -> bytes:
        if self._object is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._window_bits = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
            self._object = zlib.decompressobj(self._window_bits)
        decoded: list[bytes] = []
        while data:
            if self._object.eof:
                if self._window_bits != _GZIP or data[:1] != b"\x1f":
                    break
                self._object = zlib.decompressobj(_GZIP)
            decoded.append(self._object.decompress(data))
            data = self._object.unused_data
        return b"".join(decoded)


class _Brotli:
    def __init__(self, module: Any) -> None:
        self._object = module.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._object.is_finished())

    def decode(self, data: bytes) -> bytes:
        return bytes(self._object.process(data))


class _Zstd:
    def __init__(self, module: Any) -> None:
        # RFC 9659 limits the window in HTTP to 8 MB.
        self._new: Callable[[], Any] = module.ZstdDecompressor(max_window_size=1 << 23).decompressobj
        self._object = self._new()

    @property
    def ended(self) -> bool:
        return bool(self._object.eof)

    def decode(self, data: bytes) -> bytes:
        decoded: list[bytes] = []
        while data:
            if self._object.eof:
                self._object = self._new()
            decoded.append(self._object.decompress(data))
            data = self._object.unused_data
        return b"".join(decoded)


_GZIP = zlib.MAX_WBITS | 16
# How much one slice can unpack to: gzip 4 MB, zstd 8 MB, br some blocks of 16 MB.
_SLICES = {"gzip": 4096, "deflate": 4096, "zstd": 256, "br": 32}
_MODULES = {"br": ("brotli", "brotlicffi"), "zstd": ("zstandard",)}


class BodyDecoder:
    """Undoes the codings of one body. `feed` until the body ends, which `ended` may tell before the framing does."""

    def __init__(self, encoding: str | None, limit: int) -> None:
        """`encoding` is the value of `content-encoding`; `limit` is how many decoded bytes may come out.

        Raises WireError if a coding is unknown or its package is not installed.
        """
        names = [name.strip().lower().removeprefix("x-") for name in (encoding or "").split(",")]
        self.names = tuple(name for name in names if name and name != "identity")
        self._chain = [(_codec(name), _SLICES[name], name) for name in reversed(self.names)]
        self._left = limit
        self.overflowed = False
        """The limit was reached: nothing more will come out."""

    @property
    def ended(self) -> bool:
        """The coding says that the body is whole; always true without a coding."""
        return all(codec.ended for codec, _, _ in self._chain)

    def feed(self, data: bytes) -> bytes:
        """What these bytes decode to, never more than the limit leaves. Raises WireError for damaged bytes."""
        if self.overflowed:
            return b""
        decoded = self._run(data, 0) if self._chain else data
        if len(decoded) > self._left:
            self.overflowed = True
            decoded = decoded[: self._left]
        self._left -= len(decoded)
        return decoded

    def _run(self, data: bytes, stage: int) -> bytes:
        if stage == len(self._chain):
            return data
        codec, step, name = self._chain[stage]
        decoded: list[bytes] = []
        size = 0
        for piece in _slices(data, step):
            try:
                unpacked = codec.decode(piece)
            except Exception as error:
                raise WireError(f"the body is not valid {name}: {error}") from error
            out = self._run(unpacked, stage + 1)
            decoded.append(out)
            size += len(out)
            if size > self._left:
                break
        return b"".join(decoded)


def _slices(data: bytes, step: int) -> Iterator[bytes]:
    if len(data) <= step:
        yield data
        return
    for start in range(0, len(data), step):
        yield data[start : start + step]


def _codec(name: str) -> _Codec:
    if name == "gzip":
        return _Zlib(_GZIP)
    if name == "deflate":
        return _Zlib(None)
    for module_name in _MODULES.get(name, ()):
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            continue
        return _Brotli(module) if name == "br" else _Zstd(module)
    if name in _MODULES:
        raise WireError(f"the body is {name}-encoded and the {_MODULES[name][0]!r} package is not installed")
    raise WireError(f"the body has the unknown content coding {name!r}")
