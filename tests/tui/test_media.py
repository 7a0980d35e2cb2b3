"""Images, audio, video and documents: named, drawn, opened."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from pathlib import Path

import pytest
from drawn import ask, detail, transcript, write

from tracer.testing import answer, exchange
from tui import media, takeaway
from tui.blocks import blocks
from tui.transcript import bodies


def png(width: int, height: int, color: bytes = b"\xff\x00\x00") -> str:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + color * width) * height)
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(body).decode()


IMAGE = {"type": "image", "mime_type": "image/png", "data": png(80, 40)}


def test_an_image_is_drawn_in_half_blocks_no_wider_than_the_pane():
    drawn = media.picture(IMAGE, 30)
    assert len(drawn[0]) == 30
    assert len(drawn) == 8
    assert drawn[0][0].text == "▀"
    assert drawn[0][0].style.color.get_truecolor() == (255, 0, 0)


@pytest.mark.parametrize(
    "item",
    [
        {**IMAGE, "data": base64.b64encode(b"\x89PNG\r\n\x1a\nbroken").decode()},
        {**IMAGE, "data": "???"},
        {**IMAGE, "data": png(1, 1)[:40]},
        {"type": "image", "uri": "https://example.com/a.png"},
        {"type": "audio", "data": "AAAA", "mime_type": "audio/wav"},
    ],
)
def test_what_is_no_picture_is_named_only(item):
    assert media.picture(item, 30) == []


def test_a_picture_that_claims_to_be_huge_is_not_decoded():
    assert media.picture({**IMAGE, "data": png(20_000, 1).replace(png(20_000, 1), huge())}, 30) == []


def huge() -> str:
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()


def test_pictures_are_drawn_only_where_there_are_colours():
    shown = blocks(detail(exchange(ask([IMAGE]), answer("v1_a", text="Red."))))
    assert len(bodies(shown, 60)[0]) == 1
    assert len(bodies(shown, 60, pictures=True)[0]) > 10


def test_every_kind_is_named_with_what_is_known():
    content = [
        {"type": "audio", "data": "AAAA" * 3000, "mime_type": "audio/wav", "sample_rate": 24000},
        {"type": "video", "uri": "https://example.com/v", "mime_type": "video/mp4", "name": "clip"},
        {"type": "document", "uri": "files/abc", "mime_type": "application/pdf"},
    ]
    steps = [{"type": "model_output", "content": content}]
    shown = transcript(detail(exchange(ask("Go"), answer("v1_a", steps=steps))), 80)
    assert "▣ audio  audio/wav  8.8 kB  24000 Hz  o opens it" in shown
    assert "▣ video  video/mp4  clip  https://example.com/v  o opens it" in shown
    assert "▣ document  application/pdf  files/abc  o opens it" in shown


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose opener writes down what it was given."""
    said = tmp_path / "opened.txt"
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {said}.part && mv {said}.part {said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    return said


def kept(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mode & 0o777


async def test_o_opens_what_the_block_carries(opened, tmp_path, desktop):
    write(
        tmp_path / "m.db", exchange(ask([IMAGE, {"type": "text", "text": "What is it?"}]), answer("v1_a", text="Red."))
    )
    async with opened(tmp_path / "m.db", folder=tmp_path / "screen") as driver:
        await driver.press("l", "l", "o")
        while not desktop.exists():
            await driver.pilot.pause()
        assert "opened with xdg-open" in driver.text("#hints")
    path = Path(desktop.read_text())
    assert path.parent == tmp_path / "screen"
    assert kept(path) == (base64.b64decode(IMAGE["data"]), 0o600)


async def test_of_several_one_is_chosen(opened, tmp_path, desktop):
    content = [IMAGE, {"type": "video", "uri": "https://example.com/v", "mime_type": "video/mp4"}]
    write(tmp_path / "m.db", exchange(ask(content), answer("v1_a", text="Red.")))
    async with opened(tmp_path / "m.db", folder=tmp_path / "screen") as driver:
        await driver.press("l", "l", "o", "2")
        while not desktop.exists():
            await driver.pilot.pause()
        assert desktop.read_text() == "https://example.com/v"


def test_without_a_desktop_the_path_is_said(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert takeaway.opened(IMAGE, tmp_path).startswith(f"no desktop to open it on: it is in {tmp_path / 'image-'}")
    assert (
        takeaway.opened({"type": "document", "uri": "files/a"}, tmp_path)
        == "there is nothing here to open: document  files/a"
    )
