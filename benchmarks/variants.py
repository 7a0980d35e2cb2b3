"""The ways to the upstream that benchmarks/proxy.py compares, and the processes behind them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import loads

BARE = '"""Streams every response, keeps nothing."""\n\n\ndef responseheaders(flow):\n    flow.response.stream = True\n'
TICKS = os.sysconf("SC_CLK_TCK")
ALL_PARTS = ("unary", "load", "sse", "many", "start", "soak")
_READY_SECONDS = 180


@dataclass
class Variant:
    """One way to the stub, and the process whose cost counts."""

    name: str
    port: int
    pids: list[int] = field(default_factory=list)
    share: int = 1
    """One of so many requests is enough: it is slow."""
    parts: tuple[str, ...] = ALL_PARTS
    """What it takes part in."""
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


@dataclass(frozen=True)
class Way:
    """How a variant is started, or why it can't be."""

    name: str
    command: Callable[[int], list[str]] | None = None
    """Its command line for a port."""
    absent: str = ""
    share: int = 1
    parts: tuple[str, ...] = ALL_PARTS


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server process that answers, and how many seconds that took. Raises SystemExit if it does not in time."""
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
            if time.perf_counter() - start > _READY_SECONDS:
                raise SystemExit(f"{command[0]} does not answer after {_READY_SECONDS} s")
            time.sleep(0.01)
        yield process, time.perf_counter() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def ways(folder: Path, upstream: int, *, parts: Sequence[str] = (), litellm: str | None = None) -> list[Way]:
    """All variants but the direct one. `parts` are more of ours, each with only these parts of the tuning."""
    bin_folder = Path(sys.executable).parent
    addon = folder / "bare.py"
    addon.write_text(BARE)
    target = f"http://127.0.0.1:{upstream}"

    def mitmdump(port: int) -> list[str]:
        return [
            str(bin_folder / "mitmdump"), "-q", "--mode", f"reverse:{target}", "--listen-host", "127.0.0.1",
            "--listen-port", str(port), "-s", str(addon), "--set", f"confdir={folder / 'mitm'}",
        ]  # fmt: skip

    def tracer(port: int) -> list[str]:
        return [
            sys.executable, "-m", "tracer", "proxy", "--listen", f"127.0.0.1:{port}", "--upstream", target,
            "--db", str(folder / "tracer.db"), "--json",
        ]  # fmt: skip

    def only(some: str) -> Way:
        return Way(f"only {some}", lambda port: ["env", f"TRACER_PROXY_TUNING={some}", *tracer(port)])

    return [
        _nginx(folder, upstream),
        Way("mitmdump", mitmdump),
        _litellm(folder, target, litellm),
        Way("tracer", tracer),
        *map(only, parts),
    ]


def _nginx(folder: Path, upstream: int) -> Way:
    nginx = shutil.which("nginx")
    if nginx is None:
        return Way("nginx", absent="not installed")

    def command(port: int) -> list[str]:
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
            "events { worker_connections 8192; } http { access_log off; keepalive_requests 1000000;"
            f"upstream stub {{ server 127.0.0.1:{upstream}; keepalive 512; }}"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://stub; proxy_http_version 1.1;"
            'proxy_set_header connection ""; proxy_buffering off; } } }'
        )
        return [nginx, "-e", f"{folder}/nginx.log", "-p", str(folder), "-c", str(config)]

    return Way("nginx", command)


def _litellm(folder: Path, target: str, python: str | None) -> Way:
    cached = sorted(Path(__file__).parents[1].glob(".cache/clients/litellm*/bin/python"))
    beside = shutil.which("litellm")
    candidates = [python] if python else [sys.executable, *([str(Path(beside).parent / "python")] if beside else [])]
    found = next((each for each in [*candidates, *([] if python else map(str, cached))] if _has_litellm(each)), None)
    if found is None:
        return Way("litellm", absent="no Python with litellm[proxy] was found: name one with --litellm PYTHON")
    config = folder / "litellm.yaml"
    model = f"litellm_params: {{model: gemini/{loads.MODEL}, api_key: {loads.KEY}}}"
    config.write_text(f"model_list:\n  - model_name: {loads.MODEL}\n    {model}\n")

    def command(port: int) -> list[str]:
        return [
            "env", "LITELLM_LOCAL_MODEL_COST_MAP=True", f"GEMINI_API_BASE={target}", "LITELLM_LOG=CRITICAL",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true",
            str(Path(found).parent / "litellm"), "--host", "127.0.0.1", "--port", str(port),
            "--telemetry", "False", "--config", str(config),
        ]  # fmt: skip

    # It takes tens of milliseconds for what the others do in one, and 20 s to start.
    return Way("litellm", command, share=16, parts=("unary", "load", "sse"))


def _has_litellm(python: str) -> bool:
    looked = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ['litellm', 'fastapi', 'uvicorn'])))"
    try:
        return subprocess.run([python, "-c", looked], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
