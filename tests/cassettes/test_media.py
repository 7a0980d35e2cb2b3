"""Large media stand beside a cassette and come back byte for byte."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
import vcr
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.cassettes import files, index, media
from tracer.errors import CassetteError
from tracer.testing import answer, exchange
from tracer.wire.exchange import Exchange

PICTURE = b"\x89PNG" + os.urandom(media.SHORTEST)
SOUND = b"OggS" + os.urandom(media.SHORTEST)


def picture(encoded: bytes) -> dict[str, str]:
    return {"type": "image", "data": encoded.decode(), "mime_type": "image/png"}


def recorded() -> list[Exchange]:
    ask = {"model": "gemini-3.5-flash", "input": [picture(base64.b64encode(PICTURE))]}
    made = answer("v1_a", steps=[{"type": "model_output", "content": [picture(base64.urlsafe_b64encode(SOUND))]}])
    return [
        exchange(ask, made, at_us=1_795_338_000_000_000),
        exchange(None, PICTURE, path="/v1beta/files/a:download", at_us=1_795_338_000_000_001),
        exchange({"model": "gemini-3.5-flash", "input": "Hi"}, answer("v1_b"), at_us=1_795_338_000_000_002),
    ]


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    path = tmp_path / "chat.interactions.yaml"
    files.update(path, lambda _: recorded())
    return path


def test_they_are_files_named_by_their_hash_and_come_back(cassette: Path) -> None:
    beside = sorted(file.read_bytes() for file in media.folder_of(cassette).iterdir())
    assert beside == sorted([PICTURE, SOUND])
    assert len(cassette.read_bytes()) < 6000
    for read in (files.load(cassette), [one.exchange for one in index.contents(cassette).recordings]):
        for before, after in zip(recorded(), read, strict=True):
            assert (after.request_body, after.response_body) == (before.request_body, before.response_body)
            assert (after.chunks, after.notes) == (before.chunks, ())


def test_inline_is_for_plain_vcrpy(cassette: Path) -> None:
    files.update(cassette, lambda old: old, inline=True)
    assert not media.folder_of(cassette).exists()
    with vcr.use_cassette(str(cassette), record_mode="none") as tape:
        assert tape.responses[1]["body"]["string"] == PICTURE
        assert tape.responses[0]["body"]["string"] == recorded()[0].response_body


def test_vcrpy_keeps_the_marks(cassette: Path) -> None:
    with vcr.use_cassette(str(cassette), record_mode="new_episodes") as tape:
        tape.dirty = True
    assert [one.response_body for one in files.load(cassette)] == [one.response_body for one in recorded()]


def test_files_go_with_their_recordings(cassette: Path) -> None:
    stranger = media.folder_of(cassette) / "note.txt"
    stranger.write_text("mine")
    files.update(cassette, lambda old: old[1:])
    assert {file.read_bytes() for file in media.folder_of(cassette).iterdir()} == {PICTURE, b"mine"}
    stranger.unlink()
    files.update(cassette, lambda old: old[1:])
    assert not media.folder_of(cassette).exists()


def test_crash_leaves_a_cassette_that_reads(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files.load(cassette)
    real = Path.replace

    def crash(draft: Path, target: Path) -> Path:
        if target == cassette:
            raise OSError("no space left")
        return real(draft, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(CassetteError, match="can't be written"):
        files.update(cassette, lambda _: [exchange(None, os.urandom(70_000), path="/v1beta/files/b:download")])
    assert files.load(cassette) == before


def test_file_that_is_gone_or_changed_is_one_sentence(cassette: Path) -> None:
    for damage, sentence in (("changed", "is not what"), ("gone", "can't be read")):
        for file in media.folder_of(cassette).iterdir():
            file.write_bytes(b"other") if damage == "changed" else file.unlink()
        with pytest.raises(CassetteError, match=sentence) as refused:
            files.load(cassette)
        assert "\n" not in str(refused.value)


def test_text_that_looks_like_a_mark_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = f"interactions-tracer:media:{'0' * 32}.png"
    one = exchange({"model": "m", "input": text}, answer("v1_a", text=text))
    files.update(path, lambda _: [one])
    (read,) = files.load(path)
    assert json.loads(read.request_body)["input"] == text
    assert read.response_body == one.response_body


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=40), st.sampled_from(["", "=", "==", "A", "-_", "+/", "-/"]), st.booleans())
def test_any_body_comes_back(head: bytes, tail: str, quoted: bool) -> None:
    long = base64.b64encode(head * (100_000 // max(1, len(head)))).decode() + tail
    body = json.dumps({"data": long, "more": [long]}).encode() if quoted else head + long.encode()
    marked, taken = media.taken_out(body)
    assert media.put_back(marked, taken.keys(), taken.__getitem__) == body
