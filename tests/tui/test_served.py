"""The time between the call and the result of a tool that runs at the service, inside one stream."""

from __future__ import annotations

import dataclasses

from drawn import detail, transcript

from tracer.testing import answer, exchange, sse_chunks, text_stream
from tracer.wire.exchange import Chunk
from tui.data import Whole
from tui.served import has_served, served
from tui.timeline import timeline

CALL = {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["rain"]}}
RESULT = {"type": "google_search_result", "call_id": "s1", "result": [{"title": "IPMA", "url": "https://ipma.pt"}]}
EVENTS = [
    {"event_type": "step.start", "index": 1, "step": CALL},
    {"event_type": "step.stop", "index": 1},
    {"event_type": "step.start", "index": 2, "step": RESULT},
    {"event_type": "step.stop", "index": 2},
]
TIMES_MS = (100, 110, 200, 854, 855, 900, 905, 910, 920, 930)


def searched():
    created, started, delta, stopped, completed = text_stream("v1_w", ["Sun."])
    pieces = sse_chunks([created, *EVENTS, started, delta, stopped, completed])
    whole = exchange({"model": "m", "input": "Weather?", "stream": True}, b"".join(pieces))
    chunks = tuple(Chunk(at * 1000, len(piece), len(piece)) for at, piece in zip(TIMES_MS, pieces, strict=True))
    return dataclasses.replace(whole, chunks=chunks)


def test_the_time_from_the_end_of_a_call_to_its_result_is_told():
    assert served([searched()]) == {"s1": 854 - 200}


def test_only_streams_with_a_call_and_its_result_are_looked_at():
    assert has_served({"stream": True, "output": [CALL, RESULT]})
    assert not has_served({"stream": True, "output": [CALL]})
    assert not has_served({"stream": False, "output": [CALL, RESULT]})
    assert served([exchange({"model": "m", "input": "Hi"}, answer("v1_a", steps=[CALL, RESULT]))]) == {}


def test_it_stands_beside_the_call():
    whole = searched()
    shown = dataclasses.replace(detail(whole), waits=served([whole]))
    assert "▍⚙ google_search  s1 · 654ms at the service" in transcript(shown)


def test_the_waterfall_names_the_silence_after_the_tool():
    whole = searched()
    shown = detail(whole)
    gaps = [span for span in timeline(Whole(shown.row, shown.record, [whole])).spans if span.kind == "gap"]
    assert [(span.label, span.note) for span in gaps] == [("google_search at the service", "654ms")]
