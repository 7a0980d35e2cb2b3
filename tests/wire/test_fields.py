"""Secret fields of JSON that comes in pieces: against a reading of the whole document, at every cut, at every size."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.wire import fields, json_bodies
from tracer.wire.fields import MAX_HELD, FieldMasker, may_hide
from tracer.wire.masking import MASK
from tracer.wire.redact import Redactor

MASKED = MASK.decode()
CANARY = "canary-0123456789"
OPEN = {"id", "name", "object", "type", "status", "display_name"}


def masked(text: bytes, step: int, *, credentials: bool = False) -> tuple[bytes, list[str], int | None]:
    learned: list[str] = []
    subject = FieldMasker(learned.append, credentials=credentials)
    out = b"".join(subject.feed(text[at : at + step]) for at in range(0, len(text), step)) + subject.finish()
    return out, sorted(learned), subject.broken_at


def told(document: Any) -> tuple[Any, list[str]]:
    """The same document masked by looking at all of it, and what was found."""
    document = copy.deepcopy(document)
    found: list[str] = []

    def hide(value: Any, names: set[str]) -> None:
        for name, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(child, str) and child and name not in names and child != MASKED:
                found.append(child)
                value[name] = MASKED
            elif isinstance(child, dict | list):
                hide(child, names)

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "mcp_server" and isinstance(value.get("headers"), dict):
                hide(value["headers"], set())
            for name, child in value.items():
                if name.endswith("_config") and isinstance(child, dict) and isinstance(child.get("api_key"), str):
                    if child["api_key"] != MASKED:
                        found.append(child["api_key"])
                    child["api_key"] = MASKED
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(child)

    look(document)
    return document, sorted(found)


NAMES = st.sampled_from(["type", "headers", "api_key", "exa_config", "tools", "a", 'quo"te', "é", ""])
TEXTS = st.sampled_from(
    ["mcp_server", "mcp_server", "text", "", f"Bearer {CANARY}", 'q"\\', "\n{[,:", "ünïcode", "x" * 90]
)
LEAVES = TEXTS | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40), st.sampled_from([1, 64, 10_000]))
def test_pieces_are_masked_as_the_whole_document_is(
    document: Any, ascii_only: bool, indent: int | None, step: int, shortest: int
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_SHORTEST_BLOCK", shortest)
        out, learned, broken_at = masked(text, step)
    assert broken_at is None
    expected, found = told(document)
    assert json.loads(out) == expected
    assert learned == found
    if not found and MASKED not in str(expected):
        assert out == text
    if text != out:
        assert may_hide(text)


@given(
    st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"1", b"true", b"x", b'"type"', b'"mcp_server"',
             b'"headers"', b'"api_key"', b'"b_config"', b'"' + CANARY.encode() + b'"', b'"' + b"y" * 70 + b'",']
        ),
        max_size=40,
    ),
    st.integers(1, 30),
    st.booleans(),
)  # fmt: skip
def test_no_cut_changes_what_comes_of_anything(parts: list[bytes], step: int, credentials: bool) -> None:
    text = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_SHORTEST_BLOCK", 10_000)
        patch.setattr(fields, "MAX_HELD", 60)
        patch.setattr(fields, "_MAX_NAME", 16)
        whole = masked(text, max(len(text), 1), credentials=credentials)
        assert masked(text, step, credentials=credentials) == whole
        patch.setattr(fields, "_SHORTEST_BLOCK", 1)
        assert masked(text, max(len(text), 1), credentials=credentials) == whole
        assert masked(text, step, credentials=credentials) == whole


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_headers_wait_for_the_type_of_their_object(step: int) -> None:
    tool = '{"headers": {"A": "s-1", "b": ["s-2", {"c": "s-3"}], "d": ""}, "url": "u", "type": "%s"}'
    out, learned, _ = masked((tool % "mcp_server").encode(), step)
    assert json.loads(out)["headers"] == {"A": MASKED, "b": [MASKED, {"c": MASKED}], "d": ""}
    assert learned == ["s-1", "s-2", "s-3"]
    assert masked((tool % "function").encode(), step) == ((tool % "function").encode(), [], None)


@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize("text", ['{"\\u0061pi_key":"s"}', '{"api_ke\\u0079":"s"}'])
def test_escaped_names_are_names(text: str, step: int) -> None:
    whole = f'{{"x_config":{text}}}'.encode()
    assert may_hide(whole)
    assert masked(whole, step)[1] == ["s"]
    tool = b'{"type":"\\u006dcp_server","headers":{"A":"s"}}'
    assert may_hide(tool)
    assert masked(tool, step)[1] == ["s"]


@pytest.mark.parametrize("step", [1000, 100_000, 10**6])
def test_what_is_too_long_to_wait_for_is_masked(step: int) -> None:
    filler = ",".join('{"a":1}' for _ in range(MAX_HELD // 8)).encode()
    late = b'{"tools":[{"headers":{"A":"secret-1"},"b":[%b],"type":"function"}]}' % filler
    assert masked(late, step)[:2] == (late.replace(b'"secret-1"', b'"[redacted]"'), ["secret-1"])
    long = b'{"type":"mcp_server","headers":{"A":"%b","B":"secret-2"}}' % (b"x" * (MAX_HELD + 1))
    assert masked(long, step)[:2] == (
        b'{"type":"mcp_server","headers":{"A":"[redacted]","B":"[redacted]"}}',
        ["secret-2"],
    )
    name = b'{"%b":{"api_key":"secret-3"}}' % (b"n" * 300)
    assert masked(name, step)[1] == ["secret-3"]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_text_that_breaks_off_loses_only_the_secret_that_is_not_whole(step: int) -> None:
    begun = b'{"input":"Hello","tools":[{"type":"mcp_server","headers":{"A":'
    assert masked(begun + b'"never-sent', step) == (begun, [], None)
    waits = b'{"tools":[{"headers":{"A":"secret-1"},"url":"u'
    assert masked(waits, step)[0] == waits.replace(b'"secret-1"', b'"[redacted]"')


@pytest.mark.parametrize(
    ("text", "at"), [(b"{]", 1), (b"nope", 1), (b'{"a":1}x', 7), (b'["a" %', 5), (b"[" * 6000, 5000)]
)
@pytest.mark.parametrize("step", [1, 10_000])
def test_what_is_no_json_ends_there(text: bytes, at: int, step: int) -> None:
    out, _, broken_at = masked(text, step)
    assert (len(out), broken_at) == (at, at)
    assert text.startswith(out)


def test_nothing_is_held_of_a_long_string() -> None:
    subject = FieldMasker(list[str]().append)
    assert subject.feed(b'{"data":"' + b"A" * 1000) == b'{"data":"' + b"A" * 1000
    assert subject.feed(b"B" * 1000 + b"\\") == b"B" * 1000
    assert subject.feed(b'"CC') == b'\\"CC'


CREATES = st.lists(st.sampled_from(["image", "words", "tool", "exa", "echo", "key", "pem"]), min_size=1, max_size=12)


def create(kinds: list[str], chance: random.Random) -> bytes:
    def part(kind: str, number: int) -> Any:
        secret = f"canary-{number}-{chance.randrange(10**12):012}"
        return {
            "image": {"type": "image", "data": "QUJD" * chance.randrange(2000)},
            "words": {"type": "text", "text": "one, \"two\" {three} ünï " * chance.randrange(60)},
            "tool": {"headers": {"Authorization": f"Bearer {secret}"}, "type": "mcp_server", "name": secret},
            "exa": {"type": "retrieval", "exa_ai_search_config": {"api_key": secret, "top_k": 3}},
            "echo": {"text": "my-own-key-9f31 and ya29.a0AfB_byC.d-efghijklmnop"},
            "key": {"text": "url?key=AIzaSyABCDEFGHIJKLMNOPQRSTUVWXYZ-_01234&alt=sse"},
            "pem": {"text": "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc/+==\n-----END RSA PRIVATE KEY-----"},
        }[kind]  # fmt: skip

    document = {"model": "m", "tools": [part(kind, number) for number, kind in enumerate(kinds)], "input": "Hi"}
    return json.dumps(document, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 1])).encode()


@settings(max_examples=60)
@given(CREATES, st.randoms(use_true_random=False), st.integers(1, 3000))
def test_a_large_body_is_redacted_as_a_small_one(kinds: list[str], chance: random.Random, step: int) -> None:
    body = create(kinds, chance)

    def pieces(whole_bytes: int) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_bodies, "WHOLE_BYTES", whole_bytes)
            subject = Redactor(path="/v1/interactions", query=(("key", "my-own-key-9f31"),), headers=())
            masker = subject.request_pieces()
            out = b"".join(masker.feed(body[at : at + step]) for at in range(0, len(body), step)) + masker.finish()
            assert masker.problem is None
            # What was found is masked in the answer, too.
            assert "canary-" not in subject.text(out.decode())
        return out

    small = pieces(1 << 20)
    assert pieces(0) == small
    for secret in (b"canary-", b"my-own-key-9f31", b"ya29.a0", b"AIzaSy", b"PRIVATE KEY"):
        assert secret not in small
