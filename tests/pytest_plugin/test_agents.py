"""The agent programs of `apps/agents.py`, recorded once against the emulator, replayed with no network and no key.

With REPLAY_SUITE=full (`make replay-suite`) three SDKs run them 20 times in random order, four processes at a time.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server

KEY = "AIzaSyCanary-0123456789_0123456789abcde"
FULL = os.environ.get("REPLAY_SUITE") == "full"
VERSIONS = ("3.4.0", "2.34.0", "1.75.0") if FULL else ("3.4.0",)
ROUNDS, AT_ONCE = (20, 4) if FULL else (1, 1)
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


@pytest.fixture(params=[pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in VERSIONS])
def run(
    request: pytest.FixtureRequest, sdk_test_python: Callable[[str], Path], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    python = sdk_test_python(request.param)
    (tmp_path / "test_agents.py").write_text((Path(__file__).parent / "apps" / "agents.py").read_text())
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "seen").mkdir()

    def run(*arguments: str, order: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        fixed = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SEEN": str(tmp_path / "seen")}
        return subprocess.run(
            [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={**fixed, "ORDER": str(order), **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


def test_agents_replay_the_same_each_time(run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    with Server(Engine(Rules(), seed=7), compress=True) as server:
        done = run("--interactions-record=once", GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=server.url, RECORDING="1")
    assert done.returncode == 0, done.stdout
    count = int(re.findall(r"(\d+) passed", done.stdout)[-1])
    assert count >= 30
    cassettes = {path: path.read_bytes() for path in tmp_path.rglob("*.interactions.yaml")}
    assert len(cassettes) == count
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in everything if KEY.encode() in path.read_bytes()] == []
    orders = random.Random(1).sample(range(1000), ROUNDS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in pool.map(lambda order: run("-o", "interactions_unplayed=fail", order=order), orders):
            assert done.returncode == 0, done.stdout
            assert f"{count} passed" in done.stdout
    assert {path: path.read_bytes() for path in cassettes} == cassettes
