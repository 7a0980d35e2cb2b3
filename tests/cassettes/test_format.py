from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tracer.cassettes.facts import body_hash
from tracer.cassettes.format import dumps, loads
from tracer.cassettes.literal import serialize
from tracer.errors import CassetteError
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

ASKED = {"model": "gemini-3.5-flash", "input": "Grüße 🎈"}
TRICKY = list("ab: #-'\"\\{}[]|>\n \t\r\x85\u2028\u2029\ufeff\x00\x7f\xa0é😀\ud7ff\ue000\uffff\U0010ffff%@`&*!?,")


def kept(one: Exchange) -> Exchange:
    """What a cassette is to bring back: where it was recorded stays out."""
    return replace(one, run=None, project=None, account=None)


def unary(**more: Any) -> Exchange:
    return exchange(ASKED, answer("v1_a", text="Hallo 🎈\nzwei"), **more)


def stream(**more: Any) -> Exchange:
    return exchange(
        {**ASKED, "stream": True}, text_stream("v1_b", ["Hal", "lo 🎈"]), at_us=1_795_338_000_123_456, **more
    )


def test_exchanges_come_back_whole() -> None:
    broken = stream(outcome=Outcome.CUT, error="connection reset", notes=("a note",))
    get = exchange(
        None, answer("v1_a"), path="/v1beta/interactions/v1_a", query=(("include_input", "true"), ("x", "a b&c"))
    )
    recorded = [unary(), stream(), broken, get]
    assert loads(dumps(recorded)) == [kept(one) for one in recorded]


def test_bodies_are_block_literals() -> None:
    text = dumps([unary(), stream()])
    assert f"    body: |-\n      {json.dumps(ASKED)}\n" in text
    assert '      string: |+\n        event: interaction.created\n        data: {"event_type"' in text
    assert "\\n" not in text.replace(json.dumps("Hallo 🎈\nzwei")[1:-1], "")
    assert yaml.safe_load(text)["version"] == 1


def test_emoji_in_a_body_stay_readable() -> None:
    body = json.dumps({"said": "🎈 ü"}, ensure_ascii=False).encode()
    assert "🎈 ü" in dumps([exchange(ASKED, body)])


@given(st.text(st.sampled_from(TRICKY)) | st.text())
def test_any_text_comes_back_exactly(body: str) -> None:
    data = {"interactions": [{"request": {"body": body}, "response": {"body": {"string": body}}}]}
    text = serialize(data).encode()
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        interaction = yaml.load(text.decode(), Loader=loader)["interactions"][0]
        assert interaction["request"]["body"] == body == interaction["response"]["body"]["string"]


@given(st.binary())
def test_any_bytes_come_back_exactly(body: bytes) -> None:
    recorded = replace(exchange(ASKED, body), request_body=body)
    (read,) = loads(dumps([recorded]))
    assert (read.request_body, read.response_body) == (body, body)


def test_uris_are_those_of_the_service() -> None:
    loopback = {"origin": "http://127.0.0.1:4000"}
    vertex = "/gate/v1beta1/projects/p/locations/l/interactions"
    recorded = [
        unary(**loopback, path="/gate/v1/interactions"),
        unary(**loopback, path=vertex),
        exchange(None, {}, **loopback, path="/v1/files/a"),
        unary(origin="https://us-central1-aiplatform.googleapis.com", path=vertex.removeprefix("/gate")),
    ]
    assert [one["request"]["uri"] for one in yaml.safe_load(dumps(recorded))["interactions"]] == [
        "https://generativelanguage.googleapis.com/v1/interactions",
        f"https://aiplatform.googleapis.com{vertex.removeprefix('/gate')}",
        "https://generativelanguage.googleapis.com/v1/files/a",
        f"https://us-central1-aiplatform.googleapis.com{vertex.removeprefix('/gate')}",
    ]


def test_headers_of_the_connection_stay_out_and_repeated_ones_come_back() -> None:
    recorded = unary(
        request_headers=(("Host", "127.0.0.1"), ("User-Agent", "A"), ("user-agent", "B")),
        response_headers=(("Server-Timing", "a"), ("Content-Encoding", "gzip"), ("server-timing", "b")),
    )
    (read,) = loads(dumps([recorded]))
    assert read.request_headers == (("User-Agent", "A, B"),)
    assert read.response_headers == (("Server-Timing", "a"), ("Server-Timing", "b"))


def test_metadata_says_what_was_recorded() -> None:
    one = stream()
    facts = yaml.safe_load(dumps([one, unary()]))["metadata"]["tracer"]
    assert facts["format"] == 1
    assert facts["exchanges"][one.key] == {
        "started_at": "2026-11-22T09:00:00.123456Z",
        "headers_us": 62500,
        "ended_us": 1_000_000,
        "outcome": "complete",
        "dialect": "steps",
        "sdk": "google-genai-sdk/3.4.0 gl-python/3.13.0",
        "request_size": one.request_size,
        "body_hash": body_hash(one.response_body),
        "chunks": [[chunk.at_us, chunk.wire_size, chunk.size] for chunk in one.chunks],
    }


def test_exchange_without_a_response_is_left_out() -> None:
    assert loads(dumps([exchange(ASKED, status=None, outcome=Outcome.FAILED)])) == []


