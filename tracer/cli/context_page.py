"""What the model had, as a page: the turns with their growth, what was sent beside them and what was not, the steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tracer.cli.record_page import steps
from tracer.cli.rendering import SHORT_KEY, count, cut, milliseconds, one_line

if TYPE_CHECKING:
    from tracer.context import Context, Turn

_VALUE_CELLS = 72


def page(context: Context) -> list[str]:
    """The lines of a context; all text in them is safe for a terminal."""
    lines = ["Turns", *([] if context.complete else ["  (earlier turns were not recorded)"])]
    lines += [f"  {line}" for turn in context.turns for line in _turn(turn)]
    lines += ["", "Sent in this turn", *(_settings(context.sent) or ["  (nothing but the input)"])]
    if context.not_repeated:
        lines += ["", "Not sent again, so the model did not have it"]
        values = {name: told.value for name, told in context.not_repeated.items()}
        keys = [told.key[:SHORT_KEY] for told in context.not_repeated.values()]
        lines += [f"{line} (last in {key})" for line, key in zip(_settings(values), keys, strict=True)]
    return [*lines, "", "What the model had", *steps(context.steps())]


def _turn(turn: Turn) -> Iterator[str]:
    said = [
        turn.key[:SHORT_KEY],
        f"{len(turn.input)} in, {len(turn.output)} out",
        f"{len(turn.repeated)} repeated" if turn.repeated else "",
        "" if turn.input_tokens is None else f"{count(turn.input_tokens)} input tokens{_growth(turn.growth)}",
        "" if turn.cached_share is None else f"{turn.cached_share:.0%} cached",
    ]
    yield " · ".join(filter(None, said))
    for tool in turn.tools:
        took = "unknown time" if tool.ms is None else milliseconds(tool.ms)
        yield "  " + one_line(f"the app's {tool.name or '?'} {tool.call_id}: {took} before it")


def _growth(growth: int | None) -> str:
    return "" if growth is None else f" ({growth:+})"


def _settings(values: dict[str, Any]) -> list[str]:
    return [f"  {one_line(name)}: {cut(_value(value), _VALUE_CELLS)}" for name, value in values.items()]


def _value(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
