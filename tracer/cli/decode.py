"""`tracer decode`: raw bodies, event streams and other tools' recordings as records; no database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tracer.cassettes.raw import read_raw
from tracer.cli.diagnostics import Exit, say
from tracer.cli.output import write
from tracer.errors import UsageError, WireError
from tracer.wire.exchange import Exchange


@click.command("decode", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(dir_okay=False, path_type=str))
@click.option(
    "--request",
    "request_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=str),
    help="The JSON body of the request that FILE answers; the record then tells what was asked.",
)
def command(file: str, request_file: str | None) -> int:
    """Turn FILE (- for standard input) into records, one JSON object a line; no database is touched.

    FILE is a JSON response body, an event stream with or without `event:` lines, one event payload a line, or a
    recording with several calls: a vcrpy cassette (`interactions:`) or when/then documents. The calls of one
    interaction become one record. Links and project are null; what is not told, such as times, is null too.

    \b
      curl -s https://.../v1/interactions -d @ask.json | tracer decode - --request ask.json
      tracer decode tests/cassettes/test_chat.yaml | jq .usage
    """
    if file == request_file == "-":
        raise UsageError("FILE and --request can't both be '-': standard input holds one of them")
    request = b"" if request_file is None else _read(request_file)
    source = "standard input" if file == "-" else file
    exchanges = read_raw(_read(file), source, request)
    groups, others = _grouped(exchanges)
    if not groups:
        raise WireError(f"{source!r} holds no Interactions API call: {others} other calls were left out")
    _print(groups)
    if others:
        say(f"tracer: {others} calls in {source!r} are not of the Interactions API and were left out")
    return Exit.DONE


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file!r} can't be read: {error.strerror or error}") from error


def _grouped(exchanges: Sequence[Exchange]) -> tuple[list[list[Exchange]], int]:
    # The groups of one interaction each, and how many calls are none of ours. A lone body has no path to tell it by.
    from tracer import identity

    if all(exchange.path == "/interactions" for exchange in exchanges):
        return [[exchange] for exchange in exchanges], 0
    by_key = {exchange.key: exchange for exchange in exchanges}
    # Recordings tell no ends, which a retry is known by; each call ends before the next one starts.
    told = [identity.read(replace(exchange, ended_at_us=0)) for exchange in exchanges]
    facts = [fact for fact in told if fact is not None]
    groups = [[by_key[fact.key] for fact in group.facts] for group in identity.group(facts)]
    return groups, len(exchanges) - len(facts)


def _print(groups: Sequence[Sequence[Exchange]]) -> None:
    from tracer.normalize import normalize

    for group in groups:
        record = normalize(group)
        record.project = None
        write(record.to_json())
