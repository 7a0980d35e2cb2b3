"""The exchanges of one interaction put in their places: hops, attempts, polls, and what became of each hop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tracer.dialects import history
from tracer.dialects.table import current_usage
from tracer.dialects.words import RUNNING_STATUSES
from tracer.events import InteractionCreated, InteractionEnded, JsonObject
from tracer.fold import tokens
from tracer.fold.assembly import Assembled
from tracer.fold.pace import Timed
from tracer.fold.reading import Reading, Sighting, is_terminal, told_id
from tracer.fold.stream import MAX_KEPT
from tracer.records.usage import RunningUsage, Usage

_INPUT_STEPS = frozenset({"user_input", "function_result"})


@dataclass(slots=True)
class Hop:
    """One answer of a turn: the attempts to get it and, of a job, the calls that came back to it later."""

    attempts: list[Reading] = field(default_factory=list)
    later: list[Reading] = field(default_factory=list)
    """Gets, resumes, cancels and deletes, by start."""

    @property
    def answer(self) -> Reading | None:
        """The attempt that counts: the last one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def voices(self) -> list[Reading]:
        """Everything that speaks of this hop, by start: the answer and the later calls."""
        return [*([self.answer] if self.answer else []), *self.later]

    def sightings(self) -> list[Sighting]:
        """What was told, by time; of one moment in the order of the exchanges."""
        return sorted((told for voice in self.voices for told in voice.sightings), key=lambda told: told.at_us)

    def interaction_id(self) -> str | None:
        """The id, from the latest voice that names one."""
        return next((found for voice in reversed(self.voices) if (found := told_id(voice))), None)


def arrange(readings: Sequence[Reading]) -> list[Hop]:
    """Readings by start as hops. A create with a token nobody had sent yet is a hop; with the same, an attempt."""
    hops = [Hop()]
    for reading in readings:
        if reading.operation != "create":
            continue
        current = hops[-1].answer
        if current is not None and reading.token() is not None and reading.token() != current.token():
            hops.append(Hop())
        hops[-1].attempts.append(reading)
    hops[-1].later = [reading for reading in readings if reading.operation != "create"]
    return hops


def status(sightings: Iterable[Sighting]) -> str | None:
    """The service's word. It never goes back: terminal beats running beats queued, and among equals the later wins."""
    best: tuple[int, str] | None = None
    for told in sightings:
        if told.status is None:
            continue
        rank = 2 if is_terminal(told.status) else 0 if told.status == "queued" else 1
        if best is None or rank >= best[0]:
            best = (rank, told.status)
    return best[1] if best else None


def usage(hop: Hop, sightings: Sequence[Sighting]) -> JsonObject | None:
    """What the hop used: what an interaction object said last, else the largest running total of its answers."""
    for told in reversed(sightings):
        if told.whole and isinstance(told.fields.get("usage"), dict) and told.status not in RUNNING_STATUSES:
            return current_usage(told.fields["usage"])
    return tokens.largest([some for _, _, some in _told_usages(hop)])


def _told_usages(hop: Hop) -> Iterator[tuple[Reading, int | None, JsonObject]]:
    for voice in hop.voices:
        for number, told in voice.stream.usages if voice.stream else []:
            yield voice, number, told
        said = voice.body.fields.get("usage") if voice.body is not None else None
        if isinstance(said, dict):
            yield voice, None, current_usage(said)


def running_usage(hops: Sequence[Hop], sightings: Sequence[Sequence[Sighting]]) -> list[RunningUsage]:
    """Each total that was told on the way: those that differ from the one told before and from what counts."""
    running: list[RunningUsage] = []
    for hop, some in zip(hops, sightings, strict=True):
        final, before = usage(hop, some), None
        for voice, number, told in _told_usages(hop):
            if told not in (final, before):
                running.append(RunningUsage(exchange=voice.exchange.key, event=number, told=told))
            before = told
    return running[:MAX_KEPT]


def usages(hops: Sequence[Hop], sightings: Sequence[Sequence[Sighting]]) -> Usage | None:
    """The usage of a turn: the sum over its hops."""
    told = [usage(hop, some) for hop, some in zip(hops, sightings, strict=True)]
    return tokens.add([tokens.read_usage(some) for some in told if some is not None])


