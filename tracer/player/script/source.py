"""A script as the source of an engine's answers."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from tracer.events import JsonObject
from tracer.player import prompts
from tracer.player.failures import Failure
from tracer.player.script.model import Error, Rule, Script, Then, When
from tracer.player.script.steps import made_of
from tracer.player.stream import Pace
from tracer.player.turn import Answer, Source, Turn

_GROUP = re.compile(r"\$\{(\w+)\}")
_FAILED = {"code": "internal_error", "message": "The script lets this interaction fail."}

type Groups = dict[str, str]
"""What a rule's pattern found, by the names and numbers of its groups."""


class Scripted:
    """The first rule that fits a turn answers it. What no rule fits goes to `rest`; a strict script refuses it."""

    def __init__(self, script: Script, rest: Source) -> None:
        self._rest = rest
        self._strict = script.strict
        self._rules = [(rule, re.compile(rule.when.matches or "", re.IGNORECASE)) for rule in script.rules]
        self._answered = [0] * len(script.rules)

    def answer(self, turn: Turn) -> Answer | Failure:
        """The answer of the script."""
        told = turn.without_history()
        for n, (rule, pattern) in enumerate(self._rules):
            if rule.times is not None and self._answered[n] >= rule.times:
                continue
            groups = found(rule.when, pattern, told)
            if groups is not None:
                self._answered[n] += 1
                return _answer(rule, told, groups)
        if not self._strict:
            return self._rest.answer(turn)
        asked = prompts.quoted(prompts.text_of(told.input))
        return Failure(400, f'No rule of the script fits turn {told.number}, "{asked}".', "no_rule_fits")


def found(when: When, pattern: re.Pattern[str], turn: Turn) -> Groups | None:
    """The groups of the pattern if a turn is as it has to be, else None."""
    request = turn.request
    named = (
        (when.model, [request.get("model")]),
        (when.agent, [request.get("agent")]),
        (when.tool, _tools(request)),
        (when.result, [step.get("name") for step in _results(turn)]),
    )
    if any(wanted is not None and not _fits(wanted, given) for wanted, given in named):
        return None
    if when.turn is not None and turn.number not in when.turn:
        return None
    flags = ((when.stream, "stream"), (when.background, "background"))
    if any(wanted is not None and wanted != bool(request.get(name)) for wanted, name in flags):
        return None
    if when.continuation != bool(request.get("continuation_token")):
        return None
    sent = [(name.lower(), value) for name, value in turn.headers]
    for name, wanted in when.header.items():
        if not any(header == name.lower() and fnmatchcase(value, wanted) for header, value in sent):
            return None
    text = prompts.text_of(turn.input)
    if when.contains is not None and not all(part.lower() in text.lower() for part in when.contains):
        return None
    match = pattern.search(text)
    if match is None:
        return None
    groups = {str(n): group or "" for n, group in enumerate([match[0], *match.groups()])}
    return {**groups, **{name: group or "" for name, group in match.groupdict().items()}, "prompt": text}


def _fits(wanted: tuple[str, ...], given: list[Any]) -> bool:
    return any(isinstance(name, str) and fnmatchcase(name, pattern) for pattern in wanted for name in given)


def _tools(request: JsonObject) -> list[Any]:
    tools = request.get("tools")
    return [tool.get(key) for tool in tools for key in ("name", "type")] if isinstance(tools, list) else []


def _results(turn: Turn) -> list[JsonObject]:
    # A result needs no name; its call has one.
    calls = {step.get("id"): step.get("name") for step in turn.context if step.get("type") == "function_call"}
    given = [step for step in turn.input if step.get("type") == "function_result"]
    return [{**step, "name": step.get("name") or calls.get(step.get("call_id"))} for step in given]


def _answer(rule: Rule, turn: Turn, groups: Groups) -> Answer | Failure:
    then = rule.then
    if then.error is not None:
        return _failure(then.error, groups)
    steps = [_filled(step, groups) for step in made_of(then.steps, turn)]
    errors = [_filled({"code": one.code, "message": one.message}, groups) for one in then.errors]
    status = then.status or ("failed" if errors else _status(steps))
    return Answer(
        steps=steps,
        status=status,
        errors=tuple(errors or ([_FAILED] if status == "failed" else [])),
        polls=then.polls,
        takes_us=None if then.seconds is None else int(then.seconds * 1_000_000),
        queued=then.queued,
        breaks=then.breaks,
        usage=then.counted(),
        pace=_pace(then),
        piece=then.chunk_chars,
    )


def _status(steps: list[JsonObject]) -> str:
    return "requires_action" if any(step.get("type") == "function_call" for step in steps) else "completed"


def _pace(then: Then) -> Pace | None:
    if then.delay_ms is None and then.chunk_ms is None:
        return None
    usual = Pace()
    first = usual.first_us if then.delay_ms is None else then.delay_ms * 1000
    return Pace(first, usual.next_us if then.chunk_ms is None else then.chunk_ms * 1000)


def _failure(error: Error, groups: Groups) -> Failure:
    headers = [(name.lower(), value) for name, value in error.headers.items()]
    if error.retry_after is not None:
        headers.append(("retry-after", f"{error.retry_after:g}"))
    if error.retry_after_ms is not None:
        headers.append(("retry-after-ms", str(error.retry_after_ms)))
    message = _filled(error.message, groups)
    return Failure(error.status, message, error.code, error.form, tuple(headers))


def _filled(value: Any, groups: Groups) -> Any:
    if isinstance(value, str):
        return _GROUP.sub(lambda found: groups.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [_filled(item, groups) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, groups) for name, item in value.items()}
    return value