def test_edited_body_loses_its_times() -> None:
    text = dumps([stream()])
    (read,) = loads(text.replace("Hal", "HAL"))
    assert b"HAL" in read.response_body
    assert read.chunks == ()
    assert read.notes == ("the body was edited after it was recorded, so its chunk times are left out",)
    assert loads(text)[0].notes == ()


def test_plain_vcrpy_cassette_is_read() -> None:
    (read,) = loads(
        "version: 1\ninteractions:\n- request: {method: POST, uri: 'https://generativelanguage.googleapis.com/v1beta/"
        "interactions?x=1', body: '{}', headers: {A: [b]}}\n  response: {status: {code: 200, message: OK}, "
        "headers: {C: [d, e]}, body: {string: '{}'}}\n"
    )
    assert (read.method, read.path, read.query) == ("POST", "/v1beta/interactions", (("x", "1"),))
    assert read.response_headers == (("C", "d"), ("C", "e"))
    assert read.outcome is Outcome.COMPLETE


def test_encoded_body_of_plain_vcrpy_is_decoded() -> None:
    coded = base64.b64encode(gzip.compress(b'{"id":"v1_a"}')).decode()
    text = (
        "version: 1\ninteractions:\n- request: {method: GET, uri: 'https://a/v1/x', body: null, headers: {}}\n"
        "  response: "
        "{status: {code: 200, message: OK}, headers: {Content-Encoding: [gzip]}, body: {string: BODY}}\n"
    )
    for body in (f"!!binary {coded}", '\'{"id":"v1_a"}\''):
        assert loads(text.replace("BODY", body))[0].response_body == b'{"id":"v1_a"}'


WHOLE = dumps([unary()])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version: 1\ninteractions: [{", "chat.yaml is not a readable cassette: while parsing"),
        ("just text", "has no list of interactions"),
        ("version: 1\ninteractions: {}", "has no list of interactions"),
        ("interactions: []", "its version is None instead of 1"),
        ("version: 2\ninteractions: []", "has format 2, and this version reads up to 1: update interactions-tracer"),
        (WHOLE.replace("format: 1", "format: 7"), "chat.yaml has format 7, and this version reads up to 1"),
        (WHOLE.replace("format: 1", "format: x"), "has format 'x'"),
        (WHOLE.replace("method: POST\n", "verb: POST\n"), "recording 1 is incomplete (KeyError('method'))"),
        (WHOLE.replace("code: 200", "code: soon"), "recording 1 is incomplete"),
        (WHOLE.replace("outcome: complete", "outcome: odd"), "recording 1 is incomplete"),
        (WHOLE.replace("version: 1", "version: !!python/object:os.system 1"), "is not a readable cassette"),
        ("\x00", "is not a readable cassette"),
        ("version: 1\ninteractions: [x]", "recording 1 is incomplete"),
        ("version: 1\ninteractions: []\nmetadata: {tracer: x}", "metadata"),
        ("version: 1\ninteractions: []\nmetadata: [x]", "metadata"),
        (WHOLE.split("metadata:")[0] + "metadata: {tracer: {exchanges: [x]}}", "metadata"),
    ],
)
def test_damage_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(CassetteError) as refused:
        loads(text, "chat.yaml")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_cut_off_anywhere_it_is_refused() -> None:
    text = dumps([unary(), stream(), exchange(ASKED, b"\xff\x00binary")])
    for end in range(1, len(text) - 1):
        if end % 31 and text[end] != "\n":
            continue
        with pytest.raises(CassetteError, match=r"chat\.yaml is not a readable cassette"):
            loads(text[:end], "chat.yaml")
    assert len(loads(text[:-1])) == 3


def test_vcrpy_writes_it_back_without_loss() -> None:
    from vcr.serialize import deserialize
    from vcr.serialize import serialize as vcr_serialize
    from vcr.serializers import yamlserializer

    recorded = [unary(), stream(outcome=Outcome.CUT, error="reset"), exchange(ASKED, b"\xff\x00binary")]
    requests, responses, metadata = deserialize(dumps(recorded), yamlserializer)
    again = vcr_serialize({"requests": requests, "responses": responses, "metadata": metadata}, yamlserializer)
    # vcrpy sorts by name.
    recorded = [replace(one, request_headers=tuple(sorted(one.request_headers))) for one in recorded]
    assert loads(again) == [kept(one) for one in recorded]
    assert loads(dumps(loads(again))) == [kept(one) for one in recorded]


def test_vcrpy_plays_it(tmp_path: Path) -> None:
    import httpx
    import vcr

    (tmp_path / "chat.yaml").write_text(dumps([unary(), stream()]))
    url = "https://generativelanguage.googleapis.com/v1/interactions"
    with vcr.use_cassette(str(tmp_path / "chat.yaml"), record_mode="none", match_on=["method", "uri", "body"]) as tape:
        answered = httpx.post(url, content=json.dumps(ASKED), headers={"content-type": "application/json"})
        assert answered.json() == answer("v1_a", text="Hallo 🎈\nzwei")
        streamed = httpx.post(url, content=json.dumps({**ASKED, "stream": True}))
        assert streamed.content == stream().response_body
        assert tape.all_played


def test_reading_imports_no_vcr() -> None:
    code = (
        "import sys; from tracer.cassettes.format import loads; loads('version: 1\\ninteractions: []\\n'); "
        "print({'vcr', 'httpx', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
