"""The only writer of stdout: stdout is data."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def write(text: str) -> None:
    """A line, or a block that ends in one. A reader that went away (`| head`) ends the program quietly."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def write_json(value: Any) -> None:
    """One JSON object on one line."""
    write(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
