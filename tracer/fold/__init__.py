"""Exchanges -> one Interaction: streams, polls, resumes, retries and continuations, whatever the order of arrival.

`fold` is a pure function of the set of exchanges. It takes any bytes: what can't be read is noted on the record.
Cost and links stay null; `normalize` adds the former, the store the latter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer.dialects import DialectName
from tracer.dialects import history as lists
from tracer.events import Json, JsonObject
from tracer.fold import failure, schema, tokens, turn, unknown
from tracer.fold.caller import client
from tracer.fold.reading import Reading, Sighting, is_terminal, read
from tracer.fold.readings import Readings
from tracer.fold.timing import milliseconds, rfc3339, timing
from tracer.fold.turn import Hop as _Hop
from tracer.records.interaction import (
    Client,
    ExchangeSummary,
    Hop,
    Interaction,
    InteractionError,
    Kept,
    State,
    Unknown,
)
from tracer.records.steps import Step, read_step
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.routes import is_service_host

__all__ = ["Folded", "Readings", "fold", "milliseconds", "rfc3339", "understand"]

_MODEL_TEXT = "model_output"


@dataclass(frozen=True, slots=True)
class Folded:
    """A record, and what its price depends on beside it."""

    record: Interaction
    service_tier: str | None
    """The tier that served it, as the answers say, else the one that was asked for."""


def fold(exchanges: Sequence[Exchange]) -> Interaction:
    """The record of the interaction that these exchanges are; at least one. Its key is that of the first by start."""
    return understand(exchanges).record


def understand(exchanges: Sequence[Exchange], known: Readings | None = None) -> Folded:
    """`fold`, with what pricing needs; `known` remembers what was read of these exchanges before."""
    ordered = sorted(_each_once(exchanges), key=lambda exchange: (exchange.started_at_us, exchange.key))
    readings = [known.read(exchange) if known else read(exchange) for exchange in ordered]
    hops = turn.arrange(readings)
    sightings = [hop.sightings() for hop in hops]
    dialect = _dialect(readings)
    request = hops[0].attempts[0].request if hops[0].attempts else {}
    asked, output = _steps(hops, sightings, request, legacy=dialect in ("outputs", "guide"))
    used = turn.usages(hops, sightings)
    state = _state(readings, hops[-1])
    status = next((found for told in reversed(sightings) if (found := turn.status(told))), None)
    told = _Told([sighting for some in sightings for sighting in some])
    first = ordered[0]
    notes = [note for reading in readings for note in reading.notes]
    record = Interaction(
        key=first.key,
        id=next((found for hop in reversed(hops) if (found := hop.interaction_id())), None),
        dialect=dialect,
        **_origin(readings),
        project=_first(exchange.project for exchange in ordered),
        run=_first(exchange.run for exchange in ordered),
        account=_first(exchange.account for exchange in ordered),
        client=next((caller for exchange in ordered if (caller := client(exchange)).name), Client()),
        model=_text(request.get("model")) or told.text("model"),
        agent=_text(request.get("agent")) or told.text("agent"),
        status=status,
        state=state,
        previous_interaction_id=_text(request.get("previous_interaction_id")) or _told_previous(hops, told),
        stream=_streamed(hops),
        background=_flag(request.get("background"), told.get("background"), default=False),
        store=_flag(request.get("store"), told.get("store"), default=_kept_by_service(hops, sightings)),
        request={name: value for name, value in request.items() if name != "input"},
        response=told.response(),
        input=_typed("input", asked, notes),
        output=_typed("output", output, notes),
        output_text=_output_text(output),
        schema_ok=_schema_ok(request, output, status),
        usage=used,
        running_usage=turn.running_usage(hops, sightings),
        timing=timing(hops, first.started_at_us, used, sightings[-1], state),
        error=_error(hops[-1], sightings[-1], state, status),
        exchanges=_summaries(readings, hops),
        hops=_hop_list(hops, sightings),
        polls=sum(reading.operation == "get" for reading in readings),
        retries=sum(max(len(hop.attempts) - 1, 0) for hop in hops),
        unknown=_unknown(readings),
        notes=list(dict.fromkeys(notes)),
    )
    return Folded(record, told.text("service_tier") or _text(request.get("service_tier")))


class _Told:
    """What the answers said of the interaction; a later word wins."""

    def __init__(self, sightings: Sequence[Sighting]) -> None:
        self._fields: JsonObject = {}
        for sighting in sightings:
            self._fields.update({name: value for name, value in sighting.fields.items() if value is not None})

    def get(self, name: str) -> Json:
        return self._fields.get(name)

    def text(self, name: str) -> str | None:
        return _text(self._fields.get(name))

    def response(self) -> JsonObject:
        usage = self._fields.get("usage")
        held = isinstance(usage, dict) and not tokens.says_more(usage) and not unknown.in_body({"usage": usage})
        typed = {"input", "usage"} if held else {"input"}
        return {name: value for name, value in self._fields.items() if name not in typed}


def _first(values: Any) -> str | None:
    return next((value for value in values if value), None)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(*values: Json, default: bool) -> bool:
    return next((value for value in values if isinstance(value, bool)), default)


def _kept_by_service(hops: Sequence[_Hop], sightings: Sequence[Sequence[Sighting]]) -> bool:
    # Unless the create said otherwise. Where its request was not recorded, an answer without an id tells that it did.
    asked = any(attempt.request for hop in hops for attempt in hop.attempts)
    answered = any(told.whole for some in sightings for told in some)
    return asked or not answered or any(hop.interaction_id() for hop in hops)


def _dialect(readings: Sequence[Reading]) -> DialectName:
    # `guide` is legacy seen more closely; otherwise the last answer that tells is believed.
    told = [dialect for reading in readings for dialect in reading.dialects]
    if not told:
        return "unknown"
    return "guide" if told[-1] == "outputs" and "guide" in told else told[-1]


def _origin(readings: Sequence[Reading]) -> dict[str, Any]:
    first = readings[0]
    host = first.exchange.origin.partition("://")[2].partition(":")[0]
    vertex = "aiplatform" in host and is_service_host(host)
    service = first.route.service if first.route else "gemini"
    return {
        "api_version": first.route.version if first.route else None,
        "service": "vertex" if vertex else service,
        "upstream": first.exchange.origin,
    }


def _steps(
    hops: Sequence[_Hop], sightings: Sequence[Sequence[Sighting]], request: JsonObject, *, legacy: bool
) -> tuple[list[JsonObject], list[JsonObject]]:
    asked = lists.read_input(request.get("input"))
    if not asked:
        echoed = (told.fields["input"] for some in sightings for told in some if told.fields.get("input"))
        asked = next(echoed, [])
    output: list[JsonObject] = []
    for place, hop in enumerate(hops):
        own = turn.steps(hop, asked if place == 0 else lists.read_input(_request(hop).get("input")), legacy=legacy)
        asked = asked or own.asked
        output += own.produced
    return asked, output


def _request(hop: _Hop) -> JsonObject:
    return hop.answer.request if hop.answer else {}


def _told_previous(hops: Sequence[_Hop], told: _Told) -> str | None:
    # Of several hops the later ones name the hop before them, which is part of this turn.
    return told.text("previous_interaction_id") if len(hops) == 1 else None


def _streamed(hops: Sequence[_Hop]) -> bool:
    creates = [attempt for hop in hops for attempt in hop.attempts]
    if not creates:
        return any(voice.stream is not None or voice.operation == "resume" for voice in hops[-1].later)
    return creates[0].request.get("stream") is True or any(create.stream is not None for create in creates)


def _state(readings: Sequence[Reading], last: _Hop) -> State:
    if any(reading.exchange.outcome is Outcome.OPEN for reading in readings):
        return "in_flight"
    deciding = [voice for voice in last.voices if voice.operation in ("create", "resume")] or last.voices
    return deciding[-1].state()


def _error(last: _Hop, sightings: Sequence[Sighting], state: State, status: str | None) -> InteractionError | None:
    deciding = [voice for voice in last.voices if voice.operation in ("create", "resume")]
    for voice in deciding[-1:]:
        if (found := voice.error or _stream_error(voice)) is not None:
            return found
    for told in reversed(sightings):
        if (found := failure.from_interaction(told.fields)) is not None:
            return found
    if last.later and not is_terminal(status) and last.later[-1].error is not None:
        return last.later[-1].error
    return None


def _stream_error(reading: Reading) -> InteractionError | None:
    if reading.stream is None or reading.stream.failure is None:
        return None
    return failure.from_object(reading.stream.failure) or InteractionError()


def _output_text(output: Sequence[JsonObject]) -> str | None:
    texts = [
        content["text"]
        for step in output
        if step.get("type") == _MODEL_TEXT
        for content in lists.contents(step)
        if isinstance(content.get("text"), str) and content.get("type") == "text"
    ]
    return "".join(texts) if texts else None


def _schema_ok(request: JsonObject, output: Sequence[JsonObject], status: str | None) -> bool | None:
    wanted, text = schema.schema_of(request), _output_text(output)
    if wanted is None or text is None or status not in ("completed", "incomplete"):
        return None
    return schema.satisfies(text, wanted)


def _summaries(readings: Sequence[Reading], hops: Sequence[_Hop]) -> list[ExchangeSummary]:
    attempts = {id(reading): number for hop in hops for number, reading in enumerate(hop.attempts, 1)}
    return [
        ExchangeSummary(
            key=reading.exchange.key,
            operation=reading.operation,
            method=reading.exchange.method,
            path=reading.exchange.path,
            http_status=reading.exchange.status,
            started_at=rfc3339(reading.exchange.started_at_us),
            duration_ms=milliseconds(reading.exchange.ended_at_us),
            attempt=attempts.get(id(reading), 1),
            error=reading.error or _stream_error(reading),
        )
        for reading in readings
    ]


def _hop_list(hops: Sequence[_Hop], sightings: Sequence[Sequence[Sighting]]) -> list[Hop]:
    if len(hops) < 2:
        return []
    return [
        Hop(id=hop.interaction_id(), status=turn.status(told), exchange=hop.answer.exchange.key)
        for hop, told in zip(hops, sightings, strict=True)
        if hop.answer is not None
    ]


def _unknown(readings: Sequence[Reading]) -> Unknown:
    streams = [(reading.exchange.key, reading.stream) for reading in readings if reading.stream]
    return Unknown(
        fields=sorted(set[str]().union(*(reading.unknown_fields for reading in readings))),
        events=sorted({name for _, stream in streams for name in stream.unknown_events}),
        kept=[
            Kept(exchange=key, event=number, payload=payload)
            for key, stream in streams
            for number, payload in stream.kept
        ],
    )


def _each_once(exchanges: Sequence[Exchange]) -> list[Exchange]:
    # The same exchange may be there twice, once as far as it had come earlier.
    once: dict[str, Exchange] = {}
    for exchange in exchanges:
        before = once.get(exchange.key)
        if before is None or _progress(exchange) > _progress(before):
            once[exchange.key] = exchange
    return list(once.values())


def _progress(exchange: Exchange) -> tuple[bool, int, int, int, str]:
    over = exchange.outcome is not Outcome.OPEN
    return over, len(exchange.response_body), len(exchange.chunks), exchange.ended_at_us or -1, repr(exchange.notes)


def _typed(where: str, steps: Sequence[JsonObject], notes: list[str]) -> list[Step]:
    typed: list[Step] = []
    for place, value in enumerate(steps):
        step, misfit = read_step(value)
        if misfit is not None:
            size = len(json.dumps(value))
            what = "is missing" if misfit == ".type" and "type" not in value else f"does not fit a {value.get('type')}"
            notes.append(f"{where}[{place}]{misfit} {what}: {size} bytes kept as they came")
        typed.append(step)
    return typed
