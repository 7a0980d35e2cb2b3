"""Asks Linux for short turns on the CPU: where others compute, the proxy has its next one sooner, and no more of them.

Since Linux 6.12 a task may say how long the turns are that it wants (`sched_runtime` of an ordinary task in
sched_setattr(2), 0.1 to 100 ms): of two that have had their fair share, the one that wants the shorter turn goes
first. Earlier kernels take the call and change nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterator

TURN_NS = 100_000
"""A piece of a stream takes less."""

# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_OTHER = 0
_RESET_ON_FORK = 1
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}


@contextlib.contextmanager
def short_turns() -> Iterator[bool]:
    """Within the block this thread has them, its children have not; whether the kernel took it."""
    taken = _ask_for(TURN_NS)
    try:
        yield taken
    finally:
        if taken:
            _ask_for(0)


def _ask_for(turn_ns: int) -> bool:
    if sys.platform != "linux" or os.sched_getscheduler(0) not in (_OTHER, _OTHER | os.SCHED_RESET_ON_FORK):
        return False
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if nice < 0:
        # Children would lose what somebody gave to all of them.
        return False
    flags = _RESET_ON_FORK if turn_ns else 0
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, _OTHER, flags, nice, 0, turn_ns, 0, 0)
    try:
        return bool(ctypes.CDLL(None).syscall(number, 0, attributes, 0) == 0)
    except (OSError, AttributeError):
        return False
