"""How long the service's own tools took, by the times at which a stream told of their calls and results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracer.dialects import DialectName, detect, reader
from tracer.events import StepDelta, StepStarted, StepStopped
from tracer.wire.exchange import Exchange
from tui.raw import is_stream, timed_events


def has_served(record: dict[str, Any]) -> bool:
    """Whether a stream told of a call and of its result."""
    called = {step.get("id") for step in record["output"] if str(step.get("type")).endswith("_call")}
    return bool(record["stream"]) and any(
        step.get("call_id") in called for step in record["output"] if str(step.get("type")).endswith("_result")
    )


def served(exchanges: Iterable[Exchange]) -> dict[str, float | None]:
    """Call id -> milliseconds from the end of the call to the beginning of its result, in one and the same stream."""
    took: dict[str, float | None] = {}
    for exchange in exchanges:
        if is_stream(exchange):
            took |= _served(exchange)
    return took


def _served(exchange: Exchange) -> dict[str, float | None]:
    dialect: DialectName = "unknown"
    calls: dict[int, str] = {}
    told: dict[str, int] = {}
    took: dict[str, float | None] = {}
    for event in timed_events(exchange):
        if event.at_us is None or not isinstance(event.payload, dict):
            continue
        seen = detect(event.payload)
        dialect = seen if seen != "unknown" else dialect
        what = reader(dialect).read_event(event.payload)
        if isinstance(what, StepStarted):
            if str(what.step.get("type")).endswith("_call") and what.step.get("id"):
                calls[what.index] = str(what.step["id"])
            elif (call := str(what.step.get("call_id"))) in told and call not in took:
                took[call] = (event.at_us - told[call]) / 1000
        if isinstance(what, StepStarted | StepDelta | StepStopped) and what.index in calls:
            told[calls[what.index]] = event.at_us
    return took
