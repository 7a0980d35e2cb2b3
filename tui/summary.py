"""The head of an interaction: status, times, tokens, money, ids, in a few aligned lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.data import Detail
from tui.outline import Sums
from tui.text import clean, count, cut, duration, local, money, short_model
from tui.theme import S, glyph

type Words = Sequence[tuple[str, Style]]
GAP = "   "


def head(detail: Detail, width: int) -> list[list[Segment]]:
    """The lines above the transcript, each at most `width` cells; they close with a rule."""
    row, record = detail.row, detail.record
    sign, style = glyph(row.status, row.state, ghost=row.ghost)
    said = "ghost" if row.ghost else (row.status or row.state).replace("_", " ")
    state = [(row.state, S.failed)] if row.state in ("interrupted", "truncated") else []
    model = short_model(row.model or row.agent)
    shown = [_line([(f" {sign} {clean(said)}", style + Style(bold=True)), (model, S.plain), *state], width)]
    if record is not None:
        shown += [
            _labelled(label, words, width)
            for label, words in (
                ("time", _time(record)),
                ("tokens", _tokens(record)),
                ("cost", _cost(record, row.cost_nano)),
                ("via", _via(record)),
                ("id" if record["id"] else "key", [(record["id"] or record["key"], S.muted)]),
                ("after", _after(record)),
                ("branch", _branch(detail)),
            )
            if words
        ]
    elif row.id:
        shown.append(_labelled("id", [(row.id, S.muted)], width))
    return [*shown, [Segment("─" * width, S.line)]]


def _labelled(label: str, words: Words, width: int) -> list[Segment]:
    return [Segment(f"   {label:<7}", S.faint), *_line(words, width - 11)]


def _line(words: Words, width: int) -> list[Segment]:
    segments: list[Segment] = []
    room = width
    for text, style in words:
        gap = GAP if segments else ""
        shown = cut(clean(text), room - len(gap))
        if not shown:
            break
        segments.append(Segment(gap + shown, style))
        room -= len(gap) + cell_len(shown)
    return segments


def _ms(value: float | None) -> str:
    return duration(None if value is None else round(value * 1000))


def _time(record: dict[str, Any]) -> Words:
    timing = record["timing"]
    started = local(round(datetime.fromisoformat(timing["started_at"]).timestamp() * 1_000_000))
    words = [(f"{started:%Y-%m-%d %H:%M:%S}", S.plain)]
    if timing["duration_ms"] is not None:
        words.append((f"took {_ms(timing['duration_ms'])}", S.plain))
    if timing["first_output_ms"] is not None:
        words.append((f"first token {_ms(timing['first_output_ms'])}", S.muted))
    if timing["tokens_per_second"] is not None:
        words.append((f"{timing['tokens_per_second']:.0f} tok/s", S.muted))
    return words


def _tokens(record: dict[str, Any]) -> Words:
    usage = record["usage"]
    if not usage:
        return ()
    words = []
    for field, name in (("input_tokens", "in"), ("output_tokens", "out"), ("thought_tokens", "thought")):
        if usage[field]:
            text = f"{usage[field]:,} {name}"
            if name == "in" and usage["cached_tokens"]:
                text += f" ({usage['cached_tokens']:,} cached)"
            words.append((text, S.plain if name != "thought" else S.thought))
    if usage["tool_use_tokens"]:
        words.append((f"{usage['tool_use_tokens']:,} tool use", S.tool))
    return words


def _cost(record: dict[str, Any], nano: int | None) -> Words:
    if nano is not None:
        return [(money(nano), S.money)]
    reason = record["cost"]["reason"]
    return [(f"unknown: {reason}", S.faint)] if reason else ()


def _via(record: dict[str, Any]) -> Words:
    words = [name for name in ("stream", "background") if record[name]]
    if not record["store"]:
        words.append("not stored")
    words += [
        f"{record[name]} {name if record[name] > 1 else one}"
        for name, one in (("polls", "poll"), ("retries", "retry"))
        if record[name]
    ]
    if len(record["hops"]) > 1:
        words.append(f"{len(record['hops'])} hops")
    client = record["client"]
    sdk = " ".join(part for part in (client["name"], client["version"]) if part)
    return [*((word, S.plain) for word in words), *([(sdk, S.muted)] if sdk else [])]


def _branch(detail: Detail) -> Words:
    """What the way from the root to here took, and what all that continues from here did."""
    branch = detail.branch
    if branch is None or branch.so_far.turns + branch.onward.turns <= 2:
        return ()
    words = [(f"Σ {_sums(branch.so_far)} so far", S.money)]
    if branch.onward.turns > 1:
        words.append((f"onward {_sums(branch.onward)}", S.muted))
    return words


def _sums(sums: Sums) -> str:
    cost = f" {money(sums.cost_nano)}{'' if sums.priced == sums.turns else '+'}" if sums.priced else ""
    return f"{sums.turns} turn{'' if sums.turns == 1 else 's'} {count(sums.tokens)} tok{cost}"


def _after(record: dict[str, Any]) -> Words:
    before = record["previous_interaction_id"]
    return [(before, S.muted)] if before else ()
