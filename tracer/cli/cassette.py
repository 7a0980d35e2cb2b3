"""`tracer cassette`: cassettes made from the database, looked into, checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import open_reader, scoped
from tracer.errors import CassetteError, UsageError

if TYPE_CHECKING:
    from tracer.cassettes.scrub import Scrubber
    from tracer.store.reader import Reader
    from tracer.wire.exchange import Exchange

_KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_MOST_BODY = 1 << 30
_INLINE = "Keep large media in the YAML, as plain vcrpy needs them, instead of in files beside it."


@click.group("cassette")
def command() -> None:
    """Cassettes: recordings that a test replays (docs/cassettes.md)."""


@command.command("make")
@click.argument("id_", metavar="ID")
@click.option("--subtree", is_flag=True, help="Also everything that continues it.")
@click.option("-o", "--output", "target", required=True, metavar="FILE", help="The cassette to write.")
@click.option("--test", metavar="FILE", help="Also write a test that replays it.")
@click.option("--inline", is_flag=True, help=_INLINE)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@scoped
def make(
    id_: str,
    subtree: bool,
    target: str,
    test: str | None,
    inline: bool,
    force: bool,
    db: str | None,
    project: str | None,
    all_projects: bool,
) -> int:
    """Make a cassette, and a test that passes at once, from a recorded interaction and the turns that led to it.

    ID is any unique prefix of a key or id, or @last. The cassette holds what a replay needs and no more: no failed
    attempts, no polls between, no headers of the moment. The test sends the recorded requests and asserts on status,
    tool calls and output; put a call of your app in their place.
    """
    from tracer.cassettes import files
    from tracer.cassettes.making import minimal, test_of
    from tracer.serve.recorded import records

    cassette = _new_file(target, *([test] if test else []), force=force)
    reader, scope = open_reader(db, project, all_projects)
    with reader:
        key = reader.resolve(id_, scope)
        prompt = reader.interaction(key).prompt
        chosen = minimal(exchange for key in _chosen(reader, key, subtree) for exchange in reader.exchanges(key))
    clean = [_scrubber().exchange(exchange) for exchange in chosen]
    written = files.update(cassette, lambda _: clean, secrets=_secrets(), inline=inline)
    say(f"{target}: {_counted(len(written), 'recording')}")
    if test:
        place = Path(test)
        beside = os.path.relpath(cassette, place.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(test_of(beside, prompt or key, written, records(written)), encoding="utf-8")
        say(f"{test}: run it with `pytest {test}`")
    return Exit.DONE


def _new_file(target: str, *beside: str, force: bool) -> Path:
    if not target.endswith((".yaml", ".yml")):
        raise UsageError(f"-o is {target!r}, but cassettes end in .yaml, such as bug.interactions.yaml")
    if there := [name for name in (target, *beside) if Path(name).exists() and not force]:
        raise UsageError(f"{there[0]!r} is there already: give another name, or --force to replace it")
    return Path(target)


def _secrets() -> list[str]:
    return [os.environ.get(name, "") for name in _KEY_VARIABLES]


def _scrubber() -> Scrubber:
    from tracer.cassettes.scrub import Scrubber
    from tracer.settings import scrub_rules

    return Scrubber(scrub_rules(Path.cwd()))


def _chosen(reader: Reader, key: str, subtree: bool) -> list[str]:
    rows = {row.key: row for row in reader.tree(reader.interaction(key).root_key)}
    chosen: list[str] = []
    above: str | None = key
    while above is not None and above in rows and above not in chosen:
        chosen.append(above)
        above = rows[above].parent_key
    if subtree:
        below = [key]
        while below:
            parent = below.pop()
            children = [row.key for row in rows.values() if row.parent_key == parent and row.key not in chosen]
            chosen += children
            below += children
    return [key for key in chosen if not rows[key].ghost]


@command.command("import")
@click.argument("recordings", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", "target", required=True, metavar="FILE", help="The cassette to write.")
@click.option("--inline", is_flag=True, help=_INLINE)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def import_(recordings: tuple[str, ...], target: str, inline: bool, force: bool) -> int:
    """Make a cassette from recordings of other tools: whatever `tracer import` reads.

    Keys are taken out as from live traffic; calls to other services are left out.
    """
    from tracer.cassettes import files
    from tracer.imports.files import read_file
    from tracer.imports.found import Found, Reached
    from tracer.imports.redacting import Keys, is_possible

    cassette = _new_file(target, force=force)
    keys, skipped = Keys(), 0
    kept: list[Exchange] = []
    for name in recordings:
        for item in read_file(Path(name), _MOST_BODY):
            if isinstance(item, Found) and is_possible(item.exchange) and _is_ours(item.exchange):
                kept.append(keys.keyed(_clean(item.exchange)))
            elif not isinstance(item, Reached):
                skipped += 1
    if not any(exchange.status for exchange in kept):
        raise CassetteError(f"no Interactions API call with an answer is in {', '.join(map(repr, recordings))}")
    written = files.update(cassette, lambda _: kept, secrets=_secrets(), inline=inline)
    left_out = f", {_counted(skipped, 'other call')} left out" if skipped else ""
    say(f"{target}: {_counted(len(written), 'recording')}{left_out}")
    return Exit.DONE


@command.command("upgrade")
@click.argument("cassettes", nargs=-1, required=True, metavar="FILE...")
@click.option("--inline", is_flag=True, help=_INLINE)
def upgrade(cassettes: tuple[str, ...], inline: bool) -> int:
    """Write cassettes again as this version would: those of plain vcrpy and of other tools too.

    Bodies are decoded and readable then, addresses those of the service; keys and what the project scrubs are out;
    large media stand beside the cassette, or with --inline in it.
    """
    from tracer.cassettes import files

    for name in cassettes:
        before = _read(name) and Path(name).read_bytes()
        written = files.update(
            Path(name), lambda old: [_clean(exchange) for exchange in old], secrets=_secrets(), inline=inline
        )
        same = Path(name).read_bytes() == before
        say(f"{name}: {_counted(len(written), 'recording')}, {'as it was' if same else 'written again'}")
    return Exit.DONE


def _clean(exchange: Exchange) -> Exchange:
    from tracer.imports.redacting import redacted

    return _scrubber().exchange(redacted(exchange, os.urandom(32), _MOST_BODY))


def _is_ours(exchange: Exchange) -> bool:
    from tracer.player.matching import is_foreign

    return not is_foreign(exchange)


@command.command("show")
@click.argument("cassettes", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="The interactions as records, one JSON object a line.")
def show(cassettes: tuple[str, ...], as_json: bool) -> int:
    """Show what cassettes hold: a line for each recording."""
    from tracer.serve.recorded import records

    for name in cassettes:
        exchanges = _read(name)
        if as_json:
            for record in records(exchanges):
                output.write_json(record.model_dump(mode="json"))
            continue
        output.write(rendering.clean(f"{name}  {_counted(len(exchanges), 'recording')}"))
        for number, exchange in enumerate(exchanges, 1):
            output.write(rendering.clean(f"{number:>4}  {_line(exchange)}"))
    return Exit.DONE


@command.command("check")
@click.argument("places", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
def check(places: tuple[str, ...]) -> int:
    """Check that cassettes can be read and hold no key; folders are searched for *.interactions.yaml.

    Exits with 1 if something is wrong, and says what, one line for each.
    """
    wrong = 0
    for cassette in _found(places):
        for what in _problems(cassette):
            wrong += 1
            output.write(what)
    say(f"{_counted(wrong, 'problem')} found" if wrong else "all is well")
    return Exit.FAILED if wrong else Exit.DONE


def _found(places: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for place in map(Path, places):
        found += sorted(place.rglob("*.interactions.yaml")) if place.is_dir() else [place]
    if not found:
        raise CassetteError(f"no cassette is in {', '.join(map(repr, places))}: name files that end in .yaml")
    return found


def _problems(cassette: Path) -> list[str]:
    from tracer.wire.masking import mask

    try:
        exchanges = _read(str(cassette))
    except CassetteError as error:
        return [str(error)]
    problems: list[str] = []
    keys = [value.encode() for name in _KEY_VARIABLES if len(value := os.environ.get(name, "")) >= 8]
    for number, exchange in enumerate(exchanges, 1):
        headers = repr((exchange.request_headers, exchange.response_headers, exchange.query)).encode()
        if any(mask(part, keys) != part for part in (exchange.request_body, exchange.response_body, headers)):
            problems.append(f"{cassette}: recording {number} holds what looks like a key: take it out, or record again")
        problems += [f"{cassette}: recording {number}: {note}" for note in exchange.notes if "edited" in note]
    return problems


def _read(name: str) -> list[Exchange]:
    from tracer.cassettes import files

    if not Path(name).is_file():
        raise CassetteError(f"there is no cassette {name!r}: give the path of one")
    return files.load(Path(name))


def _line(exchange: Exchange) -> str:
    from tracer.normalize import normalize
    from tracer.wire import routes

    route = routes.match(exchange.method, exchange.path, exchange.query)
    what = f"{exchange.status}  {route.operation if route else exchange.method:<7}"
    if route is None or route.operation != "create":
        return f"{what}  {exchange.path}"
    record = normalize([exchange])
    stream = f"  {_counted(len(exchange.chunks), 'chunk')}" if record.stream else ""
    return f"{what}  {record.model or record.agent or '-'}  {record.status or '-'}{stream}  {_asked(record.input)}"


def _asked(steps: Sequence[Any]) -> str:
    for step in steps:
        data = step.model_dump(mode="json")
        if data["type"] == "function_result":
            return f"result of {data.get('name') or data.get('call_id')}"
        texts = [part["text"] for part in data.get("content") or () if isinstance(part, dict) and part.get("text")]
        if texts:
            return rendering.cut(rendering.one_line(texts[0]), 60)
    return ""


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
