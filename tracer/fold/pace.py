"""When the events of one stream came. What was looked at once is not looked at again, so a growing stream is cheap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from operator import sub
from typing import NamedTuple

from tracer.events import JsonObject, StepDelta, StepStarted, StreamEvent


class Timed(NamedTuple):
    """An event and where it stood."""

    event: StreamEvent
    at_us: int | None
    """Relative to its exchange's start; None if the chunks' times are not known."""
    event_id: str | None


class Pace:
    """Moments in microseconds since the exchange's start."""

    def __init__(self) -> None:
        self.first_output: int | None = None
        """A delta of any step, or a step that began with text."""
        self.last_output: int | None = None
        self.first_text: int | None = None
        """The first text of a `model_output`."""
        self.longest_gap: int | None = None
        """Between two events that follow each other."""
        self._seen = 0
        self._latest: int | None = None
        self._has_text = False
        self._messages: dict[int, bool] = {}

    def catch_up(self, events: Sequence[Timed]) -> None:
        """Look at what a stream brought since this was asked last; `events` are all of it."""
        fresh = list(islice(events, self._seen, None))
        self._seen = len(events)
        times = [timed.at_us for timed in fresh if timed.at_us is not None]
        if times:
            self._widen(times)
            self._count([timed.at_us for timed in fresh if timed.at_us is not None and _is_output(timed.event)])
        for timed in () if self._has_text else fresh:
            if self._is_text(timed.event):
                self.first_text, self._has_text = timed.at_us, True
                break

    def _widen(self, times: list[int]) -> None:
        before = times if self._latest is None else [self._latest, *times]
        gap = max(map(sub, before[1:], before), default=None)
        if gap is not None and (self.longest_gap is None or gap > self.longest_gap):
            self.longest_gap = gap
        self._latest = times[-1]

    def _count(self, outputs: list[int]) -> None:
        if not outputs:
            return
        first, last = min(outputs), max(outputs)
        self.first_output = first if self.first_output is None else min(self.first_output, first)
        self.last_output = last if self.last_output is None else max(self.last_output, last)

    def _is_text(self, event: StreamEvent) -> bool:
        if isinstance(event, StepStarted):
            self._messages[event.index] = event.step.get("type") == "model_output"
            return _holds_text(event.step)
        return isinstance(event, StepDelta) and bool(event.delta.get("text")) and self._messages.get(event.index, True)


def _is_output(event: StreamEvent) -> bool:
    return type(event) is StepDelta or (type(event) is StepStarted and _holds_text(event.step))


def _holds_text(step: JsonObject) -> bool:
    held = step.get("content") if step.get("type") == "model_output" else None
    contents = held if isinstance(held, list) else []
    return any(isinstance(content, dict) and content.get("text") for content in contents)
