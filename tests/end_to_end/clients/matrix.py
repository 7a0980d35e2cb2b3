"""Runs the matrix of clients: `python tests/end_to_end/clients/matrix.py [--rows NAME,NAME] [--json | --write]`.

Every client calls the API in every way, once directly against the emulator and once through the proxy. A cell holds if
the client says the same both times, the same bytes crossed, and the record says what the client says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import crossed
import page
from checks import PROMPTS, spoken, wrong
from environments import Missing, command
from neighbours import Neighbour
from rows import PASSES, ROWS, WAYS, Row

TRACER = (sys.executable, "-m", "tracer")
SEEDED = (*TRACER, "emulate", "--seed", "7", "--")
BREAKING = ("resume", "cut")
"""Ways in which it is a race how much of an answer comes before it breaks off."""


def tapped(file: Path) -> tuple[str, ...]:
    """What keeps the bytes of the command that follows."""
    return (sys.executable, str(Path(__file__).with_name("tap.py")), str(file))


def call(folder: Path, home: Path, variables: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that has nothing of the user's environment."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TRACER_HOME": str(home / "tracer"),
        "TRACER_PROJECT": "matrix", "LITELLM_LOCAL_MODEL_COST_MAP": "True", **variables,
    }  # fmt: skip
    done = subprocess.run(
        arguments, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def run(row: Row, folder: Path, patience: float) -> dict[str, str]:
    """Each cell of a row: `yes`, or what does not hold, or why there is none (`-` and the reason)."""
    try:
        started = [*command(row, patience), json.dumps(PROMPTS)]
    except Missing as missing:
        return dict.fromkeys(row.ways, f"- {missing}")
    if row.ways == PASSES:
        return _passing(row, started, folder)
    with ThreadPoolExecutor() as pool:
        direct = pool.submit(call, folder, folder / "direct", {}, *SEEDED, *_plainly(folder), *started)
        proxied = pool.submit(call, folder, folder / "proxied", {}, *SEEDED, *_recording(folder), *started)
        (_, plainly, errors), (_, recorded, more_errors) = direct.result(), proxied.result()
    (folder / "stderr.log").write_text(f"{errors}\n{more_errors}\n{plainly}\n{recorded}")
    plain, through = _by_way(plainly), _by_way(recorded)
    records = _records(folder / "tracer.db", folder)
    changed = _changed(folder, {way: spoken(way) for way in row.ways if way not in row.cannot})
    cells = {}
    for way in row.ways:
        if way in row.cannot:
            cells[way] = f"- {row.cannot[way]}"
        else:
            cells[way] = _cell(way, row, plain.get(way), through.get(way), records) or changed[way] or "yes"
    return cells


TAPS = ("direct", "client", "service")
"""Where bytes are kept: without the proxy; then before and behind it."""


def _plainly(folder: Path) -> list[str]:
    return [*tapped(folder / "direct.tap")]


def _recording(folder: Path) -> list[str]:
    run = [*TRACER, "run", "--db", str(folder / "tracer.db"), "--"]
    return [*tapped(folder / "service.tap"), *run, *tapped(folder / "client.tap")]


def _changed(folder: Path, prompts: dict[str, tuple[str, ...]]) -> dict[str, str | None]:
    # What the proxy changed, by way; a call that belongs to no way is told with each.
    taps = [crossed.by_way(crossed.exchanges(folder / f"{name}.tap"), prompts) for name in TAPS]
    strays = [exchange.request.first_line for tap in taps for exchange in tap.get("", [])]
    if strays:
        return dict.fromkeys(prompts, f"calls that belong to no way: {strays}")
    if missing := [way for way in prompts if way not in taps[0]]:
        return dict.fromkeys(prompts, f"no bytes crossed for {missing}")
    return {way: crossed.difference(*(tap.get(way, []) for tap in taps), breaks=way in BREAKING) for way in prompts}


def _cell(
    way: str, row: Row, plain: dict[str, Any] | None, through: dict[str, Any] | None, records: list[dict[str, Any]]
) -> str | None:
    # What does not hold in what the client said and what the records say.
    if plain is None or through is None:
        return "the client ended before"
    if "failed" in plain or not plain["told"]:
        return f"without the proxy: {plain.get('failed', 'it said nothing')}"
    if way == "cut":
        plain = _as_far_as(plain, through)
    if plain != through:
        return f"the client said {plain} directly and {through} through the proxy"
    try:
        return wrong(way, row, through["told"], records)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        return f"the record could not be compared: {error!r}"


def _as_far_as(plain: dict[str, Any], through: dict[str, Any]) -> dict[str, Any]:
    # How much of a broken stream a client reads is a race between its last bytes and the reset.
    (one,), (other,) = plain["told"], through.get("told") or [{}]
    if one["text"].startswith(other.get("text", "?")) or other.get("text", "").startswith(one["text"]):
        one = {**one, **{name: other[name] for name in ("text", "events") if name in other}}
    return {**plain, "told": [one]}


def _by_way(printed: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {line["way"]: line for line in lines}


def _records(db: Path, folder: Path) -> list[dict[str, Any]]:
    listing = ("list", "--json", "--all-projects", "--limit", "1000", "--db", str(db))
    _, listed, _ = call(folder, folder / "proxied", {}, *TRACER, *listing)
    return [json.loads(line) for line in listed.splitlines()]


def _passing(row: Row, started: list[str], folder: Path) -> dict[str, str]:
    # Clients of generateContent: the same answer, the same bytes, and no record.
    with Neighbour() as neighbour:
        variables = {"GOOGLE_GEMINI_BASE_URL": neighbour.url, "GEMINI_API_KEY": "matrix", "GOOGLE_API_KEY": "matrix"}
        _, plainly, errors = call(folder, folder / "direct", variables, *_plainly(folder), *started)
        _, recorded, more_errors = call(folder, folder / "proxied", variables, *_recording(folder), *started)
    (folder / "stderr.log").write_text(f"{errors}\n{more_errors}\n{plainly}\n{recorded}")
    plain, through = _by_way(plainly), _by_way(recorded)
    if _records(folder / "tracer.db", folder):
        return dict.fromkeys(row.ways, "it was recorded")
    changed = _changed(folder, {way: spoken(way) for way in row.ways})
    cells = {}
    for way in row.ways:
        said = plain.get(way, {}).get("told")
        same = said and plain[way] == through.get(way)
        other = f"directly {plain.get(way)}, through the proxy {through.get(way)}"
        cells[way] = (changed[way] or "yes") if same else other
    return cells


def say(line: str) -> None:
    """A line on stdout, at once: rows take their time."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Prints the table; 1 if a cell does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", help="only the rows whose names contain one of these, separated by commas")
    parser.add_argument("--json", action="store_true", help="print the cells as JSON")
    parser.add_argument("--write", action="store_true", help="write docs/clients.md")
    parser.add_argument("--patience", type=float, default=600, help="seconds that a client's packages may take")
    options = parser.parse_args()
    if options.write and options.rows:
        parser.error("--write needs every row: leave --rows out")
    wanted = [row for row in ROWS.values() if not options.rows or any(n in row.name for n in options.rows.split(","))]
    table: dict[str, dict[str, str]] = {}
    for row in wanted:
        with tempfile.TemporaryDirectory() as folder:
            table[row.name] = run(row, Path(folder), options.patience)
            kept = os.environ.get("MATRIX_LOGS")
            if kept:
                name = re.sub(r"\W+", "-", row.name)
                Path(kept, f"{name}.log").write_text((Path(folder) / "stderr.log").read_text())
        if not options.json:
            say(page.line(row.name, table[row.name]))
    if options.json:
        say(json.dumps(table))
    failures = [
        f"{name}, {way}: {cell}" for name, cells in table.items() for way, cell in cells.items()
        if cell != "yes" and not cell.startswith("- ")
    ]  # fmt: skip
    for failure in failures:
        sys.stderr.write(f"{failure}\n")
    if options.write and not failures:
        missing = [f"{name}: {cells[way][2:]}" for name, cells in table.items() for way in cells
                   if cells[way] != page.expected()[name][way]]  # fmt: skip
        if missing:
            sys.stderr.write(f"docs/clients.md stays as it is, since rows could not run: {'; '.join(missing)}\n")
            return 1
        page.PAGE.write_text(page.text(table))
    return 1 if failures else 0


assert set(PROMPTS) >= set(WAYS)
if __name__ == "__main__":
    sys.exit(main())
