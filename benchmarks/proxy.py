"""What a proxy costs: direct, nginx, a bare mitmdump that streams, and ours, interleaved in one run on loopback.

    python benchmarks/proxy.py [--rounds 5] [--streams 300] [--many 2000] [--only unary,load,sse,many,start]

Every figure is also given as a ratio to the bare mitmdump's of the same run: a busy machine moves both. nginx takes
part if it is installed. Needs the proxy extra.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUEST = json.dumps({"model": "gemini-3.5-flash", "input": "word " * 400}).encode()
ANSWER = json.dumps(
    {
        "id": "v1_bench", "status": "completed", "model": "gemini-3.5-flash",
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": "word " * 340}]}],
    }
).encode()  # fmt: skip
BARE = '"""Streams every response, keeps nothing."""\n\n\ndef responseheaders(flow):\n    flow.response.stream = True\n'
PARTS: list[str] = []
"""More variants of ours, each with only these parts of the tuning (`--parts`)."""
TICKS = os.sysconf("SC_CLK_TCK")


class Stub(asyncio.Protocol):
    """The upstream: answers a POST at once; streams if the path says `/STREAMS/EVENTS/GAP_MS` after the API's."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        if "x-events=" in path:
            events, gap = path.split("x-events=", 1)[1].split("x")
            self._task = asyncio.get_running_loop().create_task(self._stream(int(events), int(gap) / 1000))
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
        self._transport.write(head + ANSWER)

    async def _stream(self, events: int, gap: float) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._transport.write(head)
        for _ in range(events):
            await asyncio.sleep(gap)
            if self._transport.is_closing():
                return
            event = b'event: step.delta\ndata: {"event_type":"step.delta","at":%20d,"delta":{"text":"%b"}}\n\n' % (
                time.monotonic_ns(),
                b"word " * 20,
            )
            self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        self._transport.write(b"0\r\n\r\n")


@dataclass
class Variant:
    """One way to the stub, and the process whose cost counts."""

    name: str
    port: int
    pids: list[int] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)

    def cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        total = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident(self) -> int:
        """KB of memory that its processes hold."""
        lines = [line for pid in self.pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def add(self, figure: str, value: float) -> None:
        """One more sample of a figure."""
        self.samples.setdefault(figure, []).append(value)


def post(path: str = "/v1/interactions") -> bytes:
    """A request of 2 KB."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(REQUEST)}"
    return head.encode() + b"\r\nx-goog-api-key: bench-key-0123456789\r\n\r\n" + REQUEST


def unary(variant: Variant, count: int) -> None:
    """One connection, one request after the other."""
    request, took = post(), list[float]()
    with socket.create_connection(("127.0.0.1", variant.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = 0.0
        for number in range(-20, count):
            if number == 0:
                before = variant.cpu()
            start = time.perf_counter()
            connection.sendall(request)
            _whole(connection)
            if number >= 0:
                took.append(time.perf_counter() - start)
    variant.add("unary p50 us", statistics.median(took) * 1e6)
    variant.add("unary cpu us", (variant.cpu() - before) / count * 1e6)


def _whole(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    missing = len(data.split(b"\r\n\r\n", 1)[0]) + 4 + len(ANSWER) - len(data)
    while missing > 0:
        missing -= len(connection.recv(65536))


async def load(variant: Variant, connections: int, count: int) -> None:
    """As many requests as go through at once."""
    request = post()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", variant.port)
        for _ in range(count // connections):
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(ANSWER))
        writer.close()

    start, before = time.perf_counter(), variant.cpu()
    await asyncio.gather(*(one() for _ in range(connections)))
    took = time.perf_counter() - start
    variant.add(f"c={connections} req/s", count / took)
    # What one core would do: independent of what else the machine is doing.
    variant.add(f"c={connections} req/cpu s", count / max(variant.cpu() - before, 1 / TICKS))


async def streams(variant: Variant, label: str, number: int, events: int, gap_ms: int) -> None:
    """Many streams at once; each event says when it was sent."""
    late: list[int] = []
    whole = 0
    gate = asyncio.Semaphore(50)
    before, memory, peak = variant.cpu(), variant.resident(), 0

    async def one() -> None:
        nonlocal whole
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", variant.port)
            writer.write(post(f"/v1/interactions?x-events={events}x{gap_ms}"))
            await reader.readuntil(b"\r\n\r\n")
        rest = b""
        while data := await reader.read(65536):
            now = time.monotonic_ns()
            rest += data
            while (mark := rest.find(b'"at":')) >= 0 and len(rest) >= mark + 25:
                late.append(now - int(rest[mark + 5 : mark + 25]))
                rest = rest[mark + 25 :]
            if rest.endswith(b"0\r\n\r\n"):
                whole += 1
                break
        writer.close()

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, variant.resident())
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one() for _ in range(number)))
    watching.cancel()
    assert len(late) == number * events, (variant.name, len(late))
    ordered = sorted(late)
    variant.add(f"{label} p50 ms", statistics.median(ordered) / 1e6)
    variant.add(f"{label} p99 ms", ordered[int(len(ordered) * 0.99)] / 1e6)
    variant.add(f"{label} cpu us/event", (variant.cpu() - before) / len(late) * 1e6)
    variant.add(f"{label} complete", whole)
    variant.add(f"{label} KB/stream", max(peak - memory, 0) / number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server process that answers, and how many seconds that took."""
    start = time.perf_counter()
    quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **quiet, **options)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with exit code {process.returncode}")
            time.sleep(0.01)
        yield process, time.perf_counter() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def commands(folder: Path, upstream: int) -> dict[str, Callable[[int], list[str]]]:
    """Variant -> its command line for a port."""
    bin_folder = Path(sys.executable).parent
    addon = folder / "bare.py"
    addon.write_text(BARE)
    target = f"http://127.0.0.1:{upstream}"
    found: dict[str, Callable[[int], list[str]]] = {}
    if nginx := shutil.which("nginx"):
        found["nginx"] = lambda port: _nginx(nginx, folder, port, upstream)
    found["mitmdump"] = lambda port: [
        str(bin_folder / "mitmdump"), "-q", "--mode", f"reverse:{target}", "--listen-host", "127.0.0.1",
        "--listen-port", str(port), "-s", str(addon), "--set", f"confdir={folder / 'mitm'}",
    ]  # fmt: skip
    found["tracer"] = lambda port: [
        sys.executable, "-m", "tracer", "proxy", "--listen", f"127.0.0.1:{port}", "--upstream", target,
        "--db", str(folder / "tracer.db"), "--json",
    ]  # fmt: skip
    for parts in PARTS:
        found[f"only {parts}"] = lambda port, parts=parts: [  # type: ignore[misc]
            "env", f"TRACER_PROXY_TUNING={parts}", *found["tracer"](port)
        ]  # fmt: skip
    return found


