"""Facts -> groups, one per interaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from tracer.identity.facts import Facts
from tracer.wire.keys import content_key


@dataclass(frozen=True, slots=True)
class Group:
    """The exchanges of one interaction, by start."""

    facts: tuple[Facts, ...]

    @property
    def first(self) -> Facts:
        """The earliest exchange; of those at one instant the one with the smallest key."""
        start = self.facts[0].started_at_us
        if len(self.facts) == 1 or self.facts[1].started_at_us != start:
            return self.facts[0]
        return min(takewhile(lambda fact: fact.started_at_us == start, self.facts), key=lambda fact: fact.key)

    @property
    def key(self) -> str:
        """The record's key."""
        return self.first.key

    @property
    def interaction_id(self) -> str | None:
        """The id as the app knows it: of several hops the last one's."""
        told = [fact.interaction_id for fact in self.facts if fact.interaction_id and fact.operation == "create"]
        return told[-1] if told else next((fact.interaction_id for fact in self.facts if fact.interaction_id), None)

    @property
    def previous_id(self) -> str | None:
        """What the first create continued, or what a get-only group's responses said."""
        if self.facts[0].operation == "create":
            return self.facts[0].previous_id
        return next((fact.previous_id for fact in self.facts if fact.previous_id), None)


def ghost_key(project: str, origin: str, interaction_id: str) -> str:
    """The key of an interaction that is only known as somebody's parent."""
    return content_key(0, b"ghost", project.encode(), origin.encode(), interaction_id.encode())


def group(facts: Iterable[Facts]) -> list[Group]:
    """The groups of a set of facts, by start. Keys must be unique per project; each fact lands in one group."""
    members: list[list[Facts]] = []
    attempts = _OpenAttempts()
    by_id: dict[tuple[tuple[str, str], str], int] = {}
    by_token: dict[tuple[tuple[str, str], str], int] = {}
    by_lone_id: dict[tuple[tuple[str, str], str], int] = {}
    for fact in sorted(facts, key=lambda fact: fact.order):
        place: int | None = None
        if fact.operation == "create":
            place = attempts.predecessor(fact)
            if place is None and fact.sent_token:
                place = by_token.get((fact.scope, fact.sent_token))
        elif fact.interaction_id:
            name = (fact.scope, fact.interaction_id)
            place = by_id.get(name)
            if place is None:
                place = by_lone_id.setdefault(name, len(members))
        if place is None or place == len(members):
            place = len(members)
            members.append([])
        members[place].append(fact)
        if fact.operation == "create":
            attempts.add(fact, place)
            by_token.update({(fact.scope, token): place for token in fact.given_tokens})
            if fact.interaction_id:
                by_id[fact.scope, fact.interaction_id] = place
    return [Group(tuple(some)) for some in members]


class _OpenAttempts:
    """Failed attempts that no retry has followed up yet; the one that ended first is followed up first."""

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[int, str, int, int]]] = {}

    def add(self, fact: Facts, place: int) -> None:
        if fact.fingerprint and fact.retry_until_us is not None:
            over_at = fact.started_at_us if fact.ended_at_us is None else fact.ended_at_us
            attempt = (over_at, fact.key, fact.retry_until_us, place)
            self._open.setdefault(fact.fingerprint, []).append(attempt)

    def predecessor(self, fact: Facts) -> int | None:
        waiting = self._open.get(fact.fingerprint or "")
        if not waiting or fact.first_attempt:
            return None
        waiting[:] = [attempt for attempt in waiting if attempt[2] > fact.started_at_us]
        over = [attempt for attempt in waiting if attempt[0] <= fact.started_at_us]
        if not over:
            return None
        followed = min(over)
        waiting.remove(followed)
        return followed[3]
