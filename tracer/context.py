"""What the model had before it when it answered: everything said on the way from the root, and what was sent beside it.

The service carries inputs and outputs along a chain of `previous_interaction_id`, nothing else: system instruction,
tools and configuration hold for the turn that sends them. A call that carries its history along has what it sends.
Records are the parsed JSON of `records.interaction.Interaction`; durations are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tracer.identity.history import borders, history
from tracer.records.steps import Step, parse_step

type Record = Mapping[str, Any]
type StepObject = dict[str, Any]

_NO_SETTING = frozenset(
    {
        "model",
        "agent",
        "stream",
        "store",
        "background",
        "previous_interaction_id",
        "continuation_token",
        "service_tier",
        "webhook_config",
    }
)
"""Fields of a request that the model sees nothing of, or that say which one answers."""


@dataclass(frozen=True, slots=True)
class ToolTime:
    """A call that the app answered, and how long it took to."""

    call_id: str
    name: str | None
    made_by: str
    """Key of the interaction that made the call."""
    answered_by: str
    """Key of the interaction that brought the result."""
    ms: float | None
    """From the end of the one turn to the start of the other; None if the end is not known."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One interaction on the way."""

    key: str
    id: str | None
    linked_by: str | None
    repeated: list[StepObject]
    """The part of its input that had been said before."""
    input: list[StepObject]
    """The part of its input that was new."""
    output: list[StepObject]
    settings: dict[str, Any]
    """System instruction, tools and configuration that it sent."""
    input_tokens: int | None
    cached_tokens: int | None
    growth: int | None
    """Input tokens more than the turn before had."""
    tools: list[ToolTime] = field(default_factory=list)
    """The results it brought for calls of the turn before."""

    @property
    def cached_share(self) -> float | None:
        """How much of the input came from the service's cache, 0 to 1; None if either count is unknown."""
        return None if self.cached_tokens is None or not self.input_tokens else self.cached_tokens / self.input_tokens


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """A setting that an earlier turn sent last: the model did not have it any more."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Context:
    """What one interaction had; its turns from the root to itself."""

    turns: list[Turn]
    complete: bool
    """The way begins at a root: nothing was said before that is not recorded."""
    not_repeated: dict[str, NotRepeated]

    @property
    def sent(self) -> dict[str, Any]:
        """The settings that the interaction itself sent."""
        return self.turns[-1].settings

    def steps(self) -> list[StepObject]:
        """Everything the model had before it, in order, the new input included."""
        start = next((n for n in range(len(self.turns) - 1, 0, -1) if self.turns[n].repeated), 0)
        found: list[StepObject] = []
        for turn in self.turns[start:]:
            found += [*(turn.repeated if turn is self.turns[start] else ()), *turn.input, *turn.output]
        return found[: len(found) - len(self.turns[-1].output)]

    def as_json(self) -> dict[str, Any]:
        """The context as one JSON object."""
        return {
            "key": self.turns[-1].key,
            "complete": self.complete,
            "turns": [_turn_json(turn) for turn in self.turns],
            "steps": self.steps(),
            "sent": self.sent,
            "not_repeated": {name: {"key": told.key, "value": told.value} for name, told in self.not_repeated.items()},
        }


def effective(path: Sequence[Record]) -> Context:
    """The context of the last of these records; they lead to it from the first that was recorded."""
    turns: list[Turn] = []
    last_sent: dict[str, NotRepeated] = {}
    before: Record | None = None
    for record in path:
        turns.append(_turn(record, before, turns[-1].input_tokens if turns else None))
        last_sent.update({name: NotRepeated(record["key"], value) for name, value in turns[-1].settings.items()})
        before = record
    missing = {name: told for name, told in last_sent.items() if name not in turns[-1].settings}
    return Context(turns, path[0]["previous_interaction_id"] is None, missing)


def tool_times(made: Record, answered: Record) -> list[ToolTime]:
    """The function calls of one record that the other, a later one of the same path, brought results for."""
    calls = {
        step["id"]: step for step in made["output"] if step.get("type") == "function_call" and _is_name(step.get("id"))
    }
    ended = None if made["timing"]["duration_ms"] is None else _start_ms(made) + made["timing"]["duration_ms"]
    waited = None if ended is None else max(0.0, round(_start_ms(answered) - ended, 3))
    return [
        ToolTime(named, calls[named].get("name"), made["key"], answered["key"], waited)
        for named in dict.fromkeys(answers_in(answered))
        if named in calls
    ]


def answers_in(record: Record) -> Iterator[str]:
    """The ids of the calls that a record's input brings results for."""
    for step in record["input"]:
        if step.get("type") == "function_result" and _is_name(step.get("call_id")):
            yield step["call_id"]


def calls_in(record: Record) -> Iterator[str]:
    """The ids of the function calls that a record's output makes."""
    for step in record["output"]:
        if step.get("type") == "function_call" and _is_name(step.get("id")):
            yield step["id"]


def _turn(record: Record, before: Record | None, tokens_before: int | None) -> Turn:
    usage = record["usage"] or {}
    tokens = usage.get("input_tokens")
    count = 0
    if before is not None and record["linked_by"] == "history":
        whole = history(_steps(before["input"]), _steps(before["output"])).whole
        count = next((one.step for one in borders(_steps(record["input"])) if one.fingerprint == whole), 0)
    return Turn(
        key=record["key"],
        id=record["id"],
        linked_by=record["linked_by"],
        repeated=record["input"][:count],
        input=record["input"][count:],
        output=record["output"],
        settings={name: value for name, value in record["request"].items() if name not in _NO_SETTING},
        input_tokens=tokens,
        cached_tokens=usage.get("cached_tokens"),
        growth=None if tokens is None or tokens_before is None else tokens - tokens_before,
        tools=[] if before is None else tool_times(before, record),
    )


def _turn_json(turn: Turn) -> dict[str, Any]:
    share = turn.cached_share
    return {
        "key": turn.key,
        "id": turn.id,
        "linked_by": turn.linked_by,
        "repeated_steps": len(turn.repeated),
        "input": turn.input,
        "output": turn.output,
        "settings": turn.settings,
        "input_tokens": turn.input_tokens,
        "cached_tokens": turn.cached_tokens,
        "cached_share": None if share is None else round(share, 4),
        "growth": turn.growth,
        "tools": [asdict(one) for one in turn.tools],
    }


def _steps(objects: Sequence[StepObject]) -> list[Step]:
    return [parse_step(step) for step in objects]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _start_ms(record: Record) -> float:
    return datetime.fromisoformat(record["timing"]["started_at"]).timestamp() * 1000
