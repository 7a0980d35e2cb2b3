"""A record as the columns of its row and the texts that can be searched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracer.identity import Group, storable
from tracer.identity.history import History, history
from tracer.records.interaction import Interaction
from tracer.records.steps import Call, Content, ModelOutput, Result, Step, UserInput

PREVIEW = 200
"""Characters of prompt and answer kept in a row."""
SEARCHED = 64 * 1024
"""Characters of prompt and of answer that are searched."""

type Columns = dict[str, Any]


def said_before(record: Interaction, group: Group) -> History:
    """What links a call that carries its history to what it goes on from; nothing for one that names it by id."""
    if group.previous_id or group.facts[0].operation != "create" or record.state == "in_flight":
        return History()
    return history(record.input, record.output)


def columns(record: Interaction, group: Group, said: History) -> Columns:
    """The columns of a row, but for `seq`, `rev`, `root_key`, `parent_key` and `linked_by`, which links decide."""
    usage, timing, error = record.usage, record.timing, record.error
    code = None if error is None else error.code if error.code is not None else error.http_status
    return {
        "key": group.key,
        "project": group.first.project,
        "origin": group.first.origin,
        "previous_id": group.previous_id,
        "run": record.run,
        "id": group.interaction_id,
        "ghost": 0,
        "dialect": record.dialect,
        "model": _clean(record.model),
        "agent": _clean(record.agent),
        "status": _clean(record.status),
        "state": record.state,
        "background": int(record.background),
        "stream": int(record.stream),
        "started_at_us": group.first.started_at_us,
        "duration_us": _microseconds(timing.duration_ms),
        "first_output_us": _microseconds(timing.first_output_ms),
        **{f"{name}_tokens": getattr(usage, f"{name}_tokens", None) for name in _TOKENS},
        "cost_nano": None if record.cost.amount is None else round(record.cost.amount * 1e9),
        "error_code": None if code is None and error is None else storable(str(code or "error")),
        "polls": record.polls,
        "retries": record.retries,
        "hops": len(record.hops),
        "tools": " ".join(tool_names(record.output)),
        "prompt": one_line(prompt(record)),
        "answer": one_line(answer(record)),
        "client": _clean(" ".join(filter(None, (record.client.name, record.client.version))) or None),
        "history": said.whole,
    }


_TOKENS = ("input", "cached", "output", "thought", "tool_use", "total")


def never_seen(record: Interaction) -> list[tuple[str, str]]:
    """What of the wire no table knows: `field` and its path, or `event` and its name."""
    named = [("field", path) for path in record.unknown.fields] + [("event", name) for name in record.unknown.events]
    return [(kind, storable(path)) for kind, path in named]


def searched(asked: Sequence[Step], request: Mapping[str, Any], answered: Sequence[Step]) -> tuple[str, str, str]:
    """What full-text search looks through: all that was asked, all that was answered, the tools."""
    prompt = "\n".join(filter(None, map(step_text, asked)))
    system = request.get("system_instruction")
    if isinstance(system, str):
        prompt = f"{prompt}\n{system}"
    answer = "\n".join(filter(None, map(step_text, answered)))
    return storable(prompt[:SEARCHED]), storable(answer[:SEARCHED]), " ".join(tool_names(answered))


def prompt(record: Interaction) -> str:
    """What this turn asked: the last thing a user said in it, else the tool results it brought."""
    said = [text for step in record.input if isinstance(step, UserInput) and (text := step_text(step))]
    return said[-1] if said else ", ".join(filter(None, (step_text(step) for step in record.input)))


def answer(record: Interaction) -> str:
    """The text of the answer, else the calls it made, else what went wrong."""
    calls = [step_text(step) for step in record.output if isinstance(step, Call)]
    message = record.error.message if record.error else None
    return record.output_text or ", ".join(calls) or message or ""


def tool_names(steps: Iterable[Step]) -> list[str]:
    """The tools called, each once, in order; a server tool by its type, spaces in a name as underscores."""
    names = [
        "_".join(storable(step.name or step.type.removesuffix("_call")).split())
        for step in steps
        if isinstance(step, Call)
    ]
    return [name for name in dict.fromkeys(names) if name]


def step_text(step: Step) -> str:
    """A step in words: its text, `name(arguments)` of a call, `name: result` of a result."""
    match step:
        case UserInput() | ModelOutput():
            return contents_text(step.content)
        case Call():
            given = ", ".join(f"{name}={_json(value)}" for name, value in (step.arguments or {}).items())
            return f"{step.name or step.type.removesuffix('_call')}({given})"
        case Result():
            name = step.name or step.type.removesuffix("_result")
            return f"{name}: {step.result if isinstance(step.result, str) else _json(step.result)}"
        case _:
            return contents_text(getattr(step, "summary", None))


def contents_text(contents: list[Content] | str | None) -> str:
    """The text of contents; of one without text its type in brackets."""
    if isinstance(contents, str):
        return contents
    return "\n".join(content.text if content.text is not None else f"[{content.type}]" for content in contents or ())


def one_line(text: str) -> str:
    """The start of a text on one line."""
    # Most texts have few spaces more than they need, so that a short look is enough.
    words = " ".join(text[: PREVIEW + 50].split())
    if len(words) < PREVIEW:
        words = " ".join(text[: PREVIEW * 4].split())
    return storable(words[:PREVIEW])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _clean(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _microseconds(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1000)
