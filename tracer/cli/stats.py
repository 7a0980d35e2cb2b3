"""`tracer stats`: interactions counted by model, day, tool, error and more; and what of the wire is new to us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit, say
from tracer.cli.plot import FIGURES, bars
from tracer.cli.scope import elsewhere, open_reader, read_filter, scoped
from tracer.errors import UsageError
from tracer.store.stats import GROUPS

if TYPE_CHECKING:
    from tracer.store.stats import Group, NeverSeen

_LONGEST_NAME = 48
_SHOWN_PERCENTILES = (50, 90, 95, 99)
_HEADINGS = (
    *("count", "failed", *(f"p{percent}" for percent in _SHOWN_PERCENTILES), "first p50", "first p95", "tok/s"),
    *("input", "cached", "output", "thought", "cost"),
)


@click.command("stats", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("filters", metavar="[FILTER]...", nargs=-1)
@click.option("--by", type=click.Choice([*GROUPS, "unknown"]), default="model", show_default=True, help="The grouping.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--plot", "figure", type=click.Choice([*FIGURES]), help="Bars of one figure in place of the table.")
@scoped
def command(
    filters: tuple[str, ...],
    by: str,
    as_json: bool,
    figure: str | None,
    db: str | None,
    project: str | None,
    all_projects: bool,
) -> int:
    """Count interactions: how many, how many failed, how long they took, their tokens and cost.

    FILTER is that of `tracer list`. p50 to p99 are percentiles of the duration, `first p50` and `first p95` of the time
    to a stream's first output, tok/s is the median. Without a model the agent is named. An interaction with several
    tools or labels (the --tag of its run) counts for each. A + after a cost: some of it is unknown. Days are UTC.

    --by unknown shows what the service or an SDK sent that this version knows nothing of: since when, how often, by
    which SDK and model. It is all kept; `tracer show` has it.

    \b
      tracer stats --by day since:7d
      tracer stats status:failed --by error
      tracer stats --by day --plot cost
      tracer stats --by unknown --all-projects
    """
    if figure is not None and (as_json or by == "unknown"):
        raise UsageError("--plot draws figures of groups: leave --json and --by unknown out")
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
    elif figure is not None:
        output.write("\n".join(bars(_named(found), figure)))
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
    times = [_duration(one.duration_us.get(percent)) for percent in _SHOWN_PERCENTILES]
    times += [_duration(one.first_output_us.get(percent)) for percent in (50, 95)]
    speed = one.tokens_per_second.get(50)
    tokens = [one.input_tokens, one.cached_tokens, one.output_tokens, one.thought_tokens]
    cost = "" if one.cost_nano is None else rendering.money(one.cost_nano) + ("+" if one.unpriced else "")
    return (
        _name(one),
        str(one.interactions),
        str(one.failed or ""),
        *times,
        "" if speed is None else f"{speed:.0f}",
        *("" if number is None else rendering.count(number) for number in tokens),
        cost,
    )


def _name(one: Group) -> str:
    return "(none)" if one.name is None else rendering.cut(rendering.one_line(one.name), _LONGEST_NAME)


def _named(found: list[Group] | list[NeverSeen]) -> list[tuple[str, Group]]:
    from tracer.store.stats import Group

    return [(_name(one), one) for one in found if isinstance(one, Group)]


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


def _duration(microseconds: float | None) -> str:
    return "" if microseconds is None else rendering.duration(microseconds)


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
