"""A recording named as FILE#N: the Nth of a cassette or of a file of exchange lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tracer.errors import CassetteError


def record_of(text: str) -> dict[str, Any] | None:
    """The record of the recording that the text names; None if it names no such file by its suffix.

    Without a number it is the first. Raises CassetteError if there is no such file or recording.
    """
    name, mark, number = text.rpartition("#")
    file = Path(name if mark and number.isdigit() else text)
    if file.suffix not in (".yaml", ".yml", ".jsonl"):
        return None
    if not file.is_file():
        raise CassetteError(f"there is no file {str(file)!r}: give the path of a cassette, such as chat.yaml#2")

    from tracer.cassettes import files, jsonl
    from tracer.normalize import normalize

    if file.suffix == ".jsonl":
        lines = file.read_text(encoding="utf-8").splitlines()
        exchanges = [jsonl.read_line(json.loads(line), str(file)) for line in lines]
    else:
        exchanges = files.load(file)
    place = int(number) if mark and number.isdigit() else 1
    if not 1 <= place <= len(exchanges):
        raise CassetteError(f"{str(file)!r} holds {len(exchanges)} recordings: there is no number {place}")
    record: dict[str, Any] = json.loads(normalize([exchanges[place - 1]]).to_json())
    return record


def was_answered(record: dict[str, Any]) -> bool:
    """Whether any request of it had an answer; if not, only what was asked can be compared."""
    return any(exchange["http_status"] for exchange in record["exchanges"])
