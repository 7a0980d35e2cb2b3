"""Content codings undone piece by piece, with a limit on what comes out, in all and at once (RFC 9110 section 8.4).

gzip and deflate come with Python; br and zstd work where their packages are installed. Since a few bytes may unpack to
gigabytes, what they unpack to comes in steps.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from tracer.errors import WireError

STEP_BYTES = 1 << 20
"""About as much comes out at once; what is done with it then holds nobody up for long."""

_NOTHING = memoryview(b"")
_GZIP = zlib.MAX_WBITS | 16
# Where a library knows no limit: how many encoded bytes unpack to a step at most (zstd: blocks of 128 KB from 4 bytes).
_ZSTD_SLICE = 32
_BROTLI_SLICE = 32
_MODULES = {"br": ("brotli", "brotlicffi"), "zstd": ("zstandard",)}


class _Codec(Protocol):
    """One coding. `take` gives a step of what was put in, decoded, and raises whatever its library raises."""

    def put(self, data: bytes) -> None: ...

    def take(self) -> bytes: ...

    @property
    def pending(self) -> bool: ...

    @property
    def ended(self) -> bool: ...


class _Zlib:
    """gzip (several members are one body) and deflate (with the zlib wrapper, or raw as some servers send it)."""

    def __init__(self, window_bits: int | None) -> None:
        self._window_bits = window_bits
        self._object = zlib.decompressobj(window_bits) if window_bits is not None else None
        self._input = b""
        self.pending = False

    @property
    def ended(self) -> bool:
        return self._object is not None and self._object.eof

    def put(self, data: bytes) -> None:
        self._input += data
        self.pending = True

    def take(self) -> bytes:
        if self._object is None:
            if len(self._input) < 2:
                self.pending = False
                return b""
            wrapped = self._input[0] & 0x0F == 8 and int.from_bytes(self._input[:2]) % 31 == 0
            self._window_bits = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
            self._object = zlib.decompressobj(self._window_bits)
        decoded: list[bytes] = []
        left = STEP_BYTES
        while left > 0:
            if self._object.eof:
                if self._window_bits != _GZIP or self._input[:1] != b"\x1f":
                    self._input = b""
                    break
                self._object = zlib.decompressobj(_GZIP)
            decoded.append(self._object.decompress(self._input, left))
            left -= len(decoded[-1])
            self._input = self._object.unused_data if self._object.eof else self._object.unconsumed_tail
            if not self._input:
                break
        self.pending = left <= 0
        return b"".join(decoded)


class _Sliced:
    """What brotli and zstd have in common: their input waits here, and is given to them bit by bit."""

    def __init__(self) -> None:
        self._input = memoryview(b"")
        self.pending = False

    def put(self, data: bytes) -> None:
        self._input = memoryview(bytes(self._input) + data if self._input else data)
        self.pending = True

    def take(self) -> bytes:
        decoded: list[bytes] = []
        left = STEP_BYTES
        while left > 0 and self.pending:
            decoded.append(self._some(left))
            left -= len(decoded[-1])
        return b"".join(decoded)

    def _some(self, most: int) -> bytes:
        raise NotImplementedError

    def _next(self, size: int) -> bytes:
        data, self._input = bytes(self._input[:size]), self._input[size:]
        self.pending = bool(self._input)
        return data


class _Brotli(_Sliced):
    def __init__(self, module: Any) -> None:
        super().__init__()
        self._object = module.Decompressor()
        # Known since version 1.2.
        self._limited = hasattr(self._object, "can_accept_more_data")

    @property
    def ended(self) -> bool:
        return bool(self._object.is_finished())

    def _some(self, most: int) -> bytes:
        if not self._limited:
            return bytes(self._object.process(self._next(_BROTLI_SLICE)))
        data = self._next(len(self._input)) if self._object.can_accept_more_data() else b""
        decoded = bytes(self._object.process(data, output_buffer_limit=most))
        # It may have taken all of its input before it has given all of its output.
        unfinished = not self._object.can_accept_more_data() or len(decoded) >= most
        self.pending = bool(self._input) or (unfinished and not self.ended)
        return decoded


class _Zstd(_Sliced):
    def __init__(self, module: Any) -> None:
        super().__init__()
        # RFC 9659 limits the window in HTTP to 8 MB.
        self._new: Callable[[], Any] = module.ZstdDecompressor(max_window_size=1 << 23).decompressobj
        self._object = self._new()

    @property
    def ended(self) -> bool:
        return bool(self._object.eof)

    def _some(self, most: int) -> bytes:
        decoded: list[bytes] = []
        data = self._next(_ZSTD_SLICE)
        while data:
            if self._object.eof:
                self._object = self._new()
            decoded.append(self._object.decompress(data))
            data = self._object.unused_data
        return b"".join(decoded)


class BodyDecoder:
    """Undoes the codings of one body. `feed` until the body ends, which `ended` may tell before the framing does."""

    def __init__(self, encoding: str | None, limit: int) -> None:
        """`encoding` is the value of `content-encoding`; `limit` is how many decoded bytes may come out.

        Raises WireError if a coding is unknown or its package is not installed.
        """
        names = [name.strip().lower().removeprefix("x-") for name in encoding.split(",")] if encoding else []
        self.names = tuple([name for name in names if name and name != "identity"])
        self._chain = [(_codec(name), name) for name in reversed(self.names)]
        self._plain = _NOTHING
        self._left = limit
        self.overflowed = False
        """The limit was reached: nothing more will come out."""
        self.pending = False
        """Whether more may come of what was fed: `feed(b"")` gives the next step."""

    @property
    def ended(self) -> bool:
        """The coding says that the body is whole; always true without a coding."""
        return all(codec.ended for codec, _ in self._chain)

    def feed(self, data: bytes) -> bytes:
        """A step of what these bytes decode to, never more than the limit leaves. Raises WireError for damaged bytes.

        While something is pending, only `b""` may be fed.
        """
        if not (self._chain or self.pending) and len(data) <= min(self._left, STEP_BYTES):
            self._left -= len(data)
            return data
        if self.overflowed:
            return b""
        decoded = self._step(data) if self._chain else self._first(data)
        if len(decoded) > self._left:
            self.overflowed, self.pending = True, False
            decoded = decoded[: self._left]
        self._left -= len(decoded)
        return decoded

    def _first(self, data: bytes) -> bytes:
        plain = self._plain if self.pending else memoryview(data)
        self._plain = plain[STEP_BYTES:]
        self.pending = bool(self._plain)
        return bytes(plain[:STEP_BYTES])

    def _step(self, data: bytes) -> bytes:
        # What is further on in the chain comes first.
        waiting = [number for number, (codec, _) in enumerate(self._chain) if codec.pending]
        start = waiting[-1] if waiting else 0
        for number in range(start, len(self._chain)):
            codec, name = self._chain[number]
            try:
                if data:
                    codec.put(data)
                data = codec.take() if codec.pending else b""
            except Exception as error:
                raise WireError(f"the body is not valid {name}: {error}") from error
        self.pending = any(codec.pending for codec, _ in self._chain)
        return data


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
