"""Every value of every recorded response is in the record, and nearly all of them under a name that is known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tracer.records.interaction import Interaction
from tracer.wire import sse
from tracer.wire.exchange import Exchange

type Leaves = Callable[[Any], list[tuple[str, Any]]]

HELD_BY_UNKNOWN = {"usage.raw_prompt_token"}
"""Paths that no table has. The list may only shrink: an entry goes when a table learns its name."""
STRUCTURE = {"event_type", "event_id", "index", "interaction_id"}
"""Fields of events that say where a value belongs; the record has the value there, and their number in `timing`."""


def payloads(exchange: Exchange) -> list[Any]:
    """The response as JSON values: the body, or each event of a stream."""
    try:
        value = json.loads(exchange.response_body, strict=False)
    except ValueError:
        data = [event.data for event in sse.events(exchange.response_body)]
        return [json.loads(text) for text in data if text != sse.DONE]
    return [value]


def parts(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload's values by the names they have in an interaction object; of a body, itself."""
    if "event_type" not in payload:
        return payload
    inner = {name: value for name, value in payload.items() if name not in STRUCTURE | {"interaction"}}
    return {**inner, **payload.get("interaction", {})}


class Record:
    """Looks values up where they belong in a record."""

    def __init__(self, record: Interaction, leaves: Leaves) -> None:
        told = json.loads(record.to_json())
        self.unknown = set(told["unknown"]["fields"])
        self.response = told["response"]
        self.response_values = Counter((path, repr(value)) for path, value in leaves(told["response"]))
        self.steps = {repr(value) for _, value in leaves([told["input"], told["output"]])}
        self.texts = [value for _, value in leaves([told["input"], told["output"]]) if isinstance(value, str)]
        self.texts += [json.dumps(step["arguments"]) for step in told["output"] if "arguments" in step]
        self.usage = {repr(value) for _, value in leaves(told["usage"])}
        self.usage |= {repr(name) for part in (told["usage"] or {}).get("by_modality", {}).values() for name in part}
        self.usage |= {repr(name) for name in (told["usage"] or {}).get("grounding", {})}
        self.running = {(path, repr(value)) for one in told["running_usage"] for path, value in leaves(one["told"])}

    def holds(self, path: str, value: Any) -> bool:
        top = path.replace("[", ".").partition(".")[0]
        if path == "delta.type":
            return True  # says what the piece is a piece of
        if top in ("steps", "outputs", "step", "content", "delta", "input"):
            known = repr(value) in self.steps
            return known or (isinstance(value, str) and any(value in text for text in self.texts)) or is_fragment(path)
        if top == "metadata" and (path.removeprefix("metadata.total_usage."), repr(value)) in self.running:
            return True
        if top in ("usage", "metadata") and (repr(value) in self.usage or repr(value).lower() in self.usage):
            return True
        # Words of the interaction that a later event replaced are told by that event.
        return (path, repr(value)) in self.response_values or (top in ("status", "updated") and top in self.response)

    def knows(self, path: str) -> bool:
        return not any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in self.unknown)


def is_fragment(path: str) -> bool:
    """Pieces of arguments are joined and parsed; `test_wire_cases` checks what comes out."""
    return path in ("delta.arguments", "delta.partial_arguments")


def test_every_value_of_every_response_is_in_its_record(understood: dict[str, Any], leaves: Leaves) -> None:
    lost: list[tuple[str, str, Any]] = []
    held_by_unknown: set[str] = set()
    counted = Counter[bool]()
    for file, groups in understood.items():
        for group, folded in groups:
            record = Record(folded, leaves)
            answers = [one for one in group if one.status is None or one.status < 400]
            for path, value in [leaf for one in answers for body in payloads(one) for leaf in leaves(parts(body))]:
                known = record.knows(path)
                counted[known] += 1
                if not known:
                    held_by_unknown.add(path)
                if not record.holds(path, value):
                    lost.append((file, path, value))
    assert lost == []
    assert counted.total() > 2_000
    assert counted[True] / counted.total() >= 0.99
    assert held_by_unknown == HELD_BY_UNKNOWN


def test_errors_of_failed_attempts_are_kept(understood: dict[str, Any], leaves: Leaves) -> None:
    failed = [
        (exchange, call)
        for groups in understood.values()
        for group, record in groups
        for exchange in group
        for call in record.exchanges
        if call.key == exchange.key and (exchange.status or 200) >= 400
    ]
    assert failed
    for exchange, call in failed:
        kept = {repr(value) for _, value in leaves(json.loads(call.model_dump_json())["error"])}
        assert {repr(value) for body in payloads(exchange) for _, value in leaves(body)} <= kept


def test_every_value_of_every_request_is_in_its_record(understood: dict[str, Any], leaves: Leaves) -> None:
    renamed = ("input[].role", "input[].type")  # turns and loose contents become steps
    for groups in understood.values():
        for group, record in groups:
            told = json.loads(record.to_json())
            kept = {repr(value) for _, value in leaves([told["request"], told["input"]])}
            for body in {exchange.request_body for exchange in group if exchange.request_body}:
                sent = {repr(value) for path, value in leaves(json.loads(body)) if path not in renamed}
                assert sent <= kept
