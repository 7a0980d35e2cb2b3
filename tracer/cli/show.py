"""`tracer show`: one interaction."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit
from tracer.cli.scope import open_reader, scoped
from tracer.errors import UsageError

if TYPE_CHECKING:
    from tracer.store.reader import Reader
    from tracer.wire.exchange import Exchange


@click.command("show", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The whole record as one JSON object.")
@click.option("--raw", is_flag=True, help="Requests and responses as they were recorded.")
@click.option("--context", "with_context", is_flag=True, help="What the model had: every turn from the root.")
@click.option("--events", "with_events", is_flag=True, help="The events of its streams with their times.")
@scoped
def command(
    id_: str,
    as_json: bool,
    raw: bool,
    with_context: bool,
    with_events: bool,
    db: str | None,
    project: str | None,
    all_projects: bool,
) -> int:
    """Show one interaction: status, usage, cost and timing, then every step in order.

    ID is any unique prefix of a key or id, or @last, the newest of the project. --context and --events take --json
    too: one object, or one a line.
    """
    chosen = [name for name, given in (("raw", raw), ("context", with_context), ("events", with_events)) if given]
    if as_json and raw:
        chosen = ["json", "raw"]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other: give one of them")
    reader, scope = open_reader(db, project, all_projects)
    with reader:
        key = reader.resolve(id_, scope)
        if with_context:
            _show_context(reader, key, as_json)
        elif with_events:
            _show_events(reader, key, as_json)
        elif as_json:
            output.write_json(reader.record(key))
        elif raw:
            for exchange in reader.exchanges(key):
                output.write(_raw(exchange))
        else:
            from tracer.cli.record_page import page

            output.write("\n".join(page(reader.record(key), reader.tool_times(key))))
    return Exit.DONE


def _show_context(reader: Reader, key: str, as_json: bool) -> None:
    from tracer.cli.context_page import page

    context = reader.context(key)
    if as_json:
        output.write_json(context.as_json())
    else:
        output.write("\n".join(page(context)))


def _show_events(reader: Reader, key: str, as_json: bool) -> None:
    from tracer.cli import events_page

    reader.record(key)  # a ghost has none, and it says so
    for exchange in reader.exchanges(key):
        found = events_page.events(exchange)
        if as_json:
            for event in found:
                output.write_json(event.as_json())
        else:
            output.write("\n".join(events_page.page(exchange, found)))


def _raw(exchange: Exchange) -> str:
    from urllib.parse import urlencode

    query = f"?{urlencode(exchange.query)}" if exchange.query else ""
    lines = [f"> {exchange.method} {exchange.path}{query}"]
    lines += [f"> {name}: {value}" for name, value in exchange.request_headers]
    lines += ["", _body(exchange.request_body)] if exchange.request_body else []
    lines.append("")
    if exchange.status is None:
        lines.append(f"< no response: {exchange.error or exchange.outcome}")
    else:
        lines.append(f"< {exchange.status}")
        lines += [f"< {name}: {value}" for name, value in exchange.response_headers]
        lines += ["", _body(exchange.response_body)] if exchange.response_body else []
        if exchange.error:
            lines += ["", f"< {exchange.outcome}: {exchange.error}"]
    text = "\n".join([*lines, ""])
    return rendering.clean(text) if sys.stdout.isatty() else text.encode("utf-8", "replace").decode()


def _body(body: bytes) -> str:
    return body.decode("utf-8", "replace").rstrip("\n")
