"""Two records compared by what they mean: figures, parameters, tools, then steps aligned by type, then words.

Ids, signatures and links differ in any two interactions and say nothing, so they are not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

type Kind = Literal["same", "changed", "added", "removed"]
type Step = dict[str, Any]

MAX_PIECES = 3_000
"""Texts with more words are compared by lines, those with more lines as a whole."""

_NOISE = frozenset({"id", "call_id", "signature", "event_id"})
_LINKS = frozenset({"previous_interaction_id", "tools", "input"})
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Change:
    """A value at a path that is not the same in both; `before` or `after` is None where there is none."""

    path: str
    kind: Kind
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text, and whether both have it, only A (`removed`) or only B (`added`)."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class ToolChange:
    """A tool that was declared differently."""

    name: str
    kind: Kind
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two steps that stand for the same thing, or one without a partner."""

    side: Literal["input", "output"]
    kind: Kind
    title: str
    """Type, and the tool's name."""
    before: str | None
    """Text of A's step."""
    after: str | None
    words: tuple[Words, ...] = ()
    """What changed in the text, if it did."""
    changes: tuple[Change, ...] = ()
    """What else changed."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something said of each interaction as a whole; `delta` is B - A where both are numbers."""

    name: str
    before: Any
    after: Any
    delta: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that two interactions have and have not in common."""

    figures: tuple[Figure, ...]
    parameters: tuple[Change, ...]
    tools: tuple[ToolChange, ...]
    steps: tuple[StepPair, ...]

    @property
    def same_request(self) -> bool:
        """Both asked for the same thing in the same way."""
        asked = all(step.kind == "same" for step in self.steps if step.side == "input")
        return asked and not self.parameters and not self.tools

    @property
    def same(self) -> bool:
        """They say the same, whatever they took and cost."""
        return self.same_request and all(step.kind == "same" for step in self.steps)


def diff(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    """Compare two records (DESIGN: the record), A first."""
    parameters = changes(_parameters(before), _parameters(after))
    tools = tuple(_tools(before["request"].get("tools"), after["request"].get("tools")))
    steps = [pair for side in ("input", "output") for pair in _steps(side, before[side], after[side])]
    return Difference(tuple(_figures(before, after)), tuple(parameters), tools, tuple(steps))


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Where two JSON values differ, by path; lists are compared place by place."""
    waiting = [(path, before, after)]
    while waiting:
        path, before, after = waiting.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            names = [*before, *(name for name in after if name not in before)]
            inner = [(f"{path}.{name}" if path else str(name), name) for name in names]
            waiting += [(at, before.get(name, _MISSING), after.get(name, _MISSING)) for at, name in reversed(inner)]
        elif isinstance(before, list) and isinstance(after, list):
            for place in range(max(len(before), len(after)) - 1, -1, -1):
                pair = (list_[place] if place < len(list_) else _MISSING for list_ in (before, after))
                waiting.append((f"{path}[{place}]", *pair))
        elif before is _MISSING:
            yield Change(path, "added", None, after)
        elif after is _MISSING:
            yield Change(path, "removed", before, None)
        elif before != after or type(before) is not type(after):
            yield Change(path, "changed", before, after)


_MISSING: Any = object()


def words(before: str, after: str) -> tuple[Words, ...]:
    """Which words of two texts are in both, and which in one."""
    left, right = _pieces(before, after)
    found: list[Words] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Words("same", "".join(left[a:b])))
            continue
        if b > a:
            found.append(Words("removed", "".join(left[a:b])))
        if d > c:
            found.append(Words("added", "".join(right[c:d])))
    return tuple(found)


def _pieces(before: str, after: str) -> tuple[list[str], list[str]]:
    for pieces in (_WORDS.findall, lambda text: text.splitlines(keepends=True)):
        left, right = pieces(before), pieces(after)
        if max(len(left), len(right)) <= MAX_PIECES:
            return left, right
    return [before], [after]


def _parameters(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record["request"].items() if name not in _LINKS}


def _tools(before: Any, after: Any) -> Iterator[ToolChange]:
    left, right = _by_name(before), _by_name(after)
    for name in [*left, *(name for name in right if name not in left)]:
        if name not in right:
            yield ToolChange(name, "removed")
        elif name not in left:
            yield ToolChange(name, "added")
        elif found := tuple(changes(left[name], right[name])):
            yield ToolChange(name, "changed", found)


def _by_name(tools: Any) -> dict[str, Any]:
    found = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return {str(tool.get("name") or tool.get("type") or "tool"): tool for tool in found}


def _steps(side: Literal["input", "output"], before: Sequence[Step], after: Sequence[Step]) -> Iterator[StepPair]:
    matcher = SequenceMatcher(None, [_title(step) for step in before], [_title(step) for step in after], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(before[a:b], after[c:d], strict=True):
                yield _pair(side, left, right)
            continue
        yield from (StepPair(side, "removed", _title(step), text_of(step), None) for step in before[a:b])
        yield from (StepPair(side, "added", _title(step), None, text_of(step)) for step in after[c:d])


def _pair(side: Literal["input", "output"], left: Step, right: Step) -> StepPair:
    before, after = text_of(left), text_of(right)
    rest = tuple(changes(_without_text(left), _without_text(right)))
    kind: Kind = "changed" if rest or before != after else "same"
    changed = words(before, after) if before != after else ()
    return StepPair(side, kind, _title(left), before, after, changed, rest)


def _title(step: Step) -> str:
    name = step.get("name")
    return f"{step.get('type', 'step')} {name}" if name else str(step.get("type", "step"))


def text_of(step: Step) -> str:
    """What a step says: its texts, its arguments or its result."""
    for name in ("arguments", "result"):
        if name in step:
            value = step[name]
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    content = step.get("content", step.get("summary"))
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def _without_text(step: Step) -> Any:
    kept = {
        name: value
        for name, value in step.items()
        if name not in _NOISE and name not in ("arguments", "result", "text")
    }
    for name in ("content", "summary"):
        if isinstance(kept.get(name), list):
            kept[name] = [
                {key: value for key, value in part.items() if key not in ("text", *_NOISE)}
                if isinstance(part, dict)
                else None
                for part in kept[name]
            ]
    return kept


def _figures(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Figure]:
    for name, path in _FIGURES:
        left, right = _at(before, path), _at(after, path)
        if left is None and right is None:
            continue
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
        yield Figure(name, left, right, right - left if numbers else None)


_FIGURES = (
    ("model", "model"),
    ("agent", "agent"),
    ("status", "status"),
    ("error", "error.code"),
    ("duration_ms", "timing.duration_ms"),
    ("first_output_ms", "timing.first_output_ms"),
    ("tokens_per_second", "timing.tokens_per_second"),
    ("input_tokens", "usage.input_tokens"),
    ("cached_tokens", "usage.cached_tokens"),
    ("output_tokens", "usage.output_tokens"),
    ("thought_tokens", "usage.thought_tokens"),
    ("cost", "cost.amount"),
)


def _at(record: dict[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
