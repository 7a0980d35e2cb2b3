"""Nodes of a document -> drawn lines. Only what is in view is cut, cleaned and styled."""

from __future__ import annotations

import json
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.document import INDENT, Node
from tui.text import clean, cut
from tui.theme import S

CLOSING = {"{": "}", "[": "]"}


def draw(node: Node, width: int, *, folded: bool, foldable: bool) -> list[Segment]:
    """One line, at most `width` cells; a long value is cut there."""
    indent = min(node.depth * INDENT, width // 2)
    sign = ("▸ " if folded else "▾ ") if foldable and node.kind != "close" else "  "
    segments = [Segment(" " * (indent + 1)), Segment(sign, S.faint)]
    room = width - indent - 3
    if node.kind == "event":
        segments += _event(node, room)
    elif node.kind == "heading":
        segments += _heading(node, room)
    elif node.kind == "header":
        name = cut(clean(f"{node.key}: "), room)
        segments += [Segment(name, S.muted), Segment(_short(str(node.value), room - cell_len(name)), S.plain)]
    elif node.kind in ("text", "note"):
        segments.append(Segment(_short(str(node.value), room), S.plain if node.kind == "text" else S.running))
    else:
        segments += _json(node, room, folded=folded)
    return segments


def _short(text: str, room: int) -> str:
    # Cut twice: cleaning ten megabytes to show a hundred cells would take a second.
    return cut(clean(text[: 2 * max(room, 0) + 2]), room)


def _heading(node: Node, room: int) -> list[Segment]:
    title = cut(clean(str(node.key)), room)
    segments = [Segment(title, S.bright if node.value is not None else S.muted)]
    rest = f" ({node.children})" if node.value is None else f" {node.value}"
    return [*segments, Segment(_short(rest, room - cell_len(title)), S.faint if node.value is None else S.muted)]


def _event(node: Node, room: int) -> list[Segment]:
    gist, at = node.value
    name = cut(clean(str(node.key)), room)
    right = f" {at} "
    room -= cell_len(name) + len(right)
    gist = cut("  " + clean(str(gist)), max(room, 0))
    return [
        Segment(name, _event_style(str(node.key))),
        Segment(gist, S.muted),
        Segment(" " * max(0, room - cell_len(gist))),
        Segment(right, S.faint),
    ]


def _event_style(name: str) -> Style:
    if name == "error":
        return S.failed
    return S.plain if ".delta" in name else S.focus


def _json(node: Node, room: int, *, folded: bool) -> list[Segment]:
    if node.kind == "close":
        return [Segment(str(node.value), S.faint)]
    segments: list[Segment] = []
    if isinstance(node.key, str):
        name = cut(clean(json.dumps(node.key, ensure_ascii=False)), room // 2)
        segments += [Segment(name, S.focus), Segment(": ", S.faint)]
    elif node.key is not None:
        segments += [Segment(f"{node.key}", S.faint), Segment(" ", S.faint)]
    room -= sum(cell_len(segment.text) for segment in segments)
    if node.kind == "open":
        counted = f"{node.children} {'key' if node.value == '{' else 'item'}{'' if node.children == 1 else 's'}"
        shown = f"{node.value} … {CLOSING[node.value]}  {counted}" if folded else node.value
        return [*segments, Segment(cut(shown, room), S.faint)]
    return [*segments, Segment(_scalar(node.value, room), _style(node.value))]


def _scalar(value: Any, room: int) -> str:
    if isinstance(value, str):
        return cut(clean(json.dumps(value[: 2 * max(room, 0) + 2], ensure_ascii=False)), room)
    return cut(json.dumps(value), room)


def _style(value: Any) -> Style:
    if isinstance(value, str):
        return S.plain
    return S.faint if value is None or value in ({}, []) else S.money
