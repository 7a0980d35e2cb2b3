"""What a proxy costs: direct, nginx, a bare mitmdump that streams, and ours, interleaved in one run on loopback.

    python benchmarks/proxy.py [--rounds 5] [--streams 300] [--many 2000] [--only unary,load,sse,many,start]

Every figure is also given as a ratio to the bare mitmdump's of the same run: a busy machine moves both. nginx takes
part if it is installed. Needs the proxy extra.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
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

import loads

BARE = '"""Streams every response, keeps nothing."""\n\n\ndef responseheaders(flow):\n    flow.response.stream = True\n'
PARTS: list[str] = []
"""More variants of ours, each with only these parts of the tuning (`--parts`)."""
TICKS = os.sysconf("SC_CLK_TCK")


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

    def settle(self) -> None:
        """Wait until its children (our ingester) have no more to do, so that they disturb no other variant."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            before = self.children()
            time.sleep(0.25)
            if self.children() - before <= 0.01:
                return

    def children(self) -> float:
        """Seconds of CPU that its processes' children have used."""
        children: list[str] = []
        for pid in self.pids:
            children += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return Variant("", 0, [int(child) for child in children]).cpu()

    def resident(self) -> int:
        """KB of memory that its processes hold."""
        lines = [line for pid in self.pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def add(self, figure: str, value: float) -> None:
        """One more sample of a figure."""
        self.samples.setdefault(figure, []).append(value)


def unary(variant: Variant, count: int) -> None:
    """One connection, one request after the other."""
    before = list[float]()
    median = loads.one_by_one(variant.port, count, warm=lambda: before.append(variant.cpu()))
    variant.add("unary p50 us", median * 1e6)
    variant.add("unary cpu us", (variant.cpu() - before[0]) / count * 1e6)


def load(variant: Variant, connections: int, count: int) -> None:
    """As many requests as go through at once."""
    before = variant.cpu()
    took = asyncio.run(loads.at_once(variant.port, connections, count))
    variant.add(f"c={connections} req/s", count / took)
    # What one core would do: independent of what else the machine is doing.
    variant.add(f"c={connections} req/cpu s", count / max(variant.cpu() - before, 1 / TICKS))


async def streams(variant: Variant, label: str, number: int, events: int, gap_ms: int) -> None:
    """Many streams at once; each event says when it was sent."""
    before, memory, peak = variant.cpu(), variant.resident(), 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, variant.resident())
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    late, whole = await loads.listen(variant.port, number, events, gap_ms)
    watching.cancel()
    ordered = sorted(late)
    variant.add(f"{label} p50 us", statistics.median(ordered) / 1e3)
    variant.add(f"{label} p99 ms", ordered[int(len(ordered) * 0.99)] / 1e6)
    variant.add(f"{label} cpu us/event", (variant.cpu() - before) / len(late) * 1e6)
    variant.add(f"{label} complete %", whole / number * len(late) / (number * events) * 100)
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
    # In this session, as an app and its proxy are: Linux shares the CPU out between sessions before it looks at nice.
    process = subprocess.Popen(command, process_group=0, **quiet, **options)
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
    parts: dict[str, tuple[int, Callable[[Variant], None]]] = {
        "unary": (options.requests, lambda variant: unary(variant, options.requests)),
        "load": (options.requests, lambda variant: load(variant, 16, options.requests)),
        # 300 streams, 85 ms apart: about 3,500 events a second.
        "sse": (options.streams * 40, lambda variant: asyncio.run(streams(variant, "sse", options.streams, 40, 85))),
    }
    for number in range(options.rounds):
        # Each round begins with another one, so that none always runs after the same neighbour.
        for variant in [*variants[number % len(variants) :], *variants[: number % len(variants)]]:
            for part, (events, run) in parts.items():
                if part in options.only.split(","):
                    before = variant.children()
                    run(variant)
                    variant.settle()
                    variant.add(f"{part} cpu us, ingester", (variant.children() - before) / events * 1e6)
    for variant in variants:
        if "many" in options.only.split(","):
            # What a process loads for its first streams is not what each of them costs.
            asyncio.run(loads.listen(variant.port, 50, 3, 10))
            asyncio.run(streams(variant, "many", options.many, 8, 1500))
        if options.soak:
            load(variant, 16, 5_000)
            before = variant.resident()
            load(variant, 16, options.soak)
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
        asyncio.run(loads.serve(options.stub))
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


if __name__ == "__main__":
    sys.exit(main())
