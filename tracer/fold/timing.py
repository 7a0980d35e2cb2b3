"""When things happened, in milliseconds of the recorder's monotonic clock since the record's first exchange began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import sub

from tracer.events import JsonObject, StepDelta, StepStarted
from tracer.fold.reading import Reading, Sighting, is_terminal
from tracer.fold.stream import Timed
from tracer.fold.turn import Hop
from tracer.records.interaction import Timing
from tracer.records.usage import Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_000_000
_OVER = frozenset({"error", "truncated", "interrupted"})


def rfc3339(at_us: int) -> str:
    """A moment in Unix microseconds as the record prints it; outside the years 1970 to 9999 the nearest one within."""
    moment = _EPOCH + timedelta(microseconds=min(max(at_us, 0), _LAST_US))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def milliseconds(us: int | None) -> float | None:
    """Microseconds as milliseconds."""
    return None if us is None else us / 1000


def timing(hops: Sequence[Hop], start_us: int, usage: Usage | None, last: Sequence[Sighting], state: str) -> Timing:
    """The timing of a turn that began at `start_us`; `last` is what was told of its last hop."""
    voices = [voice for hop in hops for voice in hop.voices]
    outputs, first_text = _outputs(voices)
    answer = hops[0].answer
    headers = None if answer is None else _headers(answer)
    firsts = [
        _absolute(voice, voice.stream.events[0].at_us) for voice in voices if voice.stream and voice.stream.events
    ]
    duration = _duration(hops[-1], last, state)
    return Timing(
        started_at=rfc3339(start_us),
        headers_ms=_since(start_us, headers),
        first_event_ms=_since(start_us, _earliest(firsts)),
        first_output_ms=_since(start_us, outputs[0] if outputs else None),
        first_text_ms=_since(start_us, first_text),
        duration_ms=_since(start_us, duration),
        server_ms=_server(hops),
        events=sum(len(voice.stream.events) for voice in voices if voice.stream),
        longest_gap_ms=_longest_gap(voices),
        tokens_per_second=_speed(usage, outputs),
    )


def _since(start_us: int, at_us: int | None) -> float | None:
    return None if at_us is None else milliseconds(max(at_us - start_us, 0))


def _absolute(voice: Reading, at_us: int | None) -> int | None:
    return None if at_us is None else voice.exchange.started_at_us + at_us


def _earliest(moments: Sequence[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _headers(answer: Reading) -> int | None:
    return _absolute(answer, answer.exchange.headers_at_us)


def _outputs(voices: Sequence[Reading]) -> tuple[list[int], int | None]:
    # The moments at which output arrived, in order, and that of the first text of a `model_output`.
    outputs: list[int] = []
    texts: list[int] = []
    for voice in voices:
        if voice.stream is None:
            continue
        start, events = voice.exchange.started_at_us, voice.stream.events
        begun = [timed for timed in events if type(timed.event) is StepStarted and _holds_text(timed.event.step)]
        outputs += [start + timed.at_us for timed in begun if timed.at_us is not None]
        outputs += [
            start + timed.at_us for timed in events if type(timed.event) is StepDelta and timed.at_us is not None
        ]
        first = _first_text(events)
        if first is not None:
            texts.append(start + first)
    return sorted(outputs), min(texts, default=None)


def _first_text(events: Sequence[Timed]) -> int | None:
    messages: dict[int, bool] = {}
    for timed in events:
        event = timed.event
        if isinstance(event, StepStarted):
            messages[event.index] = event.step.get("type") == "model_output"
            if _holds_text(event.step):
                return timed.at_us
        elif isinstance(event, StepDelta) and event.delta.get("text") and messages.get(event.index, True):
            return timed.at_us
    return None


def _holds_text(step: JsonObject) -> bool:
    held = step.get("content") if step.get("type") == "model_output" else None
    contents = held if isinstance(held, list) else []
    return any(isinstance(content, dict) and content.get("text") for content in contents)


def _duration(hop: Hop, last: Sequence[Sighting], state: str) -> int | None:
    # Until the first terminal status of the last hop; of what failed or broke off, until its end.
    if not any(voice.timed() for voice in hop.voices):
        return None
    terminal = next((told.at_us for told in last if is_terminal(told.status)), None)
    if terminal is not None:
        return terminal
    answer = hop.answer or hop.voices[-1]
    return answer.ended_at_us() if state in _OVER else None


def _longest_gap(voices: Sequence[Reading]) -> float | None:
    gaps: list[int] = []
    for voice in voices:
        times = [timed.at_us for timed in voice.stream.events if timed.at_us is not None] if voice.stream else []
        gaps.append(max(map(sub, times[1:], times), default=-1))
    longest = max(gaps, default=-1)
    return None if longest < 0 else milliseconds(longest)


def _server(hops: Sequence[Hop]) -> float | None:
    told = [_server_ms(hop.answer) for hop in hops if hop.answer is not None]
    known = [share for share in told if share is not None]
    return sum(known) if known else None


def _server_ms(answer: Reading) -> float | None:
    for entry in (answer.exchange.response_header("server-timing") or "").split(","):
        for parameter in entry.split(";")[1:]:
            name, _, value = parameter.strip().partition("=")
            if name.strip().lower() == "dur":
                try:
                    share = float(value.strip().strip('"'))
                except ValueError:
                    continue
                return share if 0 <= share < 1e12 else None
    return None


def _speed(usage: Usage | None, outputs: Sequence[int]) -> float | None:
    if usage is None or len(outputs) < 2 or outputs[-1] <= outputs[0]:
        return None
    if usage.output_tokens is None and usage.thought_tokens is None:
        return None
    produced = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    return round(produced / ((outputs[-1] - outputs[0]) / 1_000_000), 3)
