"""`tracer diff`: two interactions compared by what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tracer.cassettes.naming import record_of, was_answered
from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit
from tracer.cli.scope import open_reader, scoped

if TYPE_CHECKING:
    from tracer.diff import Change, Difference, StepPair

SIGNS = {"same": "=", "changed": "~", "added": "+", "removed": "-"}


@click.command("diff", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="The comparison as one JSON object.")
@scoped
def command(first: str, second: str, as_json: bool, db: str | None, project: str | None, all_projects: bool) -> int:
    """Compare two interactions: figures, parameters, tools, steps aligned by type, then words.

    A and B are unique prefixes of keys or ids, @last, or FILE#N: the Nth recording of a cassette, or of a file of
    exchange lines. Of a request that no recording answered (a missed replay names one) only what was asked is
    compared. In texts, [-words-] are only in A and {+words+} only in B.
    Ids and signatures always differ and are not compared. Exits with 1 if A and B don't say the same.
    """
    read = _records(db, project, all_projects)
    before, after = (record_of(text) or read(text) for text in (first, second))

    from tracer.diff import diff

    found = diff(before, after)
    asked = not (was_answered(before) and was_answered(after))
    if as_json:
        output.write_json(asdict(found) | {"same": found.same, "same_request": found.same_request})
    else:
        output.write("\n".join(page(found, asked_only=asked)))
    return Exit.DONE if (found.same_request if asked else found.same) else Exit.FAILED


def _records(db: str | None, project: str | None, all_projects: bool) -> Callable[[str], dict[str, Any]]:
    def read(text: str) -> dict[str, Any]:
        reader, scope = open_reader(db, project, all_projects)
        with reader:
            return reader.record(reader.resolve(text, scope))

    return read


def page(found: Difference, *, asked_only: bool = False) -> Iterator[str]:
    """The comparison as lines of text; without figures and output if it is only about what was asked."""
    for figure in () if asked_only else found.figures:
        change = f"   ({figure.delta:+,.7f}".rstrip("0").rstrip(".") + ")" if figure.delta else ""
        if figure.before == figure.after:
            yield f"= {figure.name}: {_value(figure.before)}"
        else:
            yield f"~ {figure.name}: {_value(figure.before)} -> {_value(figure.after)}{change}"
    if not asked_only:
        yield ""
    yield "parameters: " + ("" if found.parameters else "the same")
    yield from map(_change, found.parameters)
    yield "tools: " + ("" if found.tools else "the same")
    for tool in found.tools:
        yield f"{SIGNS[tool.kind]} {rendering.one_line(tool.name)}"
        yield from ("  " + _change(change) for change in tool.changes)
    for side in ("input",) if asked_only else ("input", "output"):
        steps = [step for step in found.steps if step.side == side]
        yield f"{side}: " + ("" if any(step.kind != "same" for step in steps) else "the same")
        for step in steps:
            if step.kind != "same":
                yield from _step(step)


def _change(change: Change) -> str:
    values = [_value(value) for value in (change.before, change.after)]
    shown = {"added": values[1], "removed": values[0]}.get(change.kind, " -> ".join(values))
    return f"{SIGNS[change.kind]} {rendering.one_line(change.path)}: {shown}"


def _step(step: StepPair) -> Iterator[str]:
    yield f"{SIGNS[step.kind]} {rendering.one_line(step.title)}"
    for change in step.changes:
        yield "    " + _change(change)
    if step.words:
        marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
        text = "".join(marks[piece.kind].format(piece.text) for piece in step.words)
    else:
        text = (step.before if step.after is None else step.after if step.before is None else None) or ""
    for line in rendering.clean(text).splitlines():
        yield f"    {line}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return rendering.cut(rendering.one_line(text), 200)
