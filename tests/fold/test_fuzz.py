"""Streams and bodies, damaged: no exception but our own, and how a stream was cut into pieces changes nothing.

Works on real traffic if there is any, and on `fixtures/wire`. `make fuzz` runs it with a hundred thousand examples.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.cassettes.raw import read_raw
from tracer.errors import TracerError
from tracer.fold import fold
from tracer.testing import START_US, exchange
from tracer.wire.exchange import Chunk, Exchange, Outcome
from tracer.wire.sse import SseParser, events

REPOSITORY = Path(__file__).parents[2]
ASK = {"model": "gemini-3.5-flash", "input": [{"type": "text", "text": "Hi"}], "stream": True}


def real() -> list[Exchange]:
    found: list[Exchange] = []
    for path in sorted((REPOSITORY.parent / "shared" / "recordings").glob("*/interactions/**/*.*")):
        try:
            found += read_raw(path.read_bytes(), path.name)
        except TracerError:
            continue
    return found


def made() -> list[Exchange]:
    files = sorted((REPOSITORY / "fixtures" / "wire").glob("*/*/response*.*"))
    return [exchange(ASK, path.read_bytes(), response_headers=()) for path in files]


EXCHANGES = [*real(), *made()]
STREAMS = [one for one in EXCHANGES if b"data: " in one.response_body[:300]]
SPICES = [b'"', b"}", b"{", b"[", b"]", b"\n", b"\r", b"\n\n", b":", b"null", b"-1", b"1e999", b'{"a":', b"\\ud800"]
SPICES += [b"data: ", b"event: error\n", b"data: [DONE]\n\n", b"\xff", b"\xef\xbb\xbf", b'"type":', b'"index":0,']


def cut(body: bytes, draw: st.DrawFn) -> bytes:
    return body[: draw(st.integers(0, len(body)))]


def spiced(body: bytes, draw: st.DrawFn) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.sampled_from(SPICES)) + body[place:]


def holed(body: bytes, draw: st.DrawFn) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + body[place + draw(st.integers(1, 60)) :]


def overwritten(body: bytes, draw: st.DrawFn) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + bytes([draw(st.integers(0, 255))]) + body[place + 1 :]


def shuffled(body: bytes, draw: st.DrawFn) -> bytes:
    frames = body.split(b"\n\n")
    places = draw(st.lists(st.integers(0, len(frames) - 1), max_size=len(frames)))
    return b"\n\n".join(frames[place] for place in places) + b"\n\n"


def crossed(body: bytes, draw: st.DrawFn) -> bytes:
    other = draw(st.sampled_from(EXCHANGES)).response_body
    place = draw(st.integers(0, len(body)))
    return body[:place] + other[draw(st.integers(0, len(other))) :]


CHANGES = [cut, spiced, holed, overwritten, shuffled, crossed]


@st.composite
def damaged(draw: st.DrawFn) -> Exchange:
    whole = draw(st.sampled_from(EXCHANGES))
    request, response = whole.request_body, whole.response_body
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
        response = change(response, draw)
    if draw(st.booleans()):
        request = draw(st.sampled_from(CHANGES))(request, draw)
    outcome = draw(st.sampled_from(list(Outcome)))
    return replace(whole, request_body=request, response_body=response, outcome=outcome)


@given(damaged(), st.integers(0, 3))
@settings(deadline=None)
def test_whatever_arrives_makes_a_record(one: Exchange, repeated: int) -> None:
    path = "/v1/interactions/v1_a"
    query = (("stream", "true"), ("last_event_id", f"e{repeated}"))
    later = replace(one, key="later", method="GET", path=path, query=query, started_at_us=START_US, request_body=b"")
    group = [one, later][: 1 + repeated % 2]
    record = fold(group)
    told = record.to_json()
    assert len(json.loads(told)["exchanges"]) == len(group)
    assert fold([*reversed(group), *group]).to_json() == told


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 20_000), max_size=40), st.booleans())
@settings(deadline=None)
def test_the_record_of_a_stream_in_pieces_is_that_of_the_whole(whole: Exchange, places: list[int], crlf: bool) -> None:
    body = whole.response_body.replace(b"\n", b"\r\n") if crlf else whole.response_body
    borders = sorted({0, *(place % (len(body) + 1) for place in places), len(body)})
    parser = SseParser()
    fed = [event for start, end in pairwise(borders) for event in parser.feed(body[start:end])]
    assert fed + parser.close() == list(events(body))
    sizes = [end - start for start, end in pairwise(borders)]
    chunks = tuple(Chunk(at_us=1_000 * number, wire_size=size, size=size) for number, size in enumerate(sizes))
    expected = fold([replace(whole, response_body=body, chunks=())])
    record = fold([replace(whole, response_body=body, chunks=chunks)])
    assert record.model_copy(update={"timing": expected.timing}).to_json() == expected.to_json()
    assert record.timing.events == expected.timing.events


@given(st.sampled_from(STREAMS), st.integers(0, 20_000))
@settings(deadline=None)
def test_a_cut_stream_holds_the_beginning_of_the_whole_one(whole: Exchange, place: int) -> None:
    body = whole.response_body[: place % (len(whole.response_body) + 1)]
    record = fold([replace(whole, response_body=body, outcome=Outcome.CUT, chunks=())])
    complete = fold([whole])
    text, full = record.output_text or "", complete.output_text or ""
    assert full.startswith(text)
    assert record.state in ("truncated", complete.state)
    # The last event may list more steps than its stream had parts.
    assert not Counter(step.type for step in record.output) - Counter(step.type for step in complete.output)
