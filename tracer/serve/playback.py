"""Cassettes as a player for a server: one tape of all of them, with faults if asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tracer.cassettes import index
from tracer.errors import CassetteError
from tracer.player.reply import Call, Player, Reply
from tracer.player.tape import Polls, Tape
from tracer.serve.faults import Fault, Faulty
from tracer.serve.hosts import ADDRESSES
from tracer.wire import routes


class Playback:
    """Plays cassettes to a server's clients, which are led back to that server where the service led them on."""

    def __init__(
        self,
        cassettes: Sequence[Path],
        *,
        speed: float = 0,
        polls: Polls = "collapse",
        ignore: Sequence[str] = (),
        faults: Sequence[Fault] = (),
    ) -> None:
        """Raises CassetteError for a cassette that is not there or can't be read, UsageError for a wrong `ignore`."""
        for cassette in cassettes:
            if not cassette.is_file():
                raise CassetteError(f"there is no cassette {str(cassette)!r}: give the path of one")
        recordings = [recording for cassette in cassettes for recording in index.contents(cassette).recordings]
        source = ", ".join(map(str, cassettes))
        self.tape = Tape(recordings, speed=speed, polls=polls, ignore=ignore, source=source, remedy="record it again")
        self._player: Player = Faulty(self.tape, faults) if faults else self.tape
        self.url = ""
        """Where the server is; to be set once it is known."""

    def answer(self, call: Call, now_us: int) -> Reply:
        """The recorded reply. Raises ReplayMiss."""
        reply = self._player.answer(call, now_us)
        headers = tuple(
            (name, self._led(value) if name.lower() in ADDRESSES else value) for name, value in reply.headers
        )
        return replace(reply, headers=headers)

    def _led(self, value: str) -> str:
        return self.url + value.removeprefix(routes.GEMINI_ORIGIN) if value.startswith(routes.GEMINI_ORIGIN) else value
