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
    from tracer.wire.exchange import Exchange


@click.command("show", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The whole record as one JSON object.")
@click.option("--raw", is_flag=True, help="Requests and responses as they were recorded.")
@scoped
def command(id_: str, as_json: bool, raw: bool, db: str | None, project: str | None, all_projects: bool) -> int:
    """Show one interaction: status, usage, cost and timing, then every step in order.

    ID is any unique prefix of a key or id, or @last, the newest of the project.
    """
    if as_json and raw:
        raise UsageError("--json and --raw exclude each other: give one of them")
    reader, scope = open_reader(db, project, all_projects)
    with reader:
        key = reader.resolve(id_, scope)
        if as_json:
            output.write_json(reader.record(key))
        elif raw:
            for exchange in reader.exchanges(key):
                output.write(_raw(exchange))
        else:
            from tracer.cli.record_page import page

            output.write("\n".join(page(reader.record(key))))
    return Exit.DONE


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
