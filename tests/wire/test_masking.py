"""Secrets in bodies, whole and cut anywhere."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.wire.masking import MASK, SecretMasker

KEY = b"AIzaSyABCDEFGHIJKLMNOPQRSTUVWXYZ-_01234"
PEM = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEabc/+==\nabcd\n-----END RSA PRIVATE KEY-----"
LITERAL = b"canary-key-xyz"

CASES = [
    (b'{"key":"' + KEY + b'"}', b'{"key":"[redacted]"}'),
    (b"url?key=" + KEY + b"&alt=sse", b"url?key=[redacted]&alt=sse"),
    (b"x%3D" + KEY + b" and \\u003d" + KEY, b"x%3D[redacted] and \\u003d[redacted]"),
    (b'"ya29.a0AfB_byC.d-efghijklmnop", "b"', b'"[redacted]", "b"'),
    (b"before " + PEM + b" after", b"before [redacted] after"),
    (b'"' + PEM.replace(b"\n", b"\\n") + b'\\n"', b'"[redacted]\\n"'),
    (b'"-----BEGIN PRIVATE KEY-----\\nMIIE and then never ended"', None),
    (LITERAL + b"," + LITERAL, b"[redacted],[redacted]"),
    (b"canary-key-xy canary-key-", b"canary-key-xy canary-key-"),
    (b"-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", None),
    (b"AIza too short, ya29. too, -----BEGIN", b"AIza too short, ya29. too, -----BEGIN"),
]


def mask(data: bytes, step: int, secrets: tuple[bytes, ...] = (LITERAL,)) -> bytes:
    masker = SecretMasker(secrets)
    return b"".join(masker.feed(data[at : at + step]) for at in range(0, len(data), step)) + masker.finish()


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_every_cut_gives_the_same_masked_text(body: bytes, expected: bytes | None) -> None:
    whole = mask(body, len(body))
    if expected is not None:
        assert whole == expected
    for step in range(1, len(body)):
        assert mask(body, step) == whole


def test_harmless_text_is_late_by_one_piece_at_most() -> None:
    masker = SecretMasker([LITERAL])
    assert masker.feed(b"say can") == b"say "
    assert masker.feed(b"dle") == b"candle"


def test_a_secret_is_never_let_out_in_part() -> None:
    masker = SecretMasker([LITERAL])
    assert masker.feed(LITERAL[:-1]) == b""
    assert masker.feed(LITERAL[-1:]) == MASK


def test_the_longer_of_two_secrets_with_one_beginning_is_masked() -> None:
    for step in range(1, 9):
        assert mask(b"x abcdefgh y", step, (b"abcdef", b"abcdefgh")) == b"x [redacted] y"


def test_media_data_is_left_alone() -> None:
    data = b"xxAIza" + b"A" * 40 + base64.b64encode(random.Random(1).randbytes(300_000))
    assert mask(data, 1000) == data


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(1, 60))
def test_no_cut_lets_a_secret_through(before: bytes, after: bytes, step: int) -> None:
    assert LITERAL not in mask(before + LITERAL + after, step)


@given(st.binary(max_size=400), st.integers(1, 60))
def test_cuts_never_change_the_result(data: bytes, step: int) -> None:
    assert mask(data, step) == mask(data, max(len(data), 1))
