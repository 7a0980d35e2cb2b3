"""A record -> the blocks of its transcript: what was asked, thought, called, answered and what went wrong."""

from __future__ import annotations

from typing import Any

from tui import tool_blocks
from tui.data import Detail
from tui.life import life
from tui.parts import Block, Part, contents, dump
from tui.structured import read
from tui.text import count, short_model


def blocks(detail: Detail) -> list[Block]:
    """The transcript of one interaction, in wire order; a result stands with its call if both are known."""
    record = detail.record
    if record is None:
        return [_ghost(detail)]
    shown = [
        block for side in ("input", "output") for block in _side(record[side], detail, record, asked=side == "input")
    ]
    if record["error"]:
        shown.append(_error(record["error"]))
    if (line := life(record)) is not None:
        shown.append(line)
    notes = [*record["notes"], *_unknown(record["unknown"])]
    if notes:
        shown.append(Block("note", "Notes", parts=tuple(Part("plain", note) for note in notes)))
    return shown


def _side(steps: list[dict[str, Any]], detail: Detail, record: dict[str, Any], *, asked: bool) -> list[Block]:
    answers = {
        str(step["call_id"]): (step, place)
        for place, step in enumerate(steps)
        if _is(step, "_result") and step.get("call_id")
    }
    side = ".input" if asked else ".output"
    called = {str(step["id"]) for step in steps if _is(step, "_call") and step.get("id")}
    schema = None if asked else _schema(record)
    shown = []
    for place, step in enumerate(steps):
        at = f"{side}[{place}]"
        kind = str(step.get("type"))
        identifier = str(step.get("id") or step.get("call_id"))
        waited = detail.waits.get(identifier)
        if kind in ("user_input", "model_output"):
            shown.append(_message(step, record, schema, at))
        elif kind == "thought":
            shown.append(_thought(step, record, at))
        elif _is(step, "_call"):
            result, there = answers.get(identifier, (None if asked else detail.results.get(identifier), None))
            later = result is not None and there is None
            found = "" if there is None else f"{side}[{there}]"
            shown.append(tool_blocks.call(step, result, later=later, waited=waited, at=at, found=found))
        elif not _is(step, "_result"):
            shown.append(Block("unknown", kind, "unknown step", (Part("json", dump(step), at=at),)))
        elif str(step.get("call_id")) not in called:
            shown.append(tool_blocks.result(step, detail.calls.get(identifier), waited=waited, at=at))
    return shown


def _is(step: dict[str, Any], suffix: str) -> bool:
    return str(step.get("type", "")).endswith(suffix)


def _schema(record: dict[str, Any]) -> dict[str, Any] | None:
    if "response_format" not in record["request"]:
        return None
    from tracer.fold.schema import schema_of

    return schema_of(record["request"])


def _message(step: dict[str, Any], record: dict[str, Any], schema: dict[str, Any] | None, at: str) -> Block:
    parts = contents(step.get("content"), f"{at}.content")
    if step.get("error"):
        parts = (*parts, Part("json", dump(step["error"]), "✖ ", failed=True, at=f"{at}.error"))
    if step["type"] == "user_input":
        return Block("user", "You", parts=parts)
    name = record["model"] or record["agent"]
    title = short_model(name) if name else "Model"
    if schema is not None and (text := "".join(part.text for part in parts if part.form == "markdown")):
        others = tuple(part for part in parts if part.form != "markdown")
        fits = record["schema_ok"]
        words = {
            True: "satisfies its schema",
            False: "does not satisfy its schema",
            None: "not checked: see its schema",
        }
        if read(text) is not None:
            texts = [part.at for part in parts if part.form == "markdown"]
            where = f"{texts[0] if len(texts) == 1 else '.output_text'} | fromjson"
            parts = (Part("structured", text, item=schema, at=where), *others)
        elif fits is False:
            words[False] = "is no JSON, and a schema was asked for"
        return Block("model", title, words[fits], parts, failed=fits is False)
    return Block("model", title, parts=parts)


def _thought(step: dict[str, Any], record: dict[str, Any], at: str) -> Block:
    parts = contents(step.get("summary"), f"{at}.summary")
    thoughts = [other for other in record["output"] if other.get("type") == "thought"]
    tokens = (record["usage"] or {}).get("thought_tokens")
    notes = [f"{count(tokens)} tokens"] if tokens and len(thoughts) == 1 else []
    if not parts:
        notes.append("no summary" if step.get("signature") else "empty")
    return Block("thought", "Thought", " · ".join(notes), parts)


def _error(error: dict[str, Any]) -> Block:
    codes = [str(error[name]) for name in ("http_status", "code") if error.get(name) is not None]
    message = error.get("message")
    return Block("error", "Error", " ".join(codes), (Part("plain", str(message), failed=True),) if message else ())


def _unknown(unknown: dict[str, list[str]]) -> list[str]:
    return [
        f"unknown {name}, kept as they came: {', '.join(unknown[name])}"
        for name in ("fields", "events")
        if unknown[name]
    ]


def _ghost(detail: Detail) -> Block:
    if not detail.row.ghost:
        return Block("note", "Gone", parts=(Part("plain", "This interaction is no longer in the database."),))
    text = (
        "A later turn names this interaction as the one it continues, but it was never recorded here: it happened "
        "before recording began, elsewhere, or with another key."
    )
    return Block("note", "Not recorded", parts=(Part("plain", text),))
