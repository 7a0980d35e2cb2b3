"""What the readers of recordings give, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.wire.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Found:
    """An exchange as the file tells it: not yet redacted, bodies content-decoded."""

    exchange: Exchange
    """Its key is empty if the file has none; then one is made from the content."""
    at: int
    """How far into the file, in bytes, reading has come."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that is not, or can't become, an exchange."""

    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Reached:
    """Nothing but how far reading has come."""

    at: int


type Item = Found | Skipped | Reached
