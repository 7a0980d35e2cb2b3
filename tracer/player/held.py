"""The interactions a service holds: their life cycle, their chain, and what they look like at a moment."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.events import JsonObject
from tracer.player.ids import created
from tracer.player.turn import Answer

DEFAULT_POLLS = 3
"""At which get a background job is done."""
_QUEUED_SHARE = 5
"""A job that goes by the clock waits for the first fifth of its time, if it waits at all."""


@dataclass(slots=True, kw_only=True)
class Held:
    """One interaction at the service. Times are Unix microseconds."""

    id: str
    token: str
    first_token: str
    """The tokens the id is made of: of this turn, and of the first turn of its conversation."""
    request: JsonObject
    input: list[JsonObject]
    answer: Answer
    usage: JsonObject
    previous: Held | None
    created_us: int
    background: bool
    updated_us: int
    takes_us: int | None = None
    """How long a background job takes by the clock; None if it goes by its gets."""
    gets: int = 0
    ready_at_us: int | None = None
    """When a job that is being streamed has sent everything."""
    running: bool = False
    cancelled: bool = False
    streamed: bool = False
    """A stream of it has been sent from the beginning; only that one goes wrong if it is meant to."""

    @property
    def status(self) -> str:
        """The status as of the last call."""
        if self.cancelled:
            return "cancelled"
        if not self.running:
            return self.answer.status
        if not self.answer.queued:
            return "in_progress"
        if self.takes_us is None:
            return "queued" if self.gets < self.answer.queued else "in_progress"
        waited = self.updated_us - self.created_us
        return "queued" if waited * _QUEUED_SHARE < self.takes_us else "in_progress"

    def polled(self, now_us: int) -> None:
        """A get arrived: a running job moves on, and is done at its last poll."""
        self.tick(now_us)
        if self.running:
            self.gets += 1
            self.updated_us = now_us
            if self.takes_us is None and self.gets >= self._polls:
                self.finish(now_us)

    def tick(self, now_us: int) -> None:
        """Time went by: a job whose time is over, or whose stream has been sent whole, is done."""
        ends = [self.ready_at_us] if self.ready_at_us is not None else []
        ends += [self.created_us + self.takes_us] if self.takes_us is not None else []
        if self.running and ends and now_us >= min(ends):
            self.finish(min(ends))

    def finish(self, now_us: int) -> None:
        """The job is done."""
        self.running = False
        self.updated_us = now_us

    def cancel(self, now_us: int) -> None:
        """The job stops where it is."""
        self.cancelled, self.running = True, False
        self.updated_us = now_us

    @property
    def steps(self) -> list[JsonObject]:
        """What has been produced so far: all of it, or of an unfinished job what its polls have brought."""
        steps = self.answer.steps
        if not self.running and not self.cancelled:
            return steps
        if self.status == "queued":
            return []
        done, whole = self.gets, self._polls
        if self.takes_us is not None:
            done, whole = self.updated_us - self.created_us, max(self.takes_us, 1)
        return steps[: max(0, min(done, whole)) * max(0, len(steps) - 1) // whole]

    @property
    def _polls(self) -> int:
        return self.answer.queued + (self.answer.polls or DEFAULT_POLLS)

    def chain(self) -> list[Held]:
        """The turns of the conversation up to this one, first to last."""
        turns: list[Held] = []
        held: Held | None = self
        while held is not None:
            turns.append(held)
            held = held.previous
        return turns[::-1]

    def opening_fields(self) -> JsonObject:
        """The interaction object of a stream's first event."""
        return {"id": self.id, "status": "in_progress", "object": "interaction", **self._asked()}

    def fields(self) -> JsonObject:
        """The interaction object without its steps; without an id if it is not stored."""
        fields: JsonObject = {"id": self.id, "status": self.status} if self.id else {"status": self.status}
        if not self.running:
            fields["usage"] = self.usage
        fields |= {"created": created(self.created_us), "updated": created(self.updated_us)}
        fields |= {"service_tier": self.request.get("service_tier", "standard")}
        if self.request.get("previous_interaction_id"):
            fields["previous_interaction_id"] = self.request["previous_interaction_id"]
        if self.status == "failed":
            fields["errors"] = list(self.answer.errors)
        if self.status == "requires_continuation":
            fields["continuation_token"] = self.continuation_token
        return {**fields, "object": "interaction", **self._asked()}

    @property
    def continuation_token(self) -> str:
        """What a create has to send to go on with an answer that is not whole."""
        return f"ct_{self.token}"

    def _asked(self) -> JsonObject:
        # Only the legacy dialect writes a role.
        name = "agent" if self.request.get("agent") else "model"
        return {name: self.request[name], "role": name}


def context_of(held: Held | None) -> list[JsonObject]:
    """Every step of a conversation up to and including a turn."""
    return [step for turn in held.chain() for step in (*turn.input, *turn.steps)] if held else []
