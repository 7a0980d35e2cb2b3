"""The effective context of an interaction as lines: its turns with growth and cached share, what was sent beside."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.segment import Segment

from tui.data import Detail
from tui.text import clean, cut, duration, fit
from tui.theme import S

if TYPE_CHECKING:
    from tracer.context import Context, Turn

BAR_CELLS = 24
BAR_FROM = 84
"""Width from which each turn has a bar of its input."""


def turn_line(context: Context, place: int, width: int) -> list[Segment]:
    """One turn: what was asked, its input tokens, how much more than before, how much of it was cached."""
    turn = context.turns[place]
    lost = cache_lost(context.turns, place)
    share = turn.cached_share
    growth = "" if turn.growth is None else f"{turn.growth:+,}"
    numbers = f"{'-' if turn.input_tokens is None else f'{turn.input_tokens:,}':>9} {growth:>8}  "
    cached = "lost" if lost else "" if share is None else f"{share:.0%}"
    columns = [Segment(numbers, S.plain), Segment(f"{cached:>6} ", S.failed if lost else S.done if share else S.faint)]
    if width >= BAR_FROM:
        most = max((other.input_tokens or 0 for other in context.turns), default=0)
        columns += _bar(turn, most)
    room = width - sum(cell_len(segment.text) for segment in columns) - 7
    return [Segment(f" {place + 1:>3}  ", S.faint), Segment(fit(_asked(turn), room), S.plain), *columns, Segment(" ")]


def titles(width: int) -> str:
    """Names over the columns of the turns."""
    return f"{'input':>9} {'growth':>8}  {'cached':>6} " + (" " * (BAR_CELLS + 1) if width >= BAR_FROM else "")


def cache_lost(turns: Sequence[Turn], place: int) -> bool:
    """Whether a turn read nothing from the cache although the one before did, or had as much before it."""
    share = turns[place].cached_share
    return share == 0 and place > 0 and bool(turns[place - 1].cached_share)


def _bar(turn: Turn, most: int) -> list[Segment]:
    whole = 0 if not most else round((turn.input_tokens or 0) / most * BAR_CELLS)
    cached = min(whole, round((turn.cached_share or 0) * whole))
    rest = " " * (BAR_CELLS - whole)
    return [Segment(" "), Segment("█" * cached, S.done), Segment("░" * (whole - cached), S.muted), Segment(rest)]


def _asked(turn: Turn) -> str:
    tools = " ".join(f"⚙ {tool.name or '?'}{_took(tool.ms)}" for tool in turn.tools)
    steps = [step for step in turn.input if step.get("type") == "user_input"]
    text = next((_text(step.get("content")) for step in steps), "")
    repeated = f"({len(turn.repeated)} repeated) " if turn.repeated else ""
    return clean(repeated + " ".join(filter(None, (tools, text))) or "no input")


def _took(ms: float | None) -> str:
    return "" if ms is None else f" {duration(round(ms * 1000))}"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


def settings(context: Context, width: int) -> list[list[Segment]]:
    """What was sent beside the input, then what earlier turns had sent and this one not; a rule closes them."""
    shown = [[Segment(" Sent in this turn", S.bright)]]
    shown += _values(context.sent, width) or [[Segment("   nothing but the input", S.muted)]]
    if context.not_repeated:
        shown += [[], [Segment(" Not sent again: the model did not have it", S.running)]]
        places = {turn.key: f"  last in turn {number}" for number, turn in enumerate(context.turns, 1)}
        told = {name: one.value for name, one in context.not_repeated.items()}
        after = {name: places.get(one.key, "") for name, one in context.not_repeated.items()}
        shown += _values(told, width, after)
    if not context.complete:
        shown += [[], [Segment(" Earlier turns were not recorded: there was more before this", S.running)]]
    return [*shown, [], [Segment("─" * width, S.line)]]


def _values(values: Mapping[str, Any], width: int, after: Mapping[str, str] | None = None) -> list[list[Segment]]:
    return [_value(name, value, width, (after or {}).get(name, "")) for name, value in values.items()]


def _value(name: str, value: Any, width: int, after: str) -> list[Segment]:
    label = f"   {cut(clean(name), width // 3)}  "
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    room = width - cell_len(label) - cell_len(after)
    return [
        Segment(label, S.focus),
        Segment(cut(clean(text[: 2 * max(0, room) + 2]), room), S.plain),
        Segment(after, S.faint),
    ]


def before_it(detail: Detail, context: Context) -> Detail:
    """The interaction as if its input were everything that the model had before it."""
    record = dict(detail.record or {})
    record |= {"input": context.steps(), "output": [], "error": None, "exchanges": [], "hops": [], "notes": []}
    record["unknown"] = {"fields": [], "events": [], "kept": []}
    return dataclasses.replace(detail, record=record)
