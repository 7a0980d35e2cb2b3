"""What stands under the cursor in a transcript, as a value of the record: how jq finds it, and what it is."""

from __future__ import annotations

import json
from typing import NamedTuple

from tui.document import Document, Node, add_json
from tui.parts import Block
from tui.transcript import part_at


class Place(NamedTuple):
    """A value of a record."""

    path: str
    """For `tracer show ID --json | jq PATH`; empty if the value is in another record."""
    value: str
    """Strings bare, all else as JSON."""


def place(block: Block, width: int, number: int, *, pictures: bool = False) -> Place | None:
    """What line `number` of a block's body says; None if that is no value."""
    found = part_at(block, width, number, pictures=pictures)
    if found is None:
        return None
    part, line = found
    if part.form not in ("json", "structured"):
        return Place(part.at, part.text) if part.at else None
    nodes: list[Node] = []
    add_json(nodes, json.loads(part.text))
    whole = part.form == "json" and "\n" not in part.text
    document = Document(nodes)
    at = 0 if whole else min(line, len(nodes) - 1)
    return Place(_joined(part.at, document.path(at)), document.text(at))


def _joined(base: str, path: str) -> str:
    if not base or path == ".":
        return base
    if "|" in base:
        return f"{base} | {path}"
    return base + (path[1:] if path.startswith(".[") else path)
