"""A stretch of a test process in which Interactions calls are replayed from a cassette, or recorded into it.

with tracer.replay("bug_417.interactions.yaml"):
    run_my_agent()
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tracer.cassettes import files
from tracer.cassettes.recorded import admitted, merged
from tracer.errors import CassetteError, ReplayMiss
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.player.tape import Polls, Tape
from tracer.serve import children, transport
from tracer.serve.hosts import ADDRESSES, Hosts, Place
from tracer.serve.live import LiveExchange
from tracer.wire.exchange import Exchange
from tracer.wire.redact import Redactor

if TYPE_CHECKING:
    from tracer.records.interaction import Interaction

type Mode = Literal["none", "once", "new_episodes", "all"]
"""`none` replays. `once` records if there is no cassette, else replays. `new_episodes` replays what the cassette holds
and records the rest. `all` records every call; recordings of other requests stay."""

KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
REPLAY_KEY = "replayed-without-a-key"
"""Stands in for a key where none is set: SDK clients refuse to be built without one."""
MISS_STATUS = 400
"""No SDK asks again after it."""


class Session:
    """Decides what answers each call, and keeps what crossed. Calls may come from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        mode: Mode = "none",
        ignore: Sequence[str] = (),
        polls: Polls = "collapse",
        errors: bool = False,
        speed: float = 0,
        hosts: Sequence[str] = (),
        remedy: str = "record it again",
    ) -> None:
        """Reads the cassette. Raises CassetteError if it is damaged, UsageError for a wrong path in `ignore`.

        `errors` keeps answers of 400 and above when recording; `remedy` tells in a miss how to record again.
        """
        self.cassette = path
        self.misses: list[str] = []
        self.hosts = Hosts(hosts)
        self._errors = errors
        self._lock = threading.Lock()
        self._recorded: list[Exchange] = []
        self._live: list[LiveExchange] = []
        self._secrets: set[str] = set()
        self._missing = not path.exists()
        self._remedy = remedy
        self._records_all = mode == "all" or (mode == "once" and self._missing)
        self._records_new = self._records_all or mode == "new_episodes"
        held = files.load(path)
        self._tape = Tape(held, polls=polls, ignore=ignore, speed=speed, source=str(path), remedy=remedy)

    @property
    def exchanges(self) -> list[Exchange]:
        """What crossed so far, replayed or recorded, redacted."""
        with self._lock:
            return [*self._tape.played, *self._recorded]

    @property
    def requests(self) -> list[Call]:
        """The requests behind `exchanges`, as they were recorded."""
        from tracer.player.matching import call_of

        return [call_of(exchange) for exchange in self.exchanges]

    @property
    def records(self) -> list[Interaction]:
        """The interactions that these exchanges make, by start."""
        from tracer import identity
        from tracer.normalize import normalize

        exchanges = {exchange.key: exchange for exchange in self.exchanges}
        facts = [fact for exchange in exchanges.values() if (fact := identity.read(exchange))]
        groups = identity.group(facts)
        return [normalize([exchanges[fact.key] for fact in group.facts], key=group.key) for group in groups]

    def arrive(self, call: Call, place: Place) -> Reply | LiveExchange:
        """What answers a call: a reply, or the live exchange that the transport is to perform and report to."""
        with self._lock:
            if not self._records_all:
                try:
                    return self._tape.answer(call, 0)
                except ReplayMiss as miss:
                    if not self._records_new:
                        return self._miss(call, miss)
            secret = Redactor(path=call.path, query=call.query, headers=call.headers).account_secret
            if secret:
                self._secrets.add(secret)
            live = LiveExchange(call, place, self._done)
            self._live.append(live)
            return live

    def close(self) -> None:
        """Write what was recorded. Raises CassetteError if it can't be kept; the old file is then as it was."""
        for live in self._live:
            live.left()
        if not self._recorded:
            return
        new = admitted(self._recorded, errors=self._errors, name=str(self.cassette))
        secrets = {*self._secrets, *(os.environ.get(name, "") for name in KEY_VARIABLES)}
        files.update(self.cassette, lambda old: merged(old, new, replace=self._records_all), secrets=secrets)

    def _miss(self, call: Call, miss: ReplayMiss) -> Reply:
        text = str(miss)
        if self._missing:
            text = f"there is no cassette {self.cassette} to answer {call.method} {call.path}; {self._remedy}"
        self.misses.append(text)
        body = json.dumps({"error": {"code": "replay_miss", "message": text}}, ensure_ascii=False).encode()
        return Reply(MISS_STATUS, (("content-type", "application/json"),), (ReplyChunk(0, body),))

    def _done(self, exchange: Exchange) -> None:
        with self._lock:
            self._recorded.append(self._located(exchange))

    def _located(self, exchange: Exchange) -> Exchange:
        """Addresses at which the service wants to be asked next, as they are at the service itself."""
        headers = tuple(
            (name, self._canonical(value)) if name.lower() in ADDRESSES else (name, value)
            for name, value in exchange.response_headers
        )
        return exchange if headers == exchange.response_headers else replace(exchange, response_headers=headers)

    def _canonical(self, url: str) -> str:
        parts = urlsplit(url)
        place = self.hosts.locate(parts.scheme, parts.hostname or "", parts.port, parts.path)
        return url if place is None else f"{place.origin}{place.path}{f'?{parts.query}' if parts.query else ''}"


@contextmanager
def intercepted(session: Session) -> Iterator[None]:
    """Hand it the calls of this process, and through the relay those of its children."""
    start(session)
    try:
        yield
    finally:
        stop(session)


def start(session: Session) -> None:
    """Begin to hand calls over."""
    transport.install(session)
    children.attach(session)


def stop(session: Session) -> None:
    """Calls go through again."""
    children.detach(session)
    transport.remove(session)


@contextmanager
def replay(
    path: str | Path, *, ignore: Sequence[str] = (), polls: Polls = "collapse", speed: float = 0
) -> Iterator[Session]:
    """Answer Interactions calls of this process from a cassette; nothing reaches the service.

    A stand-in key is in the environment if none is set. Raises ReplayMiss at the end if a call had no recording,
    even if the app swallowed the error that it got; CassetteError if there is no readable cassette.
    """
    place = Path(path)
    if not place.exists():
        raise CassetteError(f"there is no cassette {path}: record it first, with `tracer.record({str(path)!r})`")
    session = Session(
        place, ignore=ignore, polls=polls, speed=speed, remedy=f"record it again with `tracer.record({str(path)!r})`"
    )
    with _stand_in_key(), intercepted(session):
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
    """Let Interactions calls of this process through to the service and keep them in a cassette.

    What was recorded replaces older recordings of the same requests. `errors` keeps answers of 400 and above too.
    Raises CassetteError at the end if the recording can't be kept; nothing is written if the block itself raises.
    """
    session = Session(Path(path), mode="all", errors=errors)
    with intercepted(session):
        yield session
    session.close()


@contextmanager
def _stand_in_key() -> Iterator[None]:
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        yield
        return
    os.environ[KEY_VARIABLES[0]] = REPLAY_KEY
    try:
        yield
    finally:
        os.environ.pop(KEY_VARIABLES[0], None)
