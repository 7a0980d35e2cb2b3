"""A service that misbehaves, and clients that vanish: both sides get what they would get without us."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

LIMIT = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


async def misbehave(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    match name:
        case "resets before it answers":
            writer.transport.abort()
        case "closes before it answers":
            writer.close()
        case "answers garbage":
            writer.write(b"\x16\x03\x01\x02\x00garbage\r\n\r\n" * 20)
        case "answers half a head":
            writer.write(HEAD[:30])
        case "resets in a chunk":
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n400\r\nhalf of")
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        case "closes before the promised length":
            writer.write(HEAD + b"Content-Length: 1000\r\n\r\nonly this")
        case "garbage for a chunk":
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzzz\r\nrest")
        case "is no gzip":
            writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!")
        case "is binary in an event stream":
            writer.write(HEAD + b"Content-Length: 256\r\n\r\n" + bytes(range(256)))
        case "a bomb":
            packed = gzip.compress(b"0" * (32 << 20), 9, mtime=0)
            writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed))
            writer.write(packed)
        case _:
            body = json.dumps({"id": "v1_ok", "status": "completed"}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
    with contextlib.suppress(ConnectionError):
        await writer.drain()


UNANSWERED = ("resets before it answers", "closes before it answers", "answers garbage", "answers half a head")
CUT = ("resets in a chunk", "closes before the promised length", "garbage for a chunk")
ODD = ("is no gzip", "is binary in an event stream", "a bomb")


def body(raw: bytes) -> tuple[bytes, bool]:
    """What came of an answer's body, whatever the chunks it was cut into, and whether it came to its end."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        return rest, len(rest) == length
    got = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size.isalnum() or not all(digit in b"0123456789abcdef" for digit in size):
            return got, False
        if size == b"0":
            return got, True
        got += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return got, False


async def test_what_the_service_does_wrong_arrives_as_it_was(ground: Any, wire: Any, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.tracer]\nmax_body = {LIMIT}\n")
    got: dict[str, tuple[bytes, bytes]] = {}
    async with ground(misbehave) as place:
        async with place.proxy() as proxy:
            for name in (*UNANSWERED, *CUT, *ODD, "well"):
                got[name] = (await wire.ask(place.port, name), await wire.ask(proxy.port, name))
            said = await proxy.stop()
        stored = place.stored()
    for name, (direct, through) in got.items():
        if name in UNANSWERED:
            # What a client is told by any proxy.
            assert through.startswith(b"HTTP/1.1 502 "), name
        elif name in CUT:
            assert body(through) == body(direct), name
            assert not body(through)[1], name
        else:
            assert through == direct, name
    outcomes = {name: exchange.outcome.value for name, (_, exchange) in stored.items()}
    assert outcomes == {
        **dict.fromkeys(UNANSWERED, "failed"),
        **dict.fromkeys(CUT, "cut"),
        **dict.fromkeys((*ODD, "well"), "complete"),
    }
    for name in (*UNANSWERED, *CUT):
        assert stored[name][1].error, name
    assert "is not valid gzip" in stored["is no gzip"][0]["notes"][0]
    bomb = stored["a bomb"]
    assert len(bomb[1].response_body) == LIMIT
    assert any(f"the body is kept up to {LIMIT} bytes" in note for note in bomb[0]["notes"])
    assert "Traceback" not in said


async def test_a_byte_at_a_time_arrives_a_byte_at_a_time(ground: Any, wire: Any) -> None:
    seen = asyncio.Event()
    text = b": slow\n\nda"

    async def slow(_name: str, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        for place in range(len(text)):
            writer.write(text[place : place + 1])
            await writer.drain()
            # The next one comes when this one has been seen behind the proxy: in life, a second later.
            await seen.wait()
            seen.clear()

    async with ground(slow) as place:
        async with place.proxy() as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(wire.create("slow"))
            await reader.readuntil(b"\r\n\r\n")
            for place_of_byte in range(len(text)):
                assert await reader.readexactly(1) == text[place_of_byte : place_of_byte + 1]
                seen.set()
            assert await reader.read() == b""
            writer.close()
        record, exchange = place.stored()["slow"]
    assert [chunk.wire_size for chunk in exchange.chunks] == [1] * len(text)
    assert record["state"] == "truncated"


async def test_clients_that_vanish_before_they_have_asked_hold_up_nobody(ground: Any, wire: Any) -> None:
    head, body = wire.create("vanishes").split(b"\r\n\r\n", 1)
    async with ground(wire.whole_answer) as place:
        async with place.proxy() as proxy:
            for part in (b"", head[:40], head, head + b"\r\n\r\n", head + b"\r\n\r\n" + body[:5]):
                _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(part)
                await writer.drain()
                writer.transport.abort()
                assert await wire.ask(proxy.port, "well") == await wire.ask(place.port, "well")
            assert await proxy.stop() == ""
        listed = await place.tracer("list", "--json")
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    # Two of them had come as far as a request without its body, which looks like a call and its retry.
    states = Counter(record["state"] for record in records for _ in record["exchanges"])
    assert states == {"complete": 5, "truncated": 2}


@pytest.mark.parametrize("when", ["before the answer", "after the headers", "after some of the stream"])
async def test_a_client_that_vanishes_later_is_hung_up_on_at_the_service_too(ground: Any, wire: Any, when: str) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "after" in name:
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        if "stream" in name:
            writer.write(b"8\r\n: here\n\n\r\n")
        asked.set()
        # It pays for nothing that nobody reads.
        await reader.read()
        gone.set()

    async with ground(serve) as place:
        async with place.proxy() as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(wire.create(when))
            await asked.wait()
            if "after" in when:
                await reader.readuntil(b"here" if "stream" in when else b"\r\n\r\n")
            writer.transport.abort()
            await gone.wait()
            assert await proxy.stop() == ""
        _, exchange = place.stored()[when]
    assert exchange.outcome.value == "client_gone"
    assert exchange.response_body == (b": here\n\n" if "stream" in when else b"")


async def test_a_silent_service_holds_up_nobody_and_is_recorded_when_the_client_gives_up(
    ground: Any, wire: Any
) -> None:
    asked = asyncio.Event()

    async def stall(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if name == "well":
            await wire.whole_answer(name, reader, writer)
        else:
            asked.set()
            await reader.read()

    async with ground(stall) as place:
        async with place.proxy() as proxy:
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(wire.create("stalls"))
            await asked.wait()
            assert await wire.ask(proxy.port, "well") == await wire.ask(place.port, "well")
            writer.close()
            said = await proxy.stop()
        stored = place.stored()
    assert stored["stalls"][0]["state"] == "truncated"
    assert said == ""
