"""kill -9 of the proxy, of its ingester, of both, amid streams: what the clients saw is in the database afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tracer.store.reader import Reader
from tracer.store.schema import open_for_reading
from tracer.testing import sse_chunks, text_stream

STREAMS = int(os.environ.get("TRACER_FAULT_STREAMS", "12"))
"""How many streams finish and how many are running when the blow falls; `make faults` takes 50."""
PATIENCE = 100
EVENTS = sse_chunks(text_stream("v1_a", [f"word{number} " for number in range(6)]))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Streams everything to clients that ask `/whole`, else all but the end, and then is silent."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        whole = b"whole" in await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in EVENTS if whole else EVENTS[:-2]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        if whole:
            writer.write(b"0\r\n\r\n")
        await reader.read()
    writer.close()


async def stream(port: int, name: str, seen: dict[str, bytes], all_seen: asyncio.Event) -> None:
    """A client that writes down every byte of the body it gets."""
    body = json.dumps({"model": "m", "input": name, "stream": True}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /v1/interactions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    writer.write(head + body)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        expected = b"".join(EVENTS if "whole" in name else EVENTS[:-2])
        while size := int(await reader.readline() or b"0", 16):
            seen[name] += await reader.readexactly(size)
            await reader.readexactly(2)
            if seen[name] == expected:
                all_seen.set()
                if "whole" in name:
                    break
    writer.close()


@asynccontextmanager
async def proxy(folder: Path, upstream: int, environment: dict[str, str]) -> AsyncIterator[tuple[Any, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tracer", "proxy", "--listen", "127.0.0.1:0", "--json",
        "--upstream", f"http://127.0.0.1:{upstream}", env=environment, cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        ready = json.loads(await process.stdout.readline())  # type: ignore[union-attr]
        yield process, int(ready["url"].rsplit(":", 1)[1])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def ingester_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the ingester through /proc")
@pytest.mark.parametrize("victims", ["proxy", "ingester", "both"])
async def test_a_kill_loses_nothing_that_a_client_saw(tmp_path: Path, victims: str) -> None:
    environment = {
        **os.environ, "TRACER_HOME": str(tmp_path), "TRACER_DB": str(tmp_path / "t.db"), "TRACER_PROJECT": "faults",
    }  # fmt: skip
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    names = [f"{kind} {number}" for kind in ("whole", "running") for number in range(STREAMS)]
    seen = dict.fromkeys(names, b"")
    signs = {name: asyncio.Event() for name in names}
    upstream = server.sockets[0].getsockname()[1]
    async with (
        asyncio.timeout(PATIENCE),
        server,
        asyncio.TaskGroup() as clients,
        proxy(tmp_path, upstream, environment) as (process, port),
    ):
        for name in names:
            clients.create_task(stream(port, name, seen, signs[name]))
        for sign in signs.values():
            await sign.wait()
        if victims != "proxy":
            os.kill(ingester_of(process.pid), signal.SIGKILL)
        if victims != "ingester":
            os.kill(process.pid, signal.SIGKILL)
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "tracer", "recover"], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    check(tmp_path / "t.db", seen)


def check(db: Path, seen: dict[str, bytes]) -> None:
    connection = open_for_reading(db)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    stored: dict[str, Any] = {}
    with Reader(db) as reader:
        for row in reader.interactions(None, "faults", limit=10_000):
            for exchange in reader.exchanges(row.key):
                stored[json.loads(exchange.request_body)["input"]] = exchange
    assert stored.keys() == seen.keys()
    for name, body in seen.items():
        assert stored[name].response_body == body
        assert stored[name].outcome == ("complete" if "whole" in name else "interrupted")
        assert sum(chunk.size for chunk in stored[name].chunks) == len(body)
    assert not list(db.with_name(f"{db.name}.journal").glob("*.seg"))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Any:
    """A file system of 1 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_stops_the_recording_and_not_the_traffic(tmp_path: Path, tiny_disk: Path) -> None:
    environment = {
        **os.environ, "TRACER_HOME": str(tmp_path), "TRACER_DB": str(tiny_disk / "t.db"), "TRACER_PROJECT": "faults",
    }  # fmt: skip
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen = {f"whole {number}": b"" for number in range(4)}
    upstream = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(PATIENCE), server, proxy(tmp_path, upstream, environment) as (process, port):
        with contextlib.suppress(OSError), (tiny_disk / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        for name in seen:
            await stream(port, name, seen, asyncio.Event())
        (tiny_disk / "filler").unlink()
        process.send_signal(signal.SIGTERM)
        _, said = await process.communicate()
    assert set(seen.values()) == {b"".join(EVENTS)}
    assert b"traffic goes on" in said
    assert process.returncode == 0
