"""The seam between the service's state and the source of its answers.

The engine keeps interactions, ids and life cycles; a source only says what the model does with one turn. Steps
speak the current API's words (WIRE.md section 7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from tracer.events import JsonObject
from tracer.player.failures import Failure
from tracer.player.ids import Mint
from tracer.player.stream import Break, Pace
from tracer.wire.exchange import Headers

_GIVEN = ("user_input", "function_result")


@dataclass(frozen=True, slots=True)
class Turn:
    """One create as a source sees it."""

    request: JsonObject
    """The body of the create, as sent."""
    input: list[JsonObject]
    """This turn's input as steps."""
    context: list[JsonObject]
    """Every step of the turns before it, inputs and outputs, oldest first."""
    mint: Mint
    """Where call ids and signatures come from."""
    attempt: int = 0
    """How many identical requests have failed before this one since the last that succeeded."""
    headers: Headers = ()
    """Of the request."""
    number: int = 1
    """Which turn of its conversation this is."""

    @property
    def agent(self) -> str | None:
        """The agent asked for, or None for a model."""
        agent = self.request.get("agent")
        return agent if isinstance(agent, str) else None

    def config(self) -> JsonObject:
        """`generation_config`, or `{}`."""
        config = self.request.get("generation_config")
        return config if isinstance(config, dict) else {}

    def without_history(self) -> Turn:
        """The turn with only what follows the model's last word as its input: a stateless app sends everything."""
        new = len(self.input)
        while new and self.input[new - 1].get("type") in _GIVEN:
            new -= 1
        told = [step.get("type") in _GIVEN for step in self.input[:new]]
        before = sum(given and not earlier for given, earlier in zip(told, [False, *told], strict=False))
        context = [*self.context, *self.input[:new]]
        return replace(self, input=self.input[new:], context=context, number=self.number + before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model does with a turn."""

    steps: list[JsonObject]
    status: str = "completed"
    errors: tuple[JsonObject, ...] = ()
    """`{code, message}` each, of a job that failed."""
    polls: int | None = None
    """At which get a background job is done; None for the engine's default."""
    takes_us: int | None = None
    """How long a background job takes by the clock; its gets then don't matter."""
    queued: int = 0
    """How many answers, the create's included, say that a background job is `queued` before it begins."""
    usage: JsonObject | None = None
    """Instead of what the engine would count."""
    pace: Pace | None = None
    """Instead of the engine's."""
    piece: int | None = None
    """How many characters of a text are streamed at once; None for whole words."""
    breaks: Break | None = None
    """How a stream of it goes wrong half way."""


class Source(Protocol):
    """Where answers come from when there is no recording: rules, or a script."""

    def answer(self, turn: Turn) -> Answer | Failure:
        """What happens on a turn; the same turn always gets the same answer."""
        ...