def merged_events(hop: Hop) -> list[Timed]:
    """The events of the answer's stream and of the resumed ones as one stream, each once.

    Events are the same if their ids are. Where a stream names none, it is laid over what is there by position: from
    the beginning, or from the event that the client asked to resume after.
    """
    merged: list[Timed] = []
    for voice in hop.voices:
        if voice.stream is not None and voice.stream.events:
            after = dict(voice.exchange.query).get("last_event_id")
            merged = _laid_over(merged, voice.stream.events, after) if merged else voice.stream.events
    return merged


def _laid_over(held: list[Timed], told: list[Timed], after: str | None) -> list[Timed]:
    places = _places(held)
    place = 0 if after is None else places.get(after, len(held) - 1) + 1
    if after is None and not any(timed.event_id in places for timed in told) and not _agree(held, told):
        return told if _reach(told) >= _reach(held) else held
    merged = held[:place]
    for timed in told:
        known = places.get(timed.event_id) if timed.event_id else place if place < len(held) else None
        if known is None:
            merged.append(timed)
        elif known >= place:
            merged += held[place : known + 1]
            place = known + 1
    return merged + held[place:]


def _places(events: list[Timed]) -> dict[str, int]:
    # An id that a stream gives to several events says nothing.
    count = Counter(timed.event_id for timed in events)
    return {
        timed.event_id: place for place, timed in enumerate(events) if timed.event_id and count[timed.event_id] == 1
    }


def _agree(held: list[Timed], told: list[Timed]) -> bool:
    # Two tellings from the beginning; what they say of the interaction itself may differ in its dates.
    pairs = ((one.event, other.event) for one, other in zip(held, told, strict=False))
    return all(one == other for one, other in pairs if not isinstance(one, InteractionCreated))


def _reach(events: list[Timed]) -> tuple[bool, int]:
    return any(isinstance(timed.event, InteractionEnded) for timed in events), len(events)


@dataclass(frozen=True, slots=True)
class Steps:
    """What a hop was asked, as far as its answers tell, and what it produced."""

    asked: list[JsonObject]
    produced: list[JsonObject]


def steps(hop: Hop, own_input: Sequence[JsonObject], *, legacy: bool) -> Steps:
    """The hop's steps: of its streams if they were whole, else of the furthest body, else what the streams brought."""
    assembled, closing = _assembled(hop)
    if legacy:
        assembled = history.merge_messages(assembled)
    if closing and not Counter(_types(assembled)) - Counter(_types(closing)):
        # The last event of a stream may say everything again, also what a resumed one never heard.
        assembled = closing
    bodies = [
        (is_terminal(told.status), place, voice.body.steps)
        for place, voice in enumerate(hop.voices)
        if voice.body is not None and voice.body.steps is not None
        for told in voice.sightings[:1]
    ]
    streamed_whole = any(voice.stream is not None and voice.stream.ended for voice in hop.voices)
    furthest = max(bodies, key=lambda body: body[:2], default=None)
    if assembled and (streamed_whole or furthest is None or not (furthest[0] and furthest[2])):
        return _split(assembled, own_input)
    return _split(furthest[2], own_input) if furthest is not None else Steps([], [])


def _assembled(hop: Hop) -> tuple[list[JsonObject], list[JsonObject]]:
    streams = [voice.stream for voice in hop.voices if voice.stream is not None and voice.stream.events]
    # One stream holds what it made so far; several have to be laid over each other first.
    return streams[0].steps() if len(streams) == 1 else Assembled().after(merged_events(hop))


def _split(timeline: Sequence[JsonObject], own_input: Sequence[JsonObject]) -> Steps:
    # A get answers with the whole timeline, which begins with the interaction's own input (WIRE.md section 6).
    if not timeline or history.kind_of(timeline[0]) not in _INPUT_STEPS:
        return Steps([], list(timeline))
    count = len(own_input)
    if not count or _types(timeline[:count]) != _types(own_input):
        count = next((n for n, step in enumerate(timeline) if history.kind_of(step) not in _INPUT_STEPS), len(timeline))
    return Steps(list(timeline[:count]), list(timeline[count:]))


def _types(some: Sequence[JsonObject]) -> list[str]:
    return [history.kind_of(step) for step in some]
