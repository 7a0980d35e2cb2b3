"""The cache beside a cassette: used while the cassette is unchanged, made again when it is not, never needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tracer.cassettes import files, index
from tracer.cassettes import format as cassette_format
from tracer.errors import CassetteError
from tracer.testing import answer, exchange, text_stream
from tracer.wire.exchange import Exchange


@pytest.fixture
def recorded() -> list[Exchange]:
    return [
        exchange({"model": "m", "input": "Hi"}, answer("v1_a", text="Ah, ä.")),
        exchange({"model": "m", "input": "Ho", "stream": True}, text_stream("v1_b", ["Hel", "lo."]), at_us=7),
        exchange(None, b"\x00\xff", path="/v1/files/x", query=(("alt", "media"),), notes=("odd",)),
    ]


@pytest.fixture
def cassette(tmp_path: Path, recorded: list[Exchange]) -> Path:
    path = tmp_path / "a.yaml"
    files.update(path, lambda _: recorded, values={"now": 7})
    return path


def unread(*_: object) -> None:
    raise AssertionError("the YAML was read again")


def test_second_reading_needs_no_yaml(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = index.contents(cassette)
    monkeypatch.setattr(cassette_format, "read", unread)
    second = index.contents(cassette)
    assert second.values == first.values == {"now": 7}
    assert [one.exchange for one in second.recordings] == [one.exchange for one in first.recordings]
    assert [(one.key, one.operation, one.target, one.status) for one in second.recordings] == [
        (one.key, one.operation, one.target, one.status) for one in first.recordings
    ]
    (file,) = index.cache_folder().iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_large_cassette_is_not_even_read(
    cassette: Path, recorded: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"text": "' + b"word " * (1 << 18) + b'"}'
    files.update(cassette, lambda _: [replace(recorded[0], response_body=body, chunks=())])
    os.utime(cassette, (1, 1))
    index.contents(cassette)
    monkeypatch.setattr(Path, "read_bytes", unread)
    assert index.contents(cassette).recordings[0].exchange.response_body == body


def test_changed_cassette_is_read_again(cassette: Path) -> None:
    index.contents(cassette)
    stat = cassette.stat()
    cassette.write_bytes(cassette.read_bytes().replace(b"Ah", b"Oh"))
    os.utime(cassette, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert b"Oh, " in index.contents(cassette).recordings[0].exchange.response_body


@pytest.mark.parametrize("damage", [b"", b"interactions cassette index\n", b"x" * 100])
def test_damaged_cache_does_no_harm(cassette: Path, damage: bytes) -> None:
    whole = [one.exchange for one in index.contents(cassette).recordings]
    (file,) = index.cache_folder().iterdir()
    file.write_bytes(damage or file.read_bytes()[:-1])
    assert [one.exchange for one in index.contents(cassette).recordings] == whole


def test_cache_that_cannot_be_written_does_no_harm(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cassette.parent / "file").touch()
    monkeypatch.setenv("TRACER_HOME", str(cassette.parent / "file"))
    assert len(index.contents(cassette).recordings) == 3


def test_no_file_and_damaged_file(tmp_path: Path) -> None:
    assert index.contents(tmp_path / "none.yaml").recordings == []
    (tmp_path / "bad.yaml").write_text("interactions: [")
    with pytest.raises(CassetteError, match="is not a readable cassette"):
        index.contents(tmp_path / "bad.yaml")
