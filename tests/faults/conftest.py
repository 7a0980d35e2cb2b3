"""A recording proxy in a process of its own, a scripted service, raw clients that write down what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tracer.store.reader import Reader
from tracer.store.schema import open_for_reading
from tracer.testing import answer, sse_chunks, text_stream

PATIENCE = 100
EVENTS = sse_chunks(text_stream("v1_a", [f"word{number} " for number in range(6)]))

type Answer = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Answers a create whose `input` is the first argument."""


@dataclass
class Proxy:
    """`tracer proxy`."""

    process: Any
    port: int
    said: str = ""

    @property
    def ingester(self) -> int:
        """The process id of its ingester."""
        pid = self.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    async def stop(self) -> str:
        """End it; what it said on stderr."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        _, said = await self.process.communicate()
        self.said += said.decode()
        return self.said


@dataclass
class Ground:
    """Where one test happens: a service on loopback, a folder with a database."""

    folder: Path
    port: int
    db: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {"TRACER_HOME": str(self.folder), "TRACER_DB": str(self.db), "TRACER_PROJECT": "faults"}
        return {**os.environ, **own, **self.variables}

    @property
    def journal(self) -> Path:
        return self.db.with_name(f"{self.db.name}.journal")

    @asynccontextmanager
    async def proxy(self) -> AsyncIterator[Proxy]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tracer", "proxy", "--listen", "127.0.0.1:0", "--json",
            "--upstream", f"http://127.0.0.1:{self.port}", env=self.environment, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        subject = Proxy(process, 0)
        try:
            ready = json.loads(await process.stdout.readline())  # type: ignore[union-attr]
            subject.port = int(ready["url"].rsplit(":", 1)[1])
            yield subject
        finally:
            await subject.stop()

    async def tracer(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tracer", *arguments]
        return await asyncio.to_thread(
            subprocess.run, command, env=self.environment, cwd=self.folder, capture_output=True, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip

    def stored(self) -> dict[str, tuple[dict[str, Any], Any]]:
        """The `input` of every recorded create -> its record and its exchange. The database must be sound.

        A call whose request has not wholly crossed yet is left out.
        """
        connection = open_for_reading(self.db)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        found: dict[str, tuple[dict[str, Any], Any]] = {}
        with Reader(self.db) as reader:
            for row in reader.interactions(None, "faults", limit=10_000):
                for exchange in filter(lambda one: one.request_body, reader.exchanges(row.key)):
                    found[json.loads(exchange.request_body)["input"]] = (reader.record(row.key), exchange)
        return found


@pytest.fixture
def ground(tmp_path: Path) -> Callable[..., Any]:
    """`ground(answer)` opens a service and a folder; everything together may take as long as one may wait."""

    @asynccontextmanager
    async def opened(answer: Answer, *, db: Path | None = None) -> AsyncIterator[Ground]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await answer(json.loads(await body_of(reader))["input"], reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with asyncio.timeout(PATIENCE), server:
            yield Ground(tmp_path, server.sockets[0].getsockname()[1], db or tmp_path / "t.db")

    return opened


async def body_of(reader: asyncio.StreamReader) -> bytes:
    """The body of the next request on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))


def create(text: str, *, stream: bool = True, more: bytes = b"") -> bytes:
    body = json.dumps({"model": "m", "input": text, "stream": stream}).encode()
    return b"POST /v1/interactions HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


async def whole_answer(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An unremarkable answer that echoes what it was asked."""
    body = json.dumps(answer(f"v1_{len(name)}", text=f"re: {name}")).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def ask(port: int, text: str, **options: Any) -> bytes:
    """Everything that came back on a connection of its own, until it ended or the answer's length was reached."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(create(text, more=b"Connection: close\r\n", **options))
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            got += data
    writer.close()
    return got


@pytest.fixture
def wire() -> Any:
    """Helpers of this file for the tests beside it."""

    class Wire:
        events = EVENTS
        create = staticmethod(create)
        ask = staticmethod(ask)
        whole_answer = staticmethod(whole_answer)

    return Wire


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


@pytest.fixture
def in_ingester(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """`in_ingester(code)` gives the variables with which the ingester runs some code before its own."""
    return lambda code: _injected(tmp_path, code, "tracer.capture.ingest")


@pytest.fixture
def in_proxy(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """The same for the proxy."""
    return lambda code: _injected(tmp_path, code, "tracer")


def _injected(folder: Path, code: str, module: str) -> dict[str, str]:
    place = folder / "injected"
    place.mkdir()
    only = f'import sys\nif sys.orig_argv[-1:] and "{module}" in sys.orig_argv:\n'
    (place / "sitecustomize.py").write_text(only + "".join(f"    {line}\n" for line in code.splitlines()))
    return {"PYTHONPATH": str(place)}
