"""Content codings undone in pieces: every coding, every cut, damage and bombs."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import WireError
from tracer.wire.decoding import STEP_BYTES, BodyDecoder

TEXT = b'event: step.delta\ndata: {"index":0,"text":"Hello"}\n\n' * 200


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.compress,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
}


def feed(encoding: str | None, data: bytes, step: int, limit: int = 1 << 20) -> bytes:
    decoder = BodyDecoder(encoding, limit)
    return b"".join(decoder.feed(data[start : start + step]) for start in range(0, len(data), step))


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_every_coding_comes_out_whole_however_it_is_cut(encoding: str, step: int) -> None:
    assert feed(encoding, ENCODERS[encoding](TEXT), step) == TEXT


@pytest.mark.parametrize("step", [1, 3, 100_000])
def test_raw_deflate_and_several_gzip_members(step: int) -> None:
    assert feed("deflate", raw_deflate(TEXT), step) == TEXT
    assert feed("gzip", gzip.compress(TEXT) + gzip.compress(b"more"), step) == TEXT + b"more"


def test_no_coding_passes_and_counts_as_ended() -> None:
    decoder = BodyDecoder(None, 10)
    assert decoder.feed(b"abc") == b"abc"
    assert decoder.ended


def test_ended_is_told_by_the_coding() -> None:
    packed = gzip.compress(TEXT)
    decoder = BodyDecoder("gzip", 1 << 20)
    decoder.feed(packed[:-1])
    assert not decoder.ended
    decoder.feed(packed[-1:])
    assert decoder.ended


def test_each_flushed_piece_comes_out_at_once() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decoder = BodyDecoder("gzip", 1 << 20)
    for piece in (b"one", b"two", b"three"):
        assert decoder.feed(packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)) == piece


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_stops_at_the_limit(encoding: str) -> None:
    packed = ENCODERS[encoding](bytes(64_000_000))
    decoder = BodyDecoder(encoding, 1000)
    assert decoder.feed(packed) == bytes(1000)
    assert decoder.overflowed
    assert decoder.feed(packed) == b""


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_damage_is_named(encoding: str) -> None:
    with pytest.raises(WireError, match=f"not valid {encoding}"):
        BodyDecoder(encoding, 1000).feed(b"<html>not packed at all</html>" * 10)


def test_an_unknown_coding_is_named() -> None:
    with pytest.raises(WireError, match="'snappy'"):
        BodyDecoder("snappy", 1000)


@given(st.binary(max_size=3000), st.sampled_from(["gzip", "deflate", "br", "zstd", None]))
def test_any_bytes_decode_or_raise_our_error(data: bytes, encoding: str | None) -> None:
    decoder = BodyDecoder(encoding, 5000)
    try:
        out = decoder.feed(data)
    except WireError:
        return
    assert len(out) <= 5000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "deflate, gzip", None])
@pytest.mark.parametrize("step", [1000, 10**9])
def test_a_bomb_comes_out_in_steps(encoding: str | None, step: int) -> None:
    size = 20 * STEP_BYTES
    packed = ENCODERS[encoding or "identity"](bytes(size))
    decoder = BodyDecoder(encoding, size)
    steps = []
    for start in range(0, len(packed), step):
        steps.append(decoder.feed(packed[start : start + step]))
        while decoder.pending:
            steps.append(decoder.feed(b""))
    # A coding may give a little more than it was asked for.
    assert max(map(len, steps)) <= 2 * STEP_BYTES
    assert b"".join(steps) == bytes(size)


def test_a_bomb_that_is_past_its_limit_has_no_more_steps() -> None:
    decoder = BodyDecoder("gzip", 10)
    assert decoder.feed(gzip.compress(bytes(20 * STEP_BYTES))) == bytes(10)
    assert not decoder.pending


def test_a_brotli_without_limits_is_given_little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        """As before version 1.2."""

        def __init__(self) -> None:
            self._new = new()

        def process(self, data: bytes) -> bytes:
            sizes.append(len(data))
            return bytes(self._new.process(data))

        def is_finished(self) -> bool:
            return bool(self._new.is_finished())

    sizes: list[int] = []
    new = brotli.Decompressor
    packed = brotli.compress(TEXT * 20)
    monkeypatch.setattr(brotli, "Decompressor", Old)
    assert feed("br", packed, 10_000) == TEXT * 20
    assert max(sizes) < 100
