"""kill -9 of the proxy, of its ingester, of both, amid streams: what the clients saw is in the database afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STREAMS = int(os.environ.get("TRACER_FAULT_STREAMS", "12"))
"""How many streams finish and how many are running when the blow falls; `make faults` takes 50."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the ingester through /proc")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def pieces(name: str, events: list[bytes]) -> Iterator[bytes]:
    """A whole stream, or one without end."""
    yield from events[:-2]
    if name.startswith("whole"):
        yield from events[-2:]
        return
    while True:
        yield b": keep-alive\n\n"


async def read_chunks(port: int, request: bytes, seen: bytearray, enough: int, reached: asyncio.Event) -> None:
    """A client that writes down every byte of the body it gets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
        await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            seen += await reader.readexactly(size)
            await reader.readexactly(2)
            if len(seen) >= enough:
                reached.set()
    writer.close()


@pytest.mark.parametrize("victims", ["proxy", "ingester", "both"])
async def test_a_kill_loses_nothing_that_a_client_saw(ground: Any, wire: Any, victims: str) -> None:
    async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces(name, wire.events):
            writer.write(chunk(piece))
            await writer.drain()
            # The running ones are still sending when the blow falls.
            await asyncio.sleep(0 if name.startswith("whole") else 0.02)
        writer.write(b"0\r\n\r\n")

    names = [f"{kind} {number}" for kind in ("whole", "running") for number in range(STREAMS)]
    seen = {name: bytearray() for name in names}
    signs = {name: asyncio.Event() for name in names}
    whole, begun = len(b"".join(wire.events)), len(b"".join(wire.events[:-2])) + 1
    async with ground(serve) as place, place.proxy() as proxy:
        clients = [
            asyncio.create_task(
                read_chunks(proxy.port, wire.create(name), seen[name], whole if "whole" in name else begun, signs[name])
            )
            for name in names
        ]
        for sign in signs.values():
            await sign.wait()
        if victims != "proxy":
            os.kill(proxy.ingester, signal.SIGKILL)
        if victims != "ingester":
            proxy.process.kill()
        said = await proxy.stop()
        await asyncio.gather(*clients)
        done = await place.tracer("recover")
        stored = place.stored()
    assert done.returncode == 0, done.stderr
    assert stored.keys() == seen.keys()
    for name, body in seen.items():
        record, exchange = stored[name]
        assert exchange.response_body.startswith(body)
        if "whole" in name:
            assert (exchange.response_body, exchange.outcome) == (body, "complete")
            assert record["state"] == "complete"
        else:
            assert (exchange.outcome, record["state"]) == ("interrupted", "interrupted")
        assert sum(one.size for one in exchange.chunks) == len(exchange.response_body)
    assert list(place.journal.iterdir()) == []
    assert "Traceback" not in said + done.stderr
