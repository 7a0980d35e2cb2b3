"""What every real recording says, pinned.

`TRACER_GOLDEN=write pytest tests/golden` writes the file again after a change of the records that is meant; read its
diff. It holds summaries and hashes, nothing of the traffic itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tracer.records.interaction import Interaction

PINNED = Path(__file__).with_name("recordings.json")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def call(step: dict[str, Any]) -> str:
    return f"{step.get('name') or step['type']}({', '.join(step['arguments'])})"


def summary(record: Interaction) -> dict[str, Any]:
    told = json.loads(record.to_json())
    steps = told["output"]
    text = told["output_text"]
    return {
        "dialect": told["dialect"],
        "operations": [exchange["operation"] for exchange in told["exchanges"]],
        "http": [exchange["http_status"] for exchange in told["exchanges"]],
        "stream": told["stream"],
        "status": told["status"],
        "state": told["state"],
        "input": [step["type"] for step in told["input"]],
        "steps": [step["type"] for step in steps],
        "contents": [content["type"] for step in steps for content in step.get("content") or []],
        "calls": [
            f"{step.get('name') or step['type']}({', '.join(step['arguments'])})"
            for step in steps
            if "arguments" in step
        ],
        "output_text": None if text is None else {"length": len(text), "sha256": digest(text)},
        "usage": None if told["usage"] is None else {name: told["usage"][name] for name in sorted(told["usage"])},
        "error": told["error"] and told["error"]["code"],
        "unknown": told["unknown"],
        "notes": len(told["notes"]),
        "events": told["timing"]["events"],
        "record": digest(json.dumps(told, sort_keys=True, ensure_ascii=False)),
    }


def test_every_recording_says_what_it_said(understood: dict[str, Any]) -> None:
    found = {path: [summary(record) for _, record in groups] for path, groups in understood.items()}
    if os.environ.get("TRACER_GOLDEN") == "write":
        PINNED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    assert found.keys() == pinned.keys()
    changed = {path: (found[path], pinned[path]) for path in found if found[path] != pinned[path]}
    assert changed == {}
