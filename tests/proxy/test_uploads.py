"""A resumable upload in reverse mode: its second step comes through the proxy and reaches the upstream as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tracer.proxy.uploads import restored, through_us
from tracer.proxy.upstream import Upstream

PATIENCE = 20
BASE = "http://127.0.0.1:8080"
KNOWN = (Upstream.parse("http://gateway:9000/some/path"),)


@pytest.mark.parametrize(
    "url",
    [
        "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=a%2Fb&upload_protocol=resumable",
        "http://gateway:9000/up?x=https://generativelanguage.googleapis.com/",
    ],
)
def test_what_is_led_through_us_is_restored(url: str) -> None:
    led = through_us(url, BASE, KNOWN)
    assert led is not None
    assert led.startswith(f"{BASE}/_upload/")
    found = restored(led.removeprefix(BASE), KNOWN)
    assert found is not None
    assert found[0].origin + found[1] == url


@pytest.mark.parametrize(
    "url", ["https://example.com/upload", "http://generativelanguage.googleapis.com/", "nonsense", "https://[::1/x", ""]
)
def test_other_hosts_are_not_reached_through_us(url: str) -> None:
    assert through_us(url, BASE, KNOWN) is None
    assert restored(f"/_upload/{url.replace('://', '/')}", KNOWN) is None


@pytest.mark.parametrize("token", [None, "right-token"])
async def test_both_steps_of_an_upload_come_through(stage: Any, wire: Any, token: str | None) -> None:
    media = bytes(range(256)) * 8192  # 2 MB: is streamed
    asked: list[Any] = []

    async def upstream(peer: Any) -> None:
        asked.append(first := await peer.message())
        if "/upload?id=1" not in first.first_line:
            port = peer.writer.get_extra_info("sockname")[1]
            await peer.send(
                b"HTTP/1.1 200 OK\r\nX-Goog-Upload-URL: http://127.0.0.1:%d/upload?id=1\r\n" % port
                + b"Content-Length: 0\r\n\r\n"
            )
            return
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with stage(upstream, token=token) as subject:
        host = ":".join(map(str, subject.address)).encode()
        lead = f"/t/{token}" if token else ""
        async with asyncio.timeout(PATIENCE):
            started = wire.post(b"{}", path=f"{lead}/upload/v1beta/files").replace(b"Host: x", b"Host: " + host)
            _, got = await subject.ask(started)
            url = got.header("x-goog-upload-url")
            assert url.startswith(f"{subject.url}{lead}/_upload/http/127.0.0.1:")
            _, got = await subject.ask(wire.post(media, path=url.removeprefix(subject.url)))
            first, second = await subject.recordings.closed.get(), await subject.recordings.closed.get()
    assert got.body == b"{}"
    assert asked[1].first_line == "POST /upload?id=1 HTTP/1.1"
    assert asked[1].body == media
    assert (first.path, second.path) == ("/upload/v1beta/files", "/upload")
    assert (second.request_size, second.request_body) == (len(media), b"")
