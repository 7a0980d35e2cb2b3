"""A record as Markdown, to paste into an issue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_HEADS = {"user_input": "User", "model_output": "Model", "thought": "Thought"}


def markdown(record: dict[str, Any]) -> str:
    """Figures in a table, then every step under a heading; code and JSON in fences that nothing in them closes."""
    name = record["id"] or record["key"]
    lines = [f"# Interaction `{name}`", "", "| | |", "| --- | --- |"]
    lines += [f"| {label} | {_cell(value)} |" for label, value in _facts(record) if value not in (None, "")]
    for step in [*record["input"], *record["output"]]:
        lines += ["", *_step(step)]
    if record["error"]:
        error = record["error"]
        words = (error.get("http_status"), error.get("code"), error.get("message"))
        lines += ["", "## Error", "", " ".join(str(word) for word in words if word is not None)]
    return "\n".join(lines) + "\n"


def _facts(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    timing, usage, cost = record["timing"], record["usage"] or {}, record["cost"]
    yield "model", record["model"] or record["agent"]
    yield "status", record["status"] or record["state"]
    yield "started", timing["started_at"]
    yield "took", None if timing["duration_ms"] is None else f"{timing['duration_ms']:,.0f} ms"
    counts = (
        f"{usage.get(f'{name}_tokens')} {name}"
        for name in ("input", "output", "thought")
        if usage.get(f"{name}_tokens")
    )
    yield "tokens", ", ".join(counts)
    yield "cost", None if cost["amount"] is None else f"{cost['amount']} {cost['currency']}"
    yield "continues", record["previous_interaction_id"]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _step(step: dict[str, Any]) -> Iterator[str]:
    kind, name = str(step.get("type", "step")), step.get("name")
    yield f"## {_HEADS.get(kind, kind)}" + (f" `{name}`" if name else "")
    yield ""
    for key in ("arguments", "result"):
        if key in step:
            yield from _fenced(step[key])
            return
    content = step.get("content", step.get("summary"))
    if not isinstance(content, list):
        rest = {key: value for key, value in step.items() if key not in ("type", "signature")}
        yield from [content] if isinstance(content, str) else _fenced(rest) if rest else ["(nothing shown)"]
        return
    for part in content:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]
        else:
            yield from _fenced(_short(part))


def _fenced(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + ("" if isinstance(value, str) else "json"), text, fence]


def _short(part: Any) -> Any:
    """Media without its bytes."""
    if not isinstance(part, dict):
        return part
    return {
        key: f"({len(value):,} characters)" if key == "data" and isinstance(value, str) else value
        for key, value in part.items()
    }
