"""A record -> the blocks of its transcript: what was asked, thought, called, answered and what went wrong.

Blocks hold plain values; `transcript.py` draws them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from tui.data import Detail
from tui.text import count, short_model

type Kind = Literal["user", "model", "thought", "call", "result", "error", "unknown", "note"]
type Form = Literal["markdown", "plain", "json", "media"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a block; `text` is as it came and not yet cleaned."""

    form: Form
    text: str
    lead: str = ""
    """What stands before its first line, such as the arrow of a result."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """One entry of the transcript."""

    kind: Kind
    title: str
    note: str = ""
    """Said beside the title, faintly."""
    parts: tuple[Part, ...] = ()


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
    notes = [*record["notes"], *_unknown(record["unknown"])]
    if notes:
        shown.append(Block("note", "Notes", parts=tuple(Part("plain", note) for note in notes)))
    return shown


def _side(steps: list[dict[str, Any]], detail: Detail, record: dict[str, Any], *, asked: bool) -> list[Block]:
    answers = {str(step["call_id"]): step for step in steps if _is(step, "_result") and step.get("call_id")}
    called = {str(step["id"]) for step in steps if _is(step, "_call") and step.get("id")}
    shown = []
    for step in steps:
        kind = str(step.get("type"))
        if kind in ("user_input", "model_output"):
            shown.append(_message(step, record))
        elif kind == "thought":
            shown.append(_thought(step, record))
        elif _is(step, "_call"):
            identifier = str(step.get("id"))
            result = answers.get(identifier) or (None if asked else detail.results.get(identifier))
            shown.append(_call(step, result, later=result is not None and identifier not in answers))
        elif not _is(step, "_result"):
            shown.append(Block("unknown", kind, "unknown step", (_json(step),)))
        elif str(step.get("call_id")) not in called:
            shown.append(_result(step, detail.calls.get(str(step.get("call_id")))))
    return shown


def _is(step: dict[str, Any], suffix: str) -> bool:
    return str(step.get("type", "")).endswith(suffix)


def _message(step: dict[str, Any], record: dict[str, Any]) -> Block:
    parts = _contents(step.get("content"))
    if step.get("error"):
        parts = (*parts, Part("json", _dump(step["error"]), "✖ ", failed=True))
    if step["type"] == "user_input":
        return Block("user", "You", parts=parts)
    name = record["model"] or record["agent"]
    return Block("model", short_model(name) if name else "Model", parts=parts)


def _thought(step: dict[str, Any], record: dict[str, Any]) -> Block:
    parts = _contents(step.get("summary"))
    thoughts = [other for other in record["output"] if other.get("type") == "thought"]
    tokens = (record["usage"] or {}).get("thought_tokens")
    notes = [f"{count(tokens)} tokens"] if tokens and len(thoughts) == 1 else []
    if not parts:
        notes.append("no summary" if step.get("signature") else "empty")
    return Block("thought", "Thought", " · ".join(notes), parts)


def _call(step: dict[str, Any], result: dict[str, Any] | None, *, later: bool = False) -> Block:
    parts = [_json(step.get("arguments") or {})]
    if result is not None:
        parts += _result_parts(result)
    note = str(step.get("id") or "")
    if later:
        note += " · answered in the next turn"
    return Block("call", _tool_name(step), note, tuple(parts))


def _result(step: dict[str, Any], call: dict[str, Any] | None) -> Block:
    name = _tool_name({**(call or {}), **{field: value for field, value in step.items() if value is not None}})
    parts = [] if call is None else [_json(call.get("arguments") or {})]
    note = str(step.get("call_id") or "")
    return Block("result", name, note, (*parts, *_result_parts(step)))


def _tool_name(step: dict[str, Any]) -> str:
    name = step.get("name") or str(step.get("type")).removesuffix("_call").removesuffix("_result")
    return f"{step['server_name']} ▸ {name}" if step.get("server_name") else str(name)


def _result_parts(step: dict[str, Any]) -> list[Part]:
    value, failed = step.get("result"), bool(step.get("is_error"))
    lead = "✖ " if failed else "↳ "
    if isinstance(value, str):
        return [Part("plain", value, lead, failed=failed)]
    if isinstance(value, list) and value and all(isinstance(item, dict) and "type" in item for item in value):
        first, *rest = _contents(value)
        return [Part(first.form, first.text, lead, failed=failed), *rest]
    return [Part("json", _dump(value), lead, failed=failed)]


def _contents(content: Any) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Part("markdown", content),)
    items = content if isinstance(content, list) else [content]
    return tuple(_content(item) for item in items)


def _content(item: Any) -> Part:
    if not isinstance(item, dict):
        return _json(item)
    if item.get("type") == "text" and isinstance(item.get("text"), str):
        return Part("markdown", item["text"])
    if item.get("data") is not None or item.get("uri") is not None:
        return Part("media", _media(item))
    return _json(item)


def _media(item: dict[str, Any]) -> str:
    words = [str(item.get("type")), str(item.get("mime_type") or "")]
    if isinstance(item.get("data"), str):
        padding = item["data"][-2:].count("=")
        words.append(_bytes(len(item["data"]) * 3 // 4 - padding))
    if item.get("uri"):
        words.append(str(item["uri"]))
    return "  ".join(word for word in words if word)


def _bytes(size: int) -> str:
    for limit, unit in ((1 << 20, "MB"), (1 << 10, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} bytes"


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


def _json(value: Any) -> Part:
    return Part("json", _dump(value))


def _dump(value: Any) -> str:
    """JSON on one line if it is short, else indented."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 60 else json.dumps(value, ensure_ascii=False, indent=2)
