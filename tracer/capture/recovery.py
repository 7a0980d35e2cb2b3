"""What dead processes left in a journal folder: stored to its end, then deleted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.capture.ingester import Ingester
from tracer.capture.segments import SegmentSet, owner, set_names
from tracer.capture.tail import SetTail
from tracer.errors import JournalError
from tracer.store.writer import Writer

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0

_log = logging.getLogger("tracer.capture")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` found."""

    sets: int
    exchanges: int
    in_use: tuple[str, ...]
    """Sets that other processes own, each with what its lock file says of the owner."""


def recover(writer: Writer, folder: Path, *, patience: float = _PATIENCE_SECONDS) -> Recovered:
    """Store and delete every set whose process is gone; waits for sets that a dying proxy's ingester is finishing."""
    ingester = Ingester(writer)
    deadline = time.monotonic() + patience
    sets = 0
    pending = set_names(folder)
    in_use: list[str] = []
    while pending:
        in_use = []
        waiting: list[str] = []
        for name in pending:
            owned = SegmentSet.take_over(folder, name)
            if owned is not None:
                ingester.finish(owned, SetTail(folder, name))
                sets += 1
            elif (said := owner(folder, name)).endswith("ingests"):
                waiting.append(name)
            elif said:
                in_use.append(said)
        if waiting and time.monotonic() > deadline:
            in_use += [owner(folder, name) for name in waiting]
            break
        pending = waiting
        if pending:
            time.sleep(_POLL_SECONDS)
    return Recovered(sets, ingester.exchanges, tuple(in_use))


def left_behind(ingester: Ingester, folder: Path, own: str) -> Iterator[None]:
    """Stores the other sets of a folder whose process is gone, one a step: the own one waits for no long backlog."""
    for name in set_names(folder):
        if name == own:
            continue
        owned = SegmentSet.take_over(folder, name)
        if owned is None:
            continue
        try:
            ingester.finish(owned, SetTail(folder, name))
        except JournalError as error:
            _log.warning("%s", error)
            owned.release()
        yield