def _nginx(nginx: str, folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
        "events { worker_connections 8192; } http { access_log off; keepalive_requests 1000000;"
        f"upstream stub {{ server 127.0.0.1:{upstream}; keepalive 512; }}"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://stub; proxy_http_version 1.1;"
        'proxy_set_header connection ""; proxy_buffering off; } } }'
    )
    return [nginx, "-e", f"{folder}/nginx.log", "-p", str(folder), "-c", str(config)]


def measure(variants: Sequence[Variant], options: argparse.Namespace) -> None:
    """All variants in turn, as often as asked."""
    wanted = options.only.split(",")
    for number in range(options.rounds):
        # Each round begins with another one, so that none always runs after the same neighbour.
        for variant in [*variants[number % len(variants) :], *variants[: number % len(variants)]]:
            if "unary" in wanted:
                unary(variant, options.requests)
            if "load" in wanted:
                asyncio.run(load(variant, 16, options.requests))
            if "sse" in wanted:
                # 300 streams, 85 ms apart: about 3,500 events a second.
                asyncio.run(streams(variant, "sse", options.streams, 40, 85))
    for variant in variants:
        if "many" in wanted:
            asyncio.run(streams(variant, "many", options.many, 8, 1500))
        if options.soak:
            asyncio.run(load(variant, 16, 5_000))
            before = variant.resident()
            asyncio.run(load(variant, 16, options.soak))
            variant.add(f"KB more after {options.soak}", variant.resident() - before)


def table(variants: Sequence[Variant]) -> str:
    """Medians; in brackets the ratio to the bare mitmdump, of latencies after the direct way is taken off."""
    base = next(variant for variant in variants if variant.name == "mitmdump")
    direct = variants[0]
    lines = [f"{'':<24}" + "".join(f"{variant.name:>20}" for variant in variants)]
    for figure in base.samples:
        line = f"{figure:<24}"
        for variant in variants:
            if figure not in variant.samples:
                line += f"{'':>20}"
                continue
            value = statistics.median(variant.samples[figure])
            added = direct if " p50" in figure or " p99" in figure else None
            ratio = statistics.median(_ratio(*pair) for pair in _paired(variant, base, added, figure))
            shown = "" if variant is direct or "complete" in figure else f" [{ratio:.2f}]"
            line += f"{value:>11.1f}{shown:>9}"
        lines.append(line)
    return "\n".join(lines)


def _paired(variant: Variant, base: Variant, direct: Variant | None, figure: str) -> Iterator[tuple[float, float]]:
    zero = direct.samples[figure] if direct else [0.0] * len(base.samples[figure])
    for own, other, off in zip(variant.samples[figure], base.samples[figure], zero, strict=True):
        yield own - off, other - off


def _ratio(own: float, other: float) -> float:
    return own / other if other else float("nan")


def main() -> int:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_600, help="requests a round, one by one and 16 at once")
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--many", type=int, default=2_000)
    parser.add_argument("--soak", type=int, default=0, metavar="N", help="watch memory over N more requests")
    parser.add_argument("--only", default="unary,load,sse,many,start")
    parser.add_argument("--parts", action="append", default=[], help="one more variant of ours with this tuning only")
    parser.add_argument("--stub", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    PARTS[:] = options.parts
    if options.stub:
        asyncio.run(_serve_stub(options.stub))
        return 0
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, upstream = Path(name), _free_port()
        os.environ |= {"TRACER_HOME": name, "TRACER_PROJECT": "bench"}
        stub, _ = stack.enter_context(running([sys.executable, __file__, "--stub", str(upstream)], upstream))
        variants = [Variant("direct", upstream, [stub.pid])]
        for variant, command in commands(folder, upstream).items():
            if "start" in options.only:
                _starts(variants, variant, command)
            port = _free_port()
            process, took = stack.enter_context(running(command(port), port))
            known = next((each for each in variants if each.name == variant), None)
            if known is None:
                variants.append(known := Variant(variant, port))
            known.port, known.pids = port, [process.pid]
            known.add("ready s", took)
        for _ in variants[1].samples["ready s"]:
            variants[0].add("ready s", 0.0)
        measure(variants, options)
        sys.stdout.write(table(variants) + "\n")
    return 0


def _starts(variants: list[Variant], name: str, command: Callable[[int], list[str]]) -> None:
    variant = Variant(name, 0)
    variants.append(variant)
    for _ in range(3):
        port = _free_port()
        with running(command(port), port) as (_, took):
            variant.add("ready s", took)


async def _serve_stub(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port, backlog=4096)
    async with server:
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
