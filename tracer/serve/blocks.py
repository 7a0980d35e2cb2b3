"""A stretch of a process in which Interactions calls are replayed from a cassette, or recorded into it.

with tracer.replay("bug_417.interactions.yaml"):
    run_my_agent()
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tracer.errors import CassetteError, ReplayMiss
from tracer.player.tape import Polls
from tracer.serve import children, transport
from tracer.serve.session import KEY_VARIABLES, Session
from tracer.settings import scrub_rules

REPLAY_KEY = "replayed-without-a-key"
"""Stands in for a key where none is set: SDK clients refuse to be built without one."""


def start(session: Session, *, over: Session | None = None) -> None:
    """Begin to hand it calls, and through the relay those of this process's children; for a while `over` another."""
    transport.install(session, over=over)
    children.attach(session, offline=not session.records_new)


def stop(session: Session) -> None:
    """Calls go through again."""
    children.detach(session)
    transport.remove(session)


@contextmanager
def replay(
    path: str | Path, *, ignore: Sequence[str] = (), polls: Polls = "collapse", speed: float = 0
) -> Iterator[Session]:
    """Answer Interactions calls of this process and its children from a cassette; nothing reaches the service.

    A stand-in key is in the environment if none is set. Raises ReplayMiss at the end if a call had no recording,
    even if the app swallowed the error that it got; CassetteError if there is no readable cassette.
    """
    place = Path(path)
    if not place.exists():
        raise CassetteError(f"there is no cassette {path}: record it first, with `tracer.record({str(path)!r})`")
    session = Session(
        place,
        ignore=ignore,
        polls=polls,
        speed=speed,
        remedy=f"record it again with `tracer.record({str(path)!r})`",
        scrub=scrub_rules(Path.cwd()),
    )
    with _stand_in_key(), _started(session):
        try:
            yield session
        except Exception as error:
            for miss in session.misses:
                error.add_note(miss)
            raise
    if session.misses:
        raise ReplayMiss(session.misses[0])


@contextmanager
def record(path: str | Path, *, errors: bool = False) -> Iterator[Session]:
    """Let Interactions calls of this process and its children through to the service and keep them in a cassette.

    What was recorded replaces older recordings of the same requests. `errors` keeps answers of 400 and above too.
    Raises CassetteError at the end if the recording can't be kept; nothing is written if the block itself raises.
    """
    session = Session(Path(path), mode="all", errors=errors, scrub=scrub_rules(Path.cwd()))
    with _started(session):
        yield session
    session.close()


@contextmanager
def _started(session: Session) -> Iterator[None]:
    start(session)
    try:
        yield
    finally:
        stop(session)


_key_lock = threading.Lock()
_key_users = 0


@contextmanager
def _stand_in_key() -> Iterator[None]:
    global _key_users  # noqa: PLW0603
    with _key_lock:
        # Blocks in several threads share it; the last one takes it away.
        needed = _key_users > 0 or not any(os.environ.get(name) for name in KEY_VARIABLES)
        if needed:
            _key_users += 1
            os.environ[KEY_VARIABLES[0]] = REPLAY_KEY
    try:
        yield
    finally:
        with _key_lock:
            _key_users -= needed
            if needed and not _key_users and os.environ.get(KEY_VARIABLES[0]) == REPLAY_KEY:
                del os.environ[KEY_VARIABLES[0]]
