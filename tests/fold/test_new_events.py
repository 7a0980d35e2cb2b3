"""An event type nobody knows passes through whole; an entry in the tables makes it known (docs/adding-an-event.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.dialects import shapes, words
from tracer.fold import fold
from tracer.testing import exchange, text_stream

ASK = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
RETITLED = {"event_type": "step.retitled", "index": 0, "title": "Looking for flights", "mood": "calm"}


def told() -> dict[str, Any]:
    events = text_stream("v1_a", ["Hel", "lo."])
    record: dict[str, Any] = json.loads(fold([exchange(ASK, [*events[:3], RETITLED, *events[3:]])]).to_json())
    return record


def test_an_unknown_event_passes_and_an_entry_makes_it_known(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = told()
    assert (unknown["output_text"], unknown["state"]) == ("Hello.", "complete")
    [kept] = unknown["unknown"]["kept"]
    assert (kept["event"], kept["payload"]) == (4, RETITLED)
    assert (unknown["unknown"]["events"], unknown["unknown"]["fields"]) == (["step.retitled"], [])

    monkeypatch.setitem(words.KIND_OF, "step.retitled", "retitled")
    monkeypatch.setitem(shapes.EVENTS, "retitled", shapes.Fields({"event_type": shapes.PLAIN, "index": shapes.PLAIN}))
    known = told()
    assert (known["unknown"]["events"], known["output"]) == ([], unknown["output"])
    assert known["unknown"]["fields"] == ["step.retitled.mood", "step.retitled.title"]
    assert known["unknown"]["kept"] == unknown["unknown"]["kept"]


def test_a_delta_without_a_type_speaks_of_its_step() -> None:
    events = text_stream("v1_a", ["Hello."])
    named = {"event_type": "step.delta", "index": 0, "delta": {"title": "Looking for flights"}}
    record = json.loads(fold([exchange(ASK, [*events[:3], named, *events[3:]])]).to_json())
    [step] = record["output"]
    assert (step["title"], record["output_text"]) == ("Looking for flights", "Hello.")
    assert record["unknown"]["fields"] == ["delta[type=None]"]
