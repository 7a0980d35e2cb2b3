"""Only the words of an interaction: what was asked, or what was answered."""

from __future__ import annotations

import json
from typing import Any

type Record = dict[str, Any]


def prompt(record: Record) -> str | None:
    """Every text of the input, one below the other; without any, its JSON. None without an input."""
    steps = record["input"]
    contents = [step.get("content") for step in steps]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    found = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    if not steps:
        return None
    return "\n".join(found) or json.dumps(steps, ensure_ascii=False, indent=2)


def answer(record: Record) -> str | None:
    """The text of the answer; None without one."""
    return record["output_text"] or None
