"""`tracer where`: every path in use, and who says so."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit
from tracer.settings import Settings, data_folder, load


@click.command("where", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: name -> path or name, where it came from, exists."
)
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(as_json: bool, db: str | None) -> int:
    """Print every path in use and where each came from: database, journal, data folder, CA, config, project."""
    places = _places(load(db=db), db)
    if as_json:
        output.write_json(places)
        return Exit.DONE
    wide = max(map(len, places))
    for name, place in places.items():
        missing = "" if place["exists"] in (True, None) else ", not there yet"
        shown = rendering.one_line(str(place["value"] or "none"))
        output.write(f"{name:<{wide}}  {shown}  ({place['from']}{missing})")
    return Exit.DONE


def _places(settings: Settings, db: str | None) -> dict[str, dict[str, Any]]:
    config = _config(settings.config_file)
    file = f"[tool.tracer] in {settings.config_file}"
    home = "TRACER_HOME" if os.environ.get("TRACER_HOME") else "the platform's data folder"
    default_db = file if config.get("db") else f"default, below {home}"
    db_from = "--db" if db else "TRACER_DB" if os.environ.get("TRACER_DB") else default_db
    guessed = file if config.get("project") else "the git remote, else the folder's name"
    return {
        "db": _path(settings.db, db_from),
        "journal": _path(settings.journal, "beside the database"),
        "data": _path(data_folder(), home),
        "account_key": _path(settings.account_key, "in the data folder"),
        "ca": _path(settings.ca_folder, "in the data folder"),
        "config": _path(settings.config_file, "the nearest pyproject.toml with [tool.tracer]"),
        "project": {
            "value": settings.project,
            "from": "TRACER_PROJECT" if os.environ.get("TRACER_PROJECT") else guessed,
            "exists": None,
        },
    }


def _path(path: Path | None, source: str) -> dict[str, Any]:
    return {"value": None if path is None else str(path), "from": source, "exists": path and path.exists()}


def _config(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    section: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("tracer", {})
    return section
