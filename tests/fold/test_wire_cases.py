"""Every case of `fixtures/wire`: what crossed, and the part of the record that it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracer.fold import fold
from tracer.testing import START_US, exchange
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.sse import ServerSentEvent

FOLDER = Path(__file__).parents[2] / "fixtures" / "wire"
CASES = sorted(path.parent for path in FOLDER.glob("*/*/exchanges.json"))
STREAMS = sorted(FOLDER.glob("*/*/*.sse"))
TYPES = {".sse": "text/event-stream", ".json": "application/json", ".html": "text/html"}


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def exchanges(case: Path) -> list[Exchange]:
    told: list[dict[str, Any]] = json.loads((case / "exchanges.json").read_text(encoding="utf-8"))
    return [built(case, one, number) for number, one in enumerate(told)]


def built(case: Path, told: dict[str, Any], number: int) -> Exchange:
    file = case / told["response"]
    fields = {
        "response_headers": pairs(told.get("headers", [["content-type", TYPES[file.suffix]]])),
        "query": pairs(told.get("query", [])),
    }
    if "request_headers" in told:
        fields["request_headers"] = pairs(told["request_headers"])
    return exchange(
        told.get("request"),
        file.read_bytes(),
        method=told.get("method"),
        path=told.get("path"),
        status=told.get("status", 200),
        at_us=START_US + 2_000_000 * number,
        outcome=Outcome(told.get("outcome", "complete")),
        **fields,
    )


def pairs(lists: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in lists)


def part_of(record: Any, expected: Any) -> Any:
    """The record cut down to the fields that are expected, lists in full."""
    if isinstance(expected, dict) and isinstance(record, dict):
        return {key: part_of(record.get(key), value) for key, value in expected.items()}
    if isinstance(expected, list) and isinstance(record, list) and len(record) == len(expected):
        return [part_of(one, other) for one, other in zip(record, expected, strict=True)]
    return record


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_record_of_a_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    record = json.loads(fold(exchanges(case)).to_json())
    assert part_of(record, expected) == expected
    # Steps are compared whole: nothing is added to what crossed.
    for steps in {"input", "output"} & expected.keys():
        assert record[steps] == expected[steps]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_order_and_repetition_change_nothing(case: Path) -> None:
    told = exchanges(case)
    assert fold([*reversed(told), *told]).to_json() == fold(told).to_json()


@pytest.mark.parametrize("file", STREAMS, ids=name)
def test_a_stream_fed_three_ways(file: Path, three_ways: Callable[[bytes], list[ServerSentEvent]]) -> None:
    body = file.read_bytes()
    for form in (body, body.replace(b"\n", b"\r\n"), body.replace(b"\r\n", b"\n").replace(b"\n", b"\r")):
        events = three_ways(form)
        assert len(events) >= body.count(b"data: ")
        assert all(0 < event.end <= len(form) for event in events)
