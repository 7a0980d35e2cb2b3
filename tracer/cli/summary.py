"""The one screen at the end of `tracer run`: what was recorded, or why nothing was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer.cli.rendering import count, duration, money
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.settings import Settings
    from tracer.store.rows import InteractionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the proxy saw of a run."""

    run: str
    variables: Mapping[str, str]
    """What was set for the command."""
    interactions: int
    """Interactions calls, by the proxy's own count."""
    others: Mapping[str, int]
    """Origin -> how many calls that are not the Interactions API's."""
    tunnels: Mapping[str, int]
    """Host and port -> how many tunnels to it (forward mode); what crossed in most of them nobody saw."""
    took_us: int


def summary(seen: Seen, settings: Settings, db: str | None) -> list[str]:
    """The lines to say. `db` is the --db option, to be repeated in the commands shown."""
    option = f" --db {db}" if db else ""
    if not seen.interactions:
        return _nothing(seen)
    try:
        rows = _rows(seen.run, settings)
    except TracerError as error:
        return [f"tracer: {_plural(seen.interactions, 'call')} recorded, but not to be read yet: {error}"]
    lines = [f"tracer: {_totals(rows)} · {duration(seen.took_us)}"]
    lines += [f"        {_plural(number, 'other call')} to {origin}" for origin, number in seen.others.items()]
    lines.append(f"        project {settings.project!r} in {settings.db}")
    lines.append(f"        look at it: tracer tui{option}, or: tracer list run:{seen.run}{option}")
    return lines


def _rows(run: str, settings: Settings) -> Sequence[InteractionRow]:
    from tracer.store.filters import parse
    from tracer.store.reader import Reader

    with Reader(settings.db) as reader:
        return reader.interactions(parse(f"run:{run}"))


def _totals(rows: Sequence[InteractionRow]) -> str:
    failed = sum(row.error_code is not None or row.status == "failed" or row.state == "error" for row in rows)
    conversations = len({row.root_key for row in rows})
    tokens = sum(row.total_tokens or 0 for row in rows)
    costs = [row.cost_nano for row in rows if row.cost_nano is not None]
    parts = [f"{_plural(len(rows), 'interaction')} in {_plural(conversations, 'conversation')}"]
    parts.append(f"{failed} failed")
    parts.append(f"{count(tokens)} tokens")
    if costs:
        parts.append(money(sum(costs)) + ("" if len(costs) == len(rows) else " and an unknown rest"))
    else:
        parts.append("cost unknown")
    return " · ".join(parts)


def _nothing(seen: Seen) -> list[str]:
    hosts = ", ".join(
        [
            *(f"{origin} ({_plural(number, 'other call')})" for origin, number in seen.others.items()),
            *(f"{host} ({_plural(number, 'tunnel')})" for host, number in seen.tunnels.items()),
        ]
    )
    return [
        "tracer: no Interactions API call was seen",
        f"        set for the command: {' '.join(f'{name}={value}' for name, value in seen.variables.items())}",
        f"        hosts seen: {hosts or 'none'}",
        *_next_try(seen),
    ]


def _next_try(seen: Seen) -> list[str]:
    if "HTTPS_PROXY" in seen.variables:
        return [
            "        an app that reads no HTTPS_PROXY needs a base URL: give it http://127.0.0.1:8080, and try",
            "        tracer proxy --listen 127.0.0.1:8080",
        ]
    return [
        "        an app that names its base URL in code reads none of these; try the proxy for HTTPS:",
        "        tracer run --forward -- CMD",
    ]


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
