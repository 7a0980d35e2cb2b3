"""Reading on where an exchange was left gives what reading it whole gives; what was given before stays as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.fold import Readings, fold, understand
from tracer.fold.reading import Reading, read
from tracer.testing import START_US, answer, exchange, sse_chunks, text_stream
from tracer.wire.exchange import Chunk, Exchange, Outcome

from .test_fuzz import CHANGES, STREAMS

ASK = {"model": "m", "input": "Hi", "stream": True}
PICTURE = [
    {"type": "image", "mime_type": "image/png", "data": "iVBORw0KGgoAAAA"},
    {"type": "image", "data": ""},
    {"type": "image", "data": "BBBB"},
    {"type": "image", "data": "CC=="},
    {"type": "image", "data": "DDDD"},
    {"type": "image", "data": ""},
    {"type": "image", "data": "/9j/EEEE"},
    {"type": "text", "text": "so"},
    {"type": "text_annotation_delta", "annotations": [{"type": "url_citation", "url": "a"}]},
    {"type": "text_annotation_delta", "annotations": [{"type": "url_citation", "url": "b"}]},
    {"type": "hologram", "x": 1},
]


def pictures() -> Exchange:
    events = text_stream("v1_p", ["One"])
    drawn = [{"event_type": "step.delta", "index": 0, "delta": delta} for delta in PICTURE]
    odd = [{"event_type": "step.delta", "index": 0, "delta": {"mood": mood}} for mood in ("dark", "light", "none")]
    return exchange(ASK, [*events[:-2], *drawn, *odd, *events[-2:]])


def prefixes(whole: Exchange, borders: list[int]) -> list[Exchange]:
    """The exchange as far as it had come at each border, and at its end."""
    body = whole.response_body
    sizes = [end - start for start, end in pairwise([0, *borders, len(body)])]
    chunks = tuple(Chunk(at_us=1_000 * number, wire_size=size, size=size) for number, size in enumerate(sizes))
    ends = list(accumulate(sizes))
    running = [
        replace(whole, response_body=body[:end], chunks=chunks[: number + 1], outcome=Outcome.OPEN, ended_at_us=None)
        for number, end in enumerate(ends)
    ]
    return [*running, replace(whole, chunks=chunks)]


@st.composite
def growing(draw: st.DrawFn) -> list[Exchange]:
    whole = draw(st.sampled_from([*STREAMS, pictures(), pictures()]))
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        whole = replace(whole, response_body=change(whole.response_body, draw))
    size = len(whole.response_body)
    borders = sorted(draw(st.lists(st.integers(0, size), max_size=6)))
    outcome = draw(st.sampled_from([Outcome.COMPLETE, Outcome.CUT, Outcome.INTERRUPTED]))
    return prefixes(replace(whole, outcome=outcome), borders)


@given(growing())
@settings(deadline=None)
def test_a_growing_stream_is_read_on(steps: list[Exchange]) -> None:
    known = Readings()
    records = [understand([step], known).record for step in steps]
    told = [record.to_json() for record in records]
    assert told == [fold([step]).to_json() for step in steps]
    assert told[-1] == understand([steps[-1]], known).record.to_json()


def test_a_look_at_any_place_does_not_change_what_follows() -> None:
    whole = pictures()
    borders = [place + 2 for place in range(len(whole.response_body)) if whole.response_body[place:][:2] == b"\n\n"]
    known = Readings()
    for step in prefixes(whole, borders[:-1]):
        assert understand([step], known).record.to_json() == fold([step]).to_json()


@given(growing(), growing(), st.data())
@settings(deadline=None)
def test_streams_that_grow_at_once_do_not_mix(one: list[Exchange], other: list[Exchange], data: st.DataObject) -> None:
    later = [
        replace(step, key="later", method="GET", path="/v1/interactions/v1_a", started_at_us=START_US) for step in other
    ]
    known = Readings(most_bytes=data.draw(st.sampled_from([0, 20_000, 1 << 24])))
    records = []
    for _ in range(6):
        pair = [data.draw(st.sampled_from(one)), data.draw(st.sampled_from(later))]
        record = understand(pair, known).record
        records.append((record, record.to_json()))
        assert record.to_json() == fold(pair).to_json()
    assert [record.to_json() for record, _ in records] == [told for _, told in records]


def test_only_what_is_new_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    from tracer.fold import stream as module

    load = module.load
    monkeypatch.setattr(module, "load", lambda data: parsed.append(data) or load(data))
    whole = exchange(ASK, text_stream("v1_a", ["word "] * 50))
    borders = list(accumulate(len(piece) for piece in sse_chunks(text_stream("v1_a", ["word "] * 50))))[:-1]
    known = Readings()
    for step in prefixes(whole, borders):
        understand([step], known)
    assert len(parsed) == len(text_stream("v1_a", ["word "] * 50))


def test_the_calls_of_a_job_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.fold import readings as module

    times: list[str] = []

    def counting(one: Exchange, before: Reading | None = None) -> Reading:
        times.append(one.key)
        return read(one, before)

    monkeypatch.setattr(module, "read", counting)
    running = answer("v1_job", status="in_progress", usage=None)
    job = [exchange({"agent": "a", "input": "Dig", "background": True}, running, key=f"{0:032x}")]
    job += [
        exchange(None, running, path="/v1/interactions/v1_job", at_us=START_US + number, key=f"{number:032x}")
        for number in range(1, 20)
    ]
    known = Readings()
    for number in range(1, len(job) + 1):
        understand(job[:number], known)
    assert times == [one.key for one in job]


def test_what_broke_off_halfway_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.fold import stream as module

    whole = exchange(ASK, text_stream("v1_a", ["One ", "two ", "three."]))
    half, *_, last = prefixes(whole, [300])
    known = Readings()
    understand([half], known)
    take = module._take
    calls = iter([True, False])

    def interrupted(*some: object) -> bool:
        if not next(calls):
            raise TimeoutError
        return take(*some)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_take", interrupted)
    with pytest.raises(TimeoutError):
        understand([last], known)
    monkeypatch.undo()
    assert understand([last], known).record.to_json() == fold([last]).to_json()
