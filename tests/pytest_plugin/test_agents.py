"""The agent programs of `apps/agents.py`, recorded once against the emulator, replayed with no network and no key.

With REPLAY_SUITE=full (`make replay-suite`) three SDKs run them 20 times in random order, in four workers. Replays
connect to nothing (the socket class refuses), and where Linux allows it there is no network that they could reach.
"""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server

KEY = "AIzaSyCanary-0123456789_0123456789abcde"
FULL = os.environ.get("REPLAY_SUITE") == "full"
VERSIONS = ("3.4.0", "2.34.0", "1.75.0") if FULL else ("3.4.0",)
ROUNDS, WORKERS = (20, ("-n", "4")) if FULL else (1, ())
LOOPBACK_ONLY = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of its own, in which nothing but loopback exists: for child processes and Node."""
CONFTEST = """
import os, random, socket
import pytest

if "RECORDING" not in os.environ:
    def connect(self, address):
        raise AssertionError(f"connected to {address!r}")

    socket.socket.connect = socket.socket.connect_ex = connect


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    random.Random(os.environ["ORDER"]).shuffle(items)
"""

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(1800)]

type Run = Callable[..., subprocess.CompletedProcess[str]]


@functools.cache
def without_network() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where that is not allowed."""
    tried = [*LOOPBACK_ONLY, "true"]
    found = shutil.which("unshare") and subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return LOOPBACK_ONLY if found else ()


@pytest.fixture(params=[pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in VERSIONS])
def run(request: pytest.FixtureRequest, sdk_test_python: Callable[[str], Path], tmp_path: Path) -> Run:
    python = sdk_test_python(request.param)
    (tmp_path / "test_agents.py").write_text((Path(__file__).parent / "apps" / "agents.py").read_text())
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "seen").mkdir()

    def run(
        *arguments: str, under: tuple[str, ...] = (), order: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        fixed = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SEEN": str(tmp_path / "seen")}
        return subprocess.run(
            [*under, str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={**fixed, "ORDER": str(order), **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


def test_agents_replay_the_same_each_time(run: Run, tmp_path: Path) -> None:
    with Server(Engine(Rules(), seed=7), compress=True) as server:
        done = run("--interactions-record=once", GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=server.url, RECORDING="1")
    assert done.returncode == 0, done.stdout
    count = int(re.findall(r"(\d+) passed", done.stdout)[-1])
    assert count >= 30
    cassettes = {path: path.read_bytes() for path in tmp_path.rglob("*.interactions.yaml")}
    assert len(cassettes) == count
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in everything if KEY.encode() in path.read_bytes()] == []
    for order in random.Random(1).sample(range(1000), ROUNDS):
        done = run(*WORKERS, "-o", "interactions_unplayed=fail", under=without_network(), order=order)
        assert done.returncode == 0, done.stdout
        assert f"{count} passed" in done.stdout
    assert {path: path.read_bytes() for path in cassettes} == cassettes


@pytest.mark.skipif(not FULL, reason="part of `make replay-suite`")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_replaying_process_connects_anywhere_but_to_the_relay(run: Run, tmp_path: Path) -> None:
    with Server(Engine(Rules(), seed=7), compress=True) as server:
        done = run("--interactions-record=once", GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=server.url, RECORDING="1")
    assert done.returncode == 0, done.stdout
    log = tmp_path / "calls"
    done = run(under=("strace", "-f", "-e", "trace=connect,sendto,listen", "-o", str(log)))
    assert done.returncode == 0, done.stdout
    calls = log.read_text()
    assert len(re.findall(r" listen\(", calls)) == 1
    internet = re.findall(
        r' (?:connect|sendto)\(.*sin6?_port=htons\((\d+)\), (?:sin_addr=inet_addr\("([^"]+)"\))?', calls
    )
    # The two children, Python and Node, reach the relay; the process of the tests connects to nothing.
    assert len({port for port, _ in internet}) == 1
    assert {address for _, address in internet} == {"127.0.0.1"}
