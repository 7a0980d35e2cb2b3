"""When things happened, in milliseconds of the recorder's monotonic clock since the record's first exchange began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tracer.fold.pace import Pace
from tracer.fold.reading import Reading, Sighting, is_terminal
from tracer.fold.turn import Hop
from tracer.records.interaction import Timing
from tracer.records.usage import Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_000_000
_OVER = frozenset({"error", "truncated", "interrupted"})


def rfc3339(at_us: int) -> str:
    """A moment in Unix microseconds as the record prints it; outside the years 1970 to 9999 the nearest one within."""
    moment = _EPOCH + timedelta(microseconds=min(max(at_us, 0), _LAST_US))
    return f"{moment.isoformat(timespec='microseconds')[:-6]}Z"


def milliseconds(us: int | None) -> float | None:
    """Microseconds as milliseconds."""
    return None if us is None else us / 1000


def timing(hops: Sequence[Hop], start_us: int, usage: Usage | None, last: Sequence[Sighting], state: str) -> Timing:
    """The timing of a turn that began at `start_us`; `last` is what was told of its last hop."""
    voices = [voice for hop in hops for voice in hop.voices]
    paces = [(voice.exchange.started_at_us, voice.stream.pace()) for voice in voices if voice.stream]
    first_output = _earliest([start + at for start, pace in paces if (at := pace.first_output) is not None])
    first_text = _earliest([start + at for start, pace in paces if (at := pace.first_text) is not None])
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
        first_output_ms=_since(start_us, first_output),
        first_text_ms=_since(start_us, first_text),
        duration_ms=_since(start_us, duration),
        server_ms=_server(hops),
        events=sum(len(voice.stream.events) for voice in voices if voice.stream),
        longest_gap_ms=_longest_gap(paces),
        tokens_per_second=_speed(usage, paces, first_output),
    )


def _since(start_us: int, at_us: int | None) -> float | None:
    return None if at_us is None else milliseconds(max(at_us - start_us, 0))


def _absolute(voice: Reading, at_us: int | None) -> int | None:
    return None if at_us is None else voice.exchange.started_at_us + at_us


def _earliest(moments: Sequence[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _headers(answer: Reading) -> int | None:
    return _absolute(answer, answer.exchange.headers_at_us)


def _duration(hop: Hop, last: Sequence[Sighting], state: str) -> int | None:
    # Until the first terminal status of the last hop; of what failed or broke off, until its end.
    if not any(voice.timed() for voice in hop.voices):
        return None
    terminal = next((told.at_us for told in last if is_terminal(told.status)), None)
    if terminal is not None:
        return terminal
    answer = hop.answer or hop.voices[-1]
    return answer.ended_at_us() if state in _OVER else None


def _longest_gap(paces: Sequence[tuple[int, Pace]]) -> float | None:
    longest = max((pace.longest_gap for _, pace in paces if pace.longest_gap is not None), default=-1)
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


def _speed(usage: Usage | None, paces: Sequence[tuple[int, Pace]], first: int | None) -> float | None:
    last = max((start + pace.last_output for start, pace in paces if pace.last_output is not None), default=None)
    if usage is None or first is None or last is None or last <= first:
        return None
    if usage.output_tokens is None and usage.thought_tokens is None:
        return None
    produced = (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    return round(produced / ((last - first) / 1_000_000), 3)
