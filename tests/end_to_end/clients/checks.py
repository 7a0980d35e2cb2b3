"""What a record must say about each way of calling, given what the client said about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rows import Row

type Told = list[dict[str, Any]]
type Records = list[dict[str, Any]]

PROMPTS: dict[str, Any] = {
    "plain": "Describe the harbour.",
    "stream": "Tell me about the sea and its many fish.",
    "two turns": "My name is Alice.",
    "second turn": "What's my name?",
    "fork": "Describe the old town.",
    "left": "Suggest a museum.",
    "right": "Suggest a beach.",
    "tool loop": "What is the weather in Paris?",
    "background": "Research the history of tiles.",
    "get": "Describe the river.",
    "cancel": "Research the history of bridges.",
    "delete": "Describe the castle.",
    "resume": "Tell me about the mountains and their many goats.",
    "resume what broke": "Research the history of mountains. Please break the stream.",
    "resume what ended": "Research the history of valleys. Please end the stream early.",
    "400": "Please fail with 400.",
    "404": "Describe the lighthouse.",
    "429": "Describe the market. Please fail with 429 twice.",
    "cut": "Tell me about the forest and its many trees. Please break the stream.",
    "tool": {
        "type": "function",
        "name": "get_weather",
        "description": "Gets weather for a location",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
"""What the client says, by way; no two ways share a prompt."""

_FOLLOWING = {
    "two turns": ("second turn",),
    "fork": ("left", "right"),
    "resume": ("resume what broke", "resume what ended"),
}


def spoken(way: str) -> tuple[str, ...]:
    """The prompts of a way."""
    return tuple(PROMPTS[name] for name in (way, *_FOLLOWING.get(way, ())))


def of_way(way: str, records: Records) -> Records:
    """The records that a way made, oldest first: those of its prompts and, for a tool loop, of the result."""
    prompts = spoken(way)
    found = [record for record in records if _prompt(record) in prompts]
    ids = {record["id"] for record in found}
    answers = [record for record in records if way == "tool loop" and record["previous_interaction_id"] in ids]
    known = {record["key"]: record for record in [*found, *answers]}
    return sorted(known.values(), key=lambda record: record["timing"]["started_at"])


def _prompt(record: dict[str, Any]) -> str | None:
    texts = [
        content.get("text")
        for step in record["input"]
        if step["type"] == "user_input"
        for content in step["content"]
        if isinstance(content, dict)
    ]
    return texts[-1] if texts else None


def wrong(way: str, row: Row, told: Told, records: Records) -> str | None:
    """What the records of a way say wrongly; None if nothing."""
    mine = of_way(way, records)
    if not mine:
        return "no record"
    # Without ids, what was said last is about the last record.
    unnamed = mine[-len(told) :]
    for place, said in enumerate(told):
        named = [one for one in mine if one["id"] == said["id"]] if said.get("id") else unnamed[place : place + 1]
        if not named:
            return f"no record for {said}"
        if fault := _differs(said, named[0], ended=way != "cut"):
            return fault
    unknown = {word for record in mine for words in record["unknown"].values() for word in words} - row.unknown
    if unknown:
        return f"the record has unknown words: {sorted(unknown)}"
    noted = sorted({note for record in mine for note in record["notes"]})
    if noted and way not in ("resume", "cut"):
        return f"the record has notes: {noted}"
    return _CHECKS[way](row, told, mine)


def _differs(said: dict[str, Any], record: dict[str, Any], *, ended: bool) -> str | None:
    if ended and said.get("status") and record["status"] != said["status"]:
        return f"the record is {record['status']}, the client said {said['status']}"
    recorded = record["output_text"] or ""
    if "text" in said and (recorded if ended else recorded[: len(said["text"])]) != said["text"]:
        return f"the record's text is {record['output_text']!r}, the client's {said['text']!r}"
    return None


def _operations(record: dict[str, Any]) -> list[str]:
    return [exchange["operation"] for exchange in record["exchanges"]]


def _expect(holds: bool, otherwise: str) -> str | None:
    return None if holds else otherwise


def _one(operations: list[str], records: Records, status: str | None = "completed") -> str | None:
    if len(records) != 1:
        return f"{len(records)} records"
    (record,) = records
    if _operations(record) != operations:
        return f"its exchanges are {_operations(record)}"
    return _expect(record["status"] == status, f"it is {record['status']}")


def _stream(row: Row, told: Told, records: Records) -> str | None:
    record = records[0]
    events = told[0].get("events", record["timing"]["events"])
    counted = record["stream"] and record["timing"]["events"] == events > 5
    return _one(["create"], records) or _expect(counted, f"{record['timing']['events']} events of {events}")


def _linked(row: Row, told: Told, records: Records) -> str | None:
    first, *rest = records
    linked = rest and all(record["parent_key"] == first["key"] for record in rest)
    return _expect(bool(linked) and len(records) == max(2, len(told)), f"{len(records)} records, not all linked")


def _tool_loop(row: Row, told: Told, records: Records) -> str | None:
    statuses = [record["status"] for record in records]
    if statuses != ["requires_action", "completed"]:
        return f"they are {statuses}"
    calls = [step for step in records[0]["output"] if step["type"] == "function_call"]
    results = [step for step in records[1]["input"] if step["type"] == "function_result"]
    answered = len(calls) == len(results) == 1 and calls[0]["id"] == results[0]["call_id"]
    return _linked(row, told, records) or _expect(answered, "the result does not answer the call")


def _background(row: Row, told: Told, records: Records) -> str | None:
    polls = told[0].get("polls", records[0]["polls"])
    operations = ["create", *["get"] * polls]
    return _one(operations, records) or _expect(records[0]["polls"] == polls > 1, f"{records[0]['polls']} polls")


def _get(row: Row, told: Told, records: Records) -> str | None:
    return _one(["create", "get"], records) or _expect(told[0]["again"]["id"] == told[0]["id"], "another id came back")


def _resume(row: Row, told: Told, records: Records) -> str | None:
    return _one(["create", *row.resuming], records) or _expect(records[0]["state"] == "complete", "it is not complete")


def _error(status: int) -> Callable[[Row, Told, Records], str | None]:
    def check(row: Row, told: Told, records: Records) -> str | None:
        recorded = (records[0]["error"] or {}).get("http_status")
        return _one(["create"], records, None) or _expect(
            recorded == status and told[0].get("http_status", status) == status,
            f"recorded {recorded}, told {told[0].get('http_status')}",
        )

    return check


def _retried(row: Row, told: Told, records: Records) -> str | None:
    wanted = 3 if row.attempts is None else row.attempts
    retries = [record["retries"] for record in records]
    return _expect(retries == [wanted - 1] and records[0]["status"] == "completed", f"retries {retries}")


def _cut(row: Row, told: Told, records: Records) -> str | None:
    states = {record["state"] for record in records}
    return _expect(states == {"truncated"} or states == {"interrupted"}, f"its state is {states}")


_CHECKS: dict[str, Callable[[Row, Told, Records], str | None]] = {
    "plain": lambda row, told, records: _one(["create"], records),
    "stream": _stream,
    "two turns": _linked,
    "fork": _linked,
    "tool loop": _tool_loop,
    "background": _background,
    "get": _get,
    "cancel": lambda row, told, records: _one(["create", "cancel"], records, "cancelled"),
    "delete": lambda row, told, records: _one(["create", "delete", "get"], records),
    "resume": _resume,
    "400": _error(400),
    "404": _error(404),
    "429": _retried,
    "cut": _cut,
}
