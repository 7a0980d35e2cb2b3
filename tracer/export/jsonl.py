"""A record as one line of JSON."""

from __future__ import annotations

import json
from typing import Any


def jsonl(record: dict[str, Any]) -> str:
    """What `tracer list --json` prints."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
