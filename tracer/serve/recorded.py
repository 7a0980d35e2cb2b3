"""What a test's exchanges mean: its interactions and their trees; and an emulator in the place of a cassette.

Folding and the emulator are imported only by tests that ask for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer import identity
from tracer.normalize import normalize
from tracer.player.reply import Player
from tracer.player.rules import Rules
from tracer.player.script.reader import read_script
from tracer.player.script.source import Scripted
from tracer.player.state import Engine
from tracer.records.interaction import Interaction
from tracer.tree import Node, arrange
from tracer.wire.exchange import Exchange

_SEED = 1
"""Emulated ids are the same in every run."""


def records(exchanges: Sequence[Exchange]) -> list[Interaction]:
    """The interactions that exchanges make, by start."""
    by_key = {exchange.key: exchange for exchange in exchanges}
    facts = [fact for exchange in by_key.values() if (fact := identity.read(exchange))]
    groups = identity.group(facts)
    return [normalize([by_key[fact.key] for fact in group.facts], key=group.key) for group in groups]


def tree(interactions: Sequence[Interaction]) -> list[Node[Interaction]]:
    """The interactions in drawing order."""
    keys = {record.id: record.key for record in interactions if record.id}
    return arrange(
        interactions,
        key=lambda record: record.key,
        parent=lambda record: keys.get(record.previous_interaction_id or ""),
        order=lambda record: (record.key,),
    )


def emulator(rules: str | None) -> Player:
    """The built-in answers, or those of a script before them."""
    source = Rules()
    return Engine(source if rules is None else Scripted(read_script(rules, "the rules"), source), seed=_SEED)
