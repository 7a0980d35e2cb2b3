"""Puts an emulator together: a script or none, limits, faults, clock, and the server around them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tracer.player.limits import GuideLimits, TextFirst
from tracer.player.reply import Player
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.player.turn import Source
from tracer.serve.clock import VirtualClock
from tracer.serve.faults import Fault, Faulty
from tracer.serve.server import Server

if TYPE_CHECKING:
    from tracer.player.script.model import Script

type DialectChoice = Literal["auto", "steps", "outputs", "guide"]

DAY_S = 86_400
RETENTION_S = {"free": DAY_S, "paid": 55 * DAY_S}
"""How long the service keeps interactions, by tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an emulator is like. `seed` makes it repeatable, its clock a virtual one too; times are in seconds."""

    script: Script | None = None
    dialect: DialectChoice = "auto"
    seed: int | None = None
    clock: Literal["real", "virtual"] | None = None
    retention: float | None = None
    job_time: float | None = None
    guide_limits: bool = False
    require_key: bool = False
    faults: Sequence[Fault] = ()
    pace: Pace | None = None


def emulator(options: Options, host: str = "127.0.0.1", port: int = 0, *, token: str | None = None) -> Server:
    """A server, not started yet, that is the service as the options want it."""
    source: Source = TextFirst(Rules()) if options.guide_limits else Rules()
    if options.script is not None:
        from tracer.player.script.source import Scripted

        source = Scripted(options.script, source)
    if options.guide_limits:
        source = GuideLimits(source)
    seed = secrets.randbits(64) if options.seed is None else options.seed
    player: Player = Engine(
        source,
        dialect=options.dialect,
        seed=seed,
        pace=options.pace,
        retention_us=_microseconds(options.retention),
        job_us=_microseconds(options.job_time),
        require_key=options.require_key,
    )
    if options.faults:
        player = Faulty(player, options.faults, seed)
    is_virtual = options.seed is not None if options.clock is None else options.clock == "virtual"
    clock = VirtualClock() if is_virtual else time.time
    return Server(player, host, port, token=token, clock=clock, compress=True)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1_000_000)
