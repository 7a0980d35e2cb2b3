"""What answers the calls of a test: its cassette, the service while it is being recorded, or an emulator.

`Session` is also what the fixture `interactions` gives a test.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from tracer.cassettes import files, index
from tracer.cassettes.recorded import admitted, merged
from tracer.cassettes.scrub import Scrubber
from tracer.errors import ReplayMiss, UsageError
from tracer.player.matching import call_of
from tracer.player.recording import Recording
from tracer.player.reply import Call, Player, Reply, ReplyChunk
from tracer.player.tape import Polls, Tape, is_retryable
from tracer.serve.hosts import ADDRESSES, Hosts, OtherHosts, Place
from tracer.serve.live import LiveExchange
from tracer.wire.exchange import Exchange
from tracer.wire.redact import Redactor

if TYPE_CHECKING:
    from tracer.records.interaction import Interaction
    from tracer.serve.faults import Fault
    from tracer.tree import Node

type Mode = Literal["none", "once", "new_episodes", "all", "rewrite"]
"""`none` replays. `once` records if there is no cassette, else replays. `new_episodes` replays what the cassette holds
and records the rest. `all` records every call; recordings of other requests stay. `rewrite` records every call, and
the cassette holds nothing else then."""

KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
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
        other_hosts: OtherHosts = "pass",
        remedy: str = "record it again",
        scrub: Sequence[str] = (),
    ) -> None:
        """Reads the cassette. Raises CassetteError if it is damaged, UsageError for a wrong path in `ignore`.

        `errors` keeps answers of 400 and above when recording; `remedy` tells in a miss how to record again; what
        the regular expressions of `scrub` match is neither kept nor compared.
        """
        self.cassette = path
        self.mode = mode
        self.running = False
        """Whether it has a fixture's calls at the moment."""
        self.misses: list[str] = []
        self.compared: list[str] = []
        """The commands that show a missed request beside the nearest recording."""
        self.blocked: list[str] = []
        """Calls to other hosts that `other_hosts="block"` stopped."""
        self.recorded: list[Exchange] = []
        self.hosts = Hosts(hosts, others=other_hosts)
        self._other_hosts = other_hosts
        self._errors = errors
        self._scrubber = Scrubber(scrub)
        self._lock = threading.Lock()
        self._live: list[LiveExchange] = []
        self._secrets: set[str] = set()
        self._missing = not path.exists()
        self._remedy = remedy
        self.records_all = mode in ("all", "rewrite") or (mode == "once" and self._missing)
        self.records_new = self.records_all or mode == "new_episodes"
        self._held = index.contents(path)
        self._values: dict[str, Any] = {}
        self._tape = Tape(
            self._held.recordings, polls=polls, ignore=ignore, speed=speed, source=str(path), remedy=remedy
        )
        self._faults: list[Fault] = []
        self._emulator: Player | None = None
        self._emulated: list[Exchange] = []

    @property
    def replayed(self) -> list[Exchange]:
        """What was answered from the cassette."""
        return list(self._tape.played)

    @property
    def exchanges(self) -> list[Exchange]:
        """What crossed so far, replayed, emulated or recorded, redacted."""
        with self._lock:
            return [*self._tape.played, *self._emulated, *self.recorded]

    @property
    def requests(self) -> list[Call]:
        """The requests behind `exchanges`, as they were recorded."""
        return [call_of(exchange) for exchange in self.exchanges]

    @property
    def records(self) -> list[Interaction]:
        """The interactions that these exchanges make, by start."""
        from tracer.serve.recorded import records

        return records(self.exchanges)

    def tree(self) -> list[Node[Interaction]]:
        """The interactions as trees: nodes in drawing order, each with its depth and its guide characters."""
        from tracer.serve.recorded import tree

        return tree(self.records)

    @property
    def unplayed(self) -> list[Recording]:
        """The recordings that nothing has asked for; none while everything is recorded anew."""
        return [] if self.records_all or self._emulator is not None else self._tape.unplayed

    @property
    def held(self) -> list[Recording]:
        """What the cassette held at the start."""
        return self._held.recordings

    @property
    def speed(self) -> float:
        """0 replays streams at once, 1 as slowly as they were recorded, N that much faster."""
        return self._tape.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._tape.speed = speed

    def fault(self, spec: str) -> None:
        """Let replayed calls go wrong: `429,times=2`, `cut`, `stall,at=0.3`, ... as `tracer emulate --fault` has it.

        Without effect while recording. Raises UsageError for a fault that is not known.
        """
        from tracer.serve.faults import parse_fault

        fault = parse_fault(spec)
        with self._lock:
            self._faults.append(fault)

    def emulator(self, rules: str | None = None) -> None:
        """Answer from an emulator from now on: the built-in answers, or the rules of a script (YAML text).

        Raises ScriptError for a mistake in the rules.
        """
        from tracer.serve.recorded import emulator

        with self._lock:
            self._emulator = emulator(rules)

    def metadata(self, key: str, default: Any) -> Any:
        """A value that is stored in the cassette when it is recorded, and is the same in every replay, such as a time.

        `default` is plain data, or a function that gives it.
        """
        if key == "tracer":
            raise UsageError("the metadata 'tracer' is the cassette's own: choose another name")
        if key in self._values:
            return self._values[key]
        if key in self._held.values and not self.records_all:
            return self._held.values[key]
        value = default() if callable(default) else default
        if self.records_new:
            self._values[key] = value
        return value

    def arrive(self, call: Call, place: Place) -> Reply | LiveExchange:
        """What answers a call: a reply, or the live exchange that the transport is to perform and report to."""
        if place.foreign:
            if self._other_hosts == "block":
                return self._block(call, place)
            call = replace(call, path=place.origin + place.path)
        with self._lock:
            if self._emulator is not None:
                return self._emulate(self._emulator, call, place)
            if not self.records_all:
                try:
                    return self._replay(self._scrubber.call(call) if self._scrubber else call)
                except ReplayMiss as miss:
                    if not self.records_new:
                        return self._miss(call, miss)
            secret = Redactor(path=call.path, query=call.query, headers=call.headers).account_secret
            if secret:
                self._secrets.add(secret)
            live = LiveExchange(replace(call, path=place.path), place, self._done)
            self._live.append(live)
            return live

    def close(self, *, failed: bool = False, keep: bool = True) -> None:
        """End what is still running, and write what was recorded if it is to be kept.

        Raises CassetteError if it can't be kept; the old file is then as it was. A test that failed half-way does not
        rewrite its cassette.
        """
        for live in self._live:
            live.left()
        if not keep or not (self.recorded or self._values) or (failed and self.mode == "rewrite"):
            return
        recorded = [self._scrubber.exchange(exchange) for exchange in self.recorded]
        new = admitted(recorded, errors=self._errors, name=str(self.cassette))
        secrets = {*self._secrets, *(os.environ.get(name, "") for name in KEY_VARIABLES)}

        def change(old: list[Exchange]) -> list[Exchange]:
            return new if self.mode == "rewrite" and new else merged(old, new, replace=self.records_all)

        files.update(self.cassette, change, secrets=secrets, values=self._values)

    def _replay(self, call: Call) -> Reply:
        fault = next((fault for fault in self._faults if fault.strikes(call, 0)), None)
        if fault is None:
            return self._tape.answer(call, 0)
        instead = fault.instead()
        if instead is None:
            return fault.applied(self._tape.answer(call, 0))
        names = {name.lower() for name, _ in instead.headers}
        if is_retryable(instead.status) and not names & {"retry-after", "retry-after-ms"}:
            return replace(instead, headers=(*instead.headers, ("retry-after-ms", "1")))
        return instead

    def _emulate(self, player: Player, call: Call, place: Place) -> Reply:
        live = LiveExchange(call, place, self._emulated.append)
        reply = player.answer(call, live.started_us)
        live.started(reply.status, reply.headers)
        for chunk in reply.chunks:
            live.data(chunk.data)
        if reply.cut:
            live.broke(ConnectionError("the emulator broke the stream"))
        live.ended()
        return reply

    def _miss(self, call: Call, miss: ReplayMiss) -> Reply:
        text = str(miss)
        if self._missing:
            text = f"there is no cassette {self.cassette} to answer {call.method} {call.path}; {self._remedy}"
        elif miss.nearest is not None:
            from tracer.serve import missed

            compare = missed.command(self._scrubber.call(call), self.cassette, miss.nearest)
            if compare:
                self.compared.append(compare)
                text = f"{text}\n  compare: {compare}"
        self.misses.append(text)
        return _refusal(text)

    def _block(self, call: Call, place: Place) -> Reply:
        text = (
            f"{call.method} {place.origin}{place.path} is neither the Interactions API nor allowed: "
            "replace the call, or mark the test with other_hosts='record' or 'pass'"
        )
        with self._lock:
            self.misses.append(text)
            self.blocked.append(text)
        return _refusal(text)

    def _done(self, exchange: Exchange) -> None:
        with self._lock:
            self.recorded.append(self._located(exchange))

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


def _refusal(text: str) -> Reply:
    body = json.dumps({"error": {"code": "replay_miss", "message": text}}, ensure_ascii=False).encode()
    return Reply(MISS_STATUS, (("content-type", "application/json"),), (ReplyChunk(0, body),))
