"""The proxy's turns on the CPU are short while it runs; nobody else's are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tracer.proxy.turns import TURN_NS, short_turns

_SLICE = re.compile(r"^se\.slice\s*:\s*(\d+)$", re.MULTILINE)


def turn_ns(text: str) -> int:
    return int(_SLICE.findall(text)[0])


def own_turn_ns() -> int:
    return turn_ns(Path(f"/proc/self/task/{threading.get_native_id()}/sched").read_text())


@pytest.fixture(autouse=True)
def kernel() -> None:
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if sys.platform != "linux" or not release or (int(release[1]), int(release[2])) < (6, 12):
        pytest.skip("only Linux from 6.12 on lets a task say how long its turns are")
    if not Path("/proc/self/sched").exists() or os.nice(0) < 0:
        pytest.skip("this kernel does not show turns, or this process has a priority of its own")


def test_turns_are_short_within_the_block_only() -> None:
    before = own_turn_ns()
    with short_turns() as taken:
        assert taken
        assert own_turn_ns() == TURN_NS < before
        assert os.getpriority(os.PRIO_PROCESS, 0) == os.nice(0)
    assert own_turn_ns() == before


def test_a_child_of_the_proxy_has_turns_as_anybody_has() -> None:
    before = own_turn_ns()
    with short_turns():
        child = subprocess.run(["cat", "/proc/self/sched"], capture_output=True, text=True, check=True, timeout=20)
    assert turn_ns(child.stdout) == before
