"""`tracer stats`: interactions counted by model, day, tool, error and more; and what of the wire is new to us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import elsewhere, open_reader, read_filter, scoped
from tracer.store.stats import GROUPS, percentile

if TYPE_CHECKING:
    from tracer.store.stats import Group, NeverSeen

_LONGEST_NAME = 48
_HEADINGS = ("count", "failed", "p50", "p90", "p99", "first p50", "input", "cached", "output", "thought", "cost")


@click.command("stats", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("filters", metavar="[FILTER]...", nargs=-1)
@click.option("--by", type=click.Choice([*GROUPS, "unknown"]), default="model", show_default=True, help="The grouping.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@scoped
def command(
    filters: tuple[str, ...], by: str, as_json: bool, db: str | None, project: str | None, all_projects: bool
) -> int:
    """Count interactions: how many, how many failed, how long they took, their tokens and cost.

    FILTER is that of `tracer list`. p50, p90 and p99 are percentiles of the duration, `first p50` of the time to the
    first output. An interaction that called several tools counts for each. A + after a cost: some of it is unknown.
    Days are UTC.

    --by unknown shows what the service or an SDK sent that this version knows nothing of: since when, how often, by
    which SDK and model. It is all kept; `tracer show` has it.

    \b
      tracer stats --by day since:7d
      tracer stats status:failed --by error
      tracer stats --by unknown --all-projects
    """
    where = read_filter(filters)
    reader, scope = open_reader(db, project, all_projects)
    scope = None if where.any_project else scope
    with reader:
        found = reader.never_seen(where, scope) if by == "unknown" else reader.stats(by, where, scope)
        if not found:
            hint = elsewhere(reader, scope, filtered=bool(where.text))
            say("tracer: nothing unknown was seen" if by == "unknown" else f"tracer: nothing to count; {hint}")
            return Exit.DONE if by == "unknown" else Exit.FAILED
    if as_json:
        for one in found:
            output.write_json(_json(one, by))
    else:
        output.write("\n".join(_table(found, by)))
    return Exit.DONE


def _json(one: Group | NeverSeen, by: str) -> dict[str, object]:
    from tracer.store.stats import Group

    if isinstance(one, Group):
        return {"by": by, **one.as_json()}
    return {
        "by": by,
        "kind": one.kind,
        "path": one.path,
        "interactions": one.interactions,
        "first": _moment(one.first_us),
        "last": _moment(one.last_us),
        "clients": dict(one.clients.most_common()),
        "models": dict(one.models.most_common()),
    }


def _table(found: list[Group] | list[NeverSeen], by: str) -> list[str]:
    from tracer.store.stats import Group

    rows = [_group(one) if isinstance(one, Group) else _never_seen(one) for one in found]
    headings = (by, *_HEADINGS) if by != "unknown" else ("unknown", "kind", "count", "first", "last", "by")
    cells = [headings, *rows]
    widths = [max(rendering.width(row[place]) for row in cells) for place in range(len(headings))]
    lines: list[str] = []
    for row in cells:
        spaces = [" " * (wide - rendering.width(cell)) for cell, wide in zip(row, widths, strict=True)]
        padded = [
            cell + space if by == "unknown" or not place else space + cell
            for place, (cell, space) in enumerate(zip(row, spaces, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _group(one: Group) -> tuple[str, ...]:
    name = "(none)" if one.name is None else rendering.cut(rendering.one_line(one.name), _LONGEST_NAME)
    times = [_duration(percentile(one.durations_us, percent)) for percent in (50, 90, 99)]
    tokens = [one.input_tokens, one.cached_tokens, one.output_tokens, one.thought_tokens]
    cost = "" if one.cost_nano is None else rendering.money(one.cost_nano) + ("+" if one.unpriced else "")
    return (
        name,
        str(one.interactions),
        str(one.failed or ""),
        *times,
        _duration(percentile(one.first_outputs_us, 50)),
        *("" if number is None else rendering.count(number) for number in tokens),
        cost,
    )


def _never_seen(one: NeverSeen) -> tuple[str, ...]:
    by = [*one.clients.most_common(3), *one.models.most_common(3)]
    who = ", ".join(f"{name} ({count})" for name, count in by)
    path = rendering.one_line(one.path)
    return (
        path,
        one.kind,
        str(one.interactions),
        rendering.day(one.first_us),
        rendering.day(one.last_us),
        rendering.one_line(who),
    )


def _duration(microseconds: int | None) -> str:
    return "" if microseconds is None else rendering.duration(microseconds)


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
