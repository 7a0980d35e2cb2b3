"""A record as a page of text: what it is, what it took, then what was asked and answered, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tracer.cli.rendering import SHORT_KEY, clean, count, glyph, milliseconds, money, one_line, status_word

if TYPE_CHECKING:
    from tracer.context import ToolTime

type Record = dict[str, Any]


def page(record: Record, tools: Sequence[ToolTime] = ()) -> list[str]:
    """The lines of a record as `store.reader` gives it; all text in them is safe for a terminal."""
    asked = list(steps(record["input"]))
    answered = list(steps(record["output"]))
    lines = [_title(record), *(f"{name:<10}{value}" for name, value in _facts(record) if value)]
    for heading, body in (("Asked", asked), ("Answered", answered)):
        if body:
            lines += ["", heading, *body]
    if tools:
        lines += ["", "Tools of the app", *(f"  {_tool(one, record['key'])}" for one in tools)]
    if len(record["exchanges"]) > 1:
        lines += ["", "Exchanges", *(f"  {_exchange(one)}" for one in record["exchanges"])]
    return lines


def _title(record: Record) -> str:
    who = one_line(record["model"] or record["agent"] or "")
    word = status_word(record["status"], record["state"])
    return " ".join(filter(None, (glyph(record["status"], record["state"]), word, who)))


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield "key", record["key"]
    yield "id", one_line(record["id"] or "")
    if record["previous_interaction_id"]:
        yield "continues", one_line(record["previous_interaction_id"])
    elif record["linked_by"] == "history":
        yield "continues", f"{record['parent_key'][:SHORT_KEY]} (its input begins with what was said there)"
    elif record["linked_by"] == "id_structure":
        yield "continues", f"{record['parent_key'][:SHORT_KEY]} or a later turn of it (by the look of its id)"
    yield "started", record["timing"]["started_at"]
    yield "upstream", one_line(f"{record['upstream']} ({record['dialect']}, {record['api_version']})")
    yield "client", one_line(" ".join(filter(None, map(record["client"].get, ("name", "version", "language")))))
    yield "project", one_line(record["project"] or "")
    yield "run", one_line(record["run"] or "")
    yield "tags", one_line(" ".join(f"{name}={value}" for name, value in record["tags"].items()))
    flags = [name for name in ("stream", "background") if record[name]] + ([] if record["store"] else ["not stored"])
    yield "mode", ", ".join(flags)
    yield "tokens", _usage(record["usage"])
    yield "cost", _cost(record["cost"])
    yield "timing", _timing(record["timing"])
    effort = [f"{record[name]} {name}" for name in ("polls", "retries") if record[name]]
    yield "effort", ", ".join([*effort, *([f"{len(record['hops'])} hops"] if len(record["hops"]) > 1 else [])])
    yield "error", _error(record["error"])
    yield "expires", record["expires_at"] or ""
    unknown = record["unknown"]["fields"] + record["unknown"]["events"]
    yield "unknown", one_line(", ".join(unknown))
    for note in record["notes"]:
        yield "note", one_line(note)


def _usage(usage: Record | None) -> str:
    if not usage:
        return ""
    names = ("input", "cached", "output", "thought", "tool_use")
    parts = [f"{count(number)} {name}" for name in names if (number := usage[f"{name}_tokens"])]
    sums = "" if usage["sum_ok"] in (True, None) else "; they do not add up"
    return f"{count(usage['total_tokens'])}: {', '.join(parts)}{sums}"


def _cost(cost: Record) -> str:
    if cost["amount"] is None:
        return f"unknown: {one_line(cost['reason'])}" if cost["reason"] else ""
    sign = "$" if cost["currency"] == "USD" else f"{cost['currency']} "
    rest = f", {one_line(cost['reason'])}" if cost["reason"] else ""
    return f"{money(round(cost['amount'] * 1e9), sign)} ({one_line(cost['source'] or '')}){rest}"


def _timing(timing: Record) -> str:
    names = {
        "duration_ms": "in all",
        "headers_ms": "to the headers",
        "first_event_ms": "to the first event",
        "first_output_ms": "to the first output",
        "first_text_ms": "to the first text",
        "server_ms": "at the server",
        "longest_gap_ms": "longest gap",
    }
    parts = [f"{milliseconds(timing[name])} {words}" for name, words in names.items() if timing[name] is not None]
    parts += [f"{timing['events']} events"] if timing["events"] else []
    speed = timing["tokens_per_second"]
    return ", ".join([*parts, *([f"{speed:.1f} tokens/s"] if speed is not None else [])])


def _error(error: Record | None) -> str:
    if not error:
        return ""
    code = " ".join(str(part) for part in (error["http_status"], error["code"]) if part is not None)
    return one_line(": ".join(filter(None, (code, error["message"]))))


def _exchange(exchange: Record) -> str:
    status = exchange["http_status"] if exchange["http_status"] is not None else "no response"
    attempt = f", attempt {exchange['attempt']}" if exchange["attempt"] > 1 else ""
    took = f", {milliseconds(exchange['duration_ms'])}" if exchange["duration_ms"] is not None else ""
    line = f"{exchange['operation']:<7}{exchange['method']} {exchange['path']} -> {status}{took}{attempt}"
    return f"{exchange['started_at']}  {one_line(line)}"


def _tool(one: ToolTime, here: str) -> str:
    took = "in unknown time" if one.ms is None else f"in {milliseconds(one.ms)}"
    where = f"for {one.answered_by[:SHORT_KEY]}" if one.made_by == here else f"called by {one.made_by[:SHORT_KEY]}"
    return one_line(f"{one.name or '?'} {one.call_id} {took}, {where}")


def steps(some: list[Record]) -> Iterator[str]:
    """Steps as indented lines, safe for a terminal."""
    for step in some:
        kind = str(step.get("type"))
        head, body = _step(kind, step)
        yield f"  {one_line(head)}"
        for line in clean(body).splitlines():
            yield f"    {line}"


def _step(kind: str, step: Record) -> tuple[str, str]:
    """The first line of a step and the text below it."""
    name = " ".join(str(part) for part in (step.get("server_name"), step.get("name")) if part)
    if kind.endswith("_call"):
        return f"{kind} {name} {step.get('id') or ''}", _json(step.get("arguments"))
    if kind.endswith("_result"):
        failed = " (error)" if step.get("is_error") else ""
        result = step.get("result")
        return f"{kind} {name} {step.get('call_id') or ''}{failed}", result if isinstance(result, str) else _json(
            result
        )
    if kind == "thought":
        return kind, _contents(step.get("summary")) or "(no summary)"
    if kind in ("user_input", "model_output"):
        error = f"\n{_json(step['error'])}" if step.get("error") else ""
        return kind, _contents(step.get("content")) + error
    return kind, _json({name: value for name, value in step.items() if name != "type"})


def _contents(contents: Any) -> str:
    if isinstance(contents, str):
        return contents
    return "\n".join(_content(content) for content in contents or () if isinstance(content, dict))


def _content(content: Record) -> str:
    if isinstance(content.get("text"), str):
        cited = [one.get("url") or one.get("uri") or one.get("title") for one in content.get("annotations") or ()]
        sources = "".join(f"\n[{source}]" for source in dict.fromkeys(cited) if source)
        return f"{content['text']}{sources}"
    data = content.get("data")
    size = f", {len(data) * 3 // 4} bytes" if isinstance(data, str) else ""
    where = f" {content['uri']}" if content.get("uri") else ""
    return f"[{content.get('type')} {content.get('mime_type') or ''}{size}]{where}"


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
