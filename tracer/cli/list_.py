"""`tracer list`: interactions, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import elsewhere, now_us, open_reader, read_filter, scoped

if TYPE_CHECKING:
    from tracer.store.rows import InteractionRow

DEFAULT_LIMIT = 50
_PROMPT_CELLS = 36
_DROPPED = ("duration", "cost", "tokens", "model")
"""What makes room for the prompt on a narrow terminal, in this order."""


@click.command("list", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("filters", metavar="[FILTER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Whole records, one JSON object a line.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=0), default=DEFAULT_LIMIT, show_default=True, help="0: all."
)
@scoped
def command(
    filters: tuple[str, ...], as_json: bool, limit: int, db: str | None, project: str | None, all_projects: bool
) -> int:
    """List interactions, newest first.

    A FILTER is name:value or text to search for; all must hold. not: turns one around. project: and run: look
    beyond this project.

    \b
      status:failed  model:flash  agent:research  tool:get_weather  id:v1_abc  key:0192  project:NAME
      latency:5s..  cost:0.01..0.1  tokens:1000..  since:2h  tag:k=v  run:@last
      sort:cost|tokens|latency|oldest
      has:thought|tool|error|answer|usage|cost|retry|poll|hop|parent
      is:background|stream|failed|running|interrupted|truncated|fork|root|ghost
      "free text"

    \b
      tracer list status:failed since:2h
      tracer list model:flash not:has:tool --json | jq .usage
    """
    where = read_filter(filters)
    reader, scope = open_reader(db, project, all_projects)
    scope = None if where.any_project else scope
    with reader:
        rows = reader.interactions(where, scope, limit or None)
        if not rows:
            missing = f"no interaction matches {where.text!r}" if where.text else "no interaction found"
            say(f"tracer: {missing}; {elsewhere(reader, scope, filtered=bool(where.text))}")
            return Exit.FAILED
        if not as_json:
            output.write("\n".join(_table(rows, all_projects)))
            return Exit.DONE
        for row in rows:
            if not row.ghost:
                output.write_json(reader.record(row.key))
    return Exit.DONE


def _table(rows: list[InteractionRow], with_project: bool) -> list[str]:
    now = now_us()
    length = rendering.key_length(row.key for row in rows)
    cells = [_cells(row, now, with_project, length) for row in rows]
    widths = {name: max(rendering.width(values[name]) for values in cells) for name in cells[0]}
    prompts = [rendering.one_line(row.prompt or row.answer) for row in rows]
    available = rendering.line_width()
    if available is not None:
        wanted = min(_PROMPT_CELLS, max(map(rendering.width, prompts)))
        for name in _DROPPED:
            if sum(widths.values()) + 2 * len(widths) + wanted > available:
                del widths[name]
    lines: list[str] = []
    for prompt, values in zip(prompts, cells, strict=True):
        line = "  ".join(values[name] + " " * (wide - rendering.width(values[name])) for name, wide in widths.items())
        room = None if available is None else max(12, available - rendering.width(line) - 2)
        lines.append(f"{line}  {prompt if room is None else rendering.cut(prompt, room)}".rstrip())
    return lines


def _cells(row: InteractionRow, now: int, with_project: bool, length: int) -> dict[str, str]:
    status = f"{rendering.glyph(row.status, row.state, ghost=row.ghost)} {rendering.status_word(row.status, row.state)}"
    cells = {
        "key": row.key[:length],
        "age": rendering.age(row.started_at_us, now),
        "status": status,
        "model": rendering.one_line(row.agent or row.model or ""),
        "duration": "" if row.duration_us is None else rendering.duration(row.duration_us),
        "tokens": "" if row.total_tokens is None else f"{rendering.count(row.total_tokens)} tok",
        "cost": "" if row.cost_nano is None else rendering.money(row.cost_nano),
    }
    return {**cells, "project": rendering.one_line(row.project)} if with_project else cells
