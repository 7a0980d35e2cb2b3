"""A disk that is full for a while: the traffic goes on, and what is missing is said and noted."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any


async def test_a_full_disk_stops_the_recording_and_not_the_traffic(ground: Any, wire: Any, tiny_disk: Path) -> None:
    begun, full = asyncio.Event(), asyncio.Event()

    async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for event in wire.events:
            writer.write(event)
            await writer.drain()
            if name == "through it all":
                begun.set()
                await full.wait()
        writer.close()

    async with ground(serve, db=tiny_disk / "t.db") as place:
        expected = b"".join(wire.events)
        async with place.proxy() as proxy:
            assert (await wire.ask(proxy.port, "before")).endswith(expected)
            through = asyncio.create_task(wire.ask(proxy.port, "through it all"))
            await begun.wait()
            with contextlib.suppress(OSError), (tiny_disk / "filler").open("wb", buffering=0) as filler:
                while filler.write(b"x" * 4096):
                    pass
            for number in range(3):
                assert (await wire.ask(proxy.port, f"while full {number}")).endswith(expected)
            full.set()
            assert (await through).endswith(expected)
            (tiny_disk / "filler").unlink()
            assert (await wire.ask(proxy.port, "after")).endswith(expected)
            said = await proxy.stop()
            assert proxy.process.returncode == 0
        stored = place.stored()
    assert "(No space left on device): traffic goes on, but is not recorded" in said
    assert "calls are missing or cut short" in said
    assert "Traceback" not in said
    assert {"before", "through it all", "after"} <= stored.keys()
    assert stored["after"][1].response_body == stored["before"][1].response_body == expected
    record, exchange = stored["through it all"]
    assert expected.startswith(exchange.response_body)
    assert record["state"] == "interrupted"
    assert any("No space left on device" in note for note in record["notes"])
    for name, (record, exchange) in stored.items():
        assert exchange.response_body == expected or record["notes"], name
