"""`tracer tui`: opens the screen, once everything that can be wrong with the database is known not to be."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import tracer
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import upgraded
from tracer.errors import MissingExtraError, StoreError, TracerError, UsageError
from tracer.settings import data_folder, load
from tracer.store.filters import parse
from tracer.store.reader import Reader

if TYPE_CHECKING:
    from tui.screens.conversations import Start


SCREEN = "screen"
"""The folder of what the screen keeps: its state, what was copied last."""


@click.command(name="tui")
@click.argument("interaction", metavar="[ID]", required=False)
@click.option("--db", metavar="PATH", help="The database (default: TRACER_DB, the project's, or the user's).")
@click.option("--project", metavar="NAME", help="Show this project (default: the one of the working folder).")
@click.option("--all-projects", is_flag=True, help="Show every project.")
@click.option("--follow", is_flag=True, help="Keep the cursor on what is being recorded.")
@click.option(
    "--web",
    metavar="[HOST:PORT]",
    is_flag=False,
    flag_value="127.0.0.1:0",
    help="Serve the screen to a browser on this machine (default: 127.0.0.1 and any free port).",
)
def command(
    interaction: str | None, db: str | None, project: str | None, all_projects: bool, follow: bool, web: str | None
) -> int:
    """Look at conversations in the terminal, live while something records.

    ID is any unique prefix of an interaction's key or id, or @last; the screen opens on it. Press ? for the keys.

    With --web it prints an address to open in a browser; every tab gets a screen of its own. It listens on loopback
    only, and the address carries a token, so that nobody else on this machine reads along.
    """
    if project is not None and all_projects:
        raise UsageError("--project and --all-projects exclude each other: give one of them")
    _check_packages()
    if web is None:
        _check_terminal()
    settings = load(db=db)
    if web is None:
        _wait_for_the_lock(settings.db)
    notice = upgraded(settings.db)
    shown = None if all_projects else project or settings.project
    start = _find(settings.db, interaction, shown)
    if web is not None:
        scope = ["--all-projects"] if shown is None else ["--project", shown]
        follows = ["--follow"] if follow else []
        chosen = [] if start is None else ["--", start.key]
        from tracer.cli.browser import serve_screen

        if notice:
            say(f"tracer: {notice}")
        return serve_screen(web, ["--db", str(settings.db), *scope, *follows, *chosen])

    from tui.app import TracerApp
    from tui.header import Facts

    app = TracerApp(
        lambda: Reader(settings.db),
        Facts(settings.db.name, shown),
        start=start,
        follow=follow,
        folder=data_folder() / SCREEN,
        notice=notice,
        behind=partial(behind_of, settings.journal),
        make_test=partial(_make_test, settings.db),
    )
    app.run()
    return Exit.FAILED if app.return_code else Exit.DONE


def _check_terminal() -> None:
    """Raises TracerError if there is no terminal that can be drawn on."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # in a browser, behind `--web`
    if not sys.stdout.isatty():
        raise TracerError("the screen needs a terminal, and stdout is none: `tracer list` and `tracer tree` print")
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        raise TracerError(
            "this terminal (TERM is 'dumb') can't move its cursor, so there is no screen on it:"
            " `tracer list` and `tracer tree` print, `tracer tui --web` shows it in a browser"
        )


def _wait_for_the_lock(db: Path) -> None:
    """Shows who locks the database until it is free. Raises StoreError if the user would not wait for it."""
    from tracer.store.locks import holder, is_locked

    if not (db.is_file() and is_locked(db)):
        return
    from tui.waiting import WaitingApp

    waiting = WaitingApp(str(db), partial(is_locked, db), partial(holder, db), folder=data_folder() / SCREEN)
    waiting.run()
    if not waiting.free:
        who = holder(db) or "another process"
        raise StoreError(f"the database {str(db)!r} can't be opened: {who} holds it locked: try again later")


def behind_of(journal: Path) -> tuple[int, float]:
    """Bytes that wait in a journal folder, and for how many seconds."""
    from tracer.capture.lag import behind

    lag = behind(journal)
    return lag.bytes, lag.seconds


def _check_packages() -> None:
    """Raises TracerError if `tui` is not ours, MissingExtraError without textual."""
    ours = Path(tracer.__file__).parent.parent / "tui"
    found = importlib.util.find_spec("tui")
    origin = Path(found.origin).parent if found and found.origin else None
    if origin is None or origin.resolve() != ours.resolve():
        where = str(origin) if origin else "a folder without code"
        raise TracerError(
            f"another package is called 'tui' ({where!r}) and hides ours:"
            " run `tracer` instead of `python -m tracer`, or start it from another folder"
        )
    if importlib.util.find_spec("textual") is None:
        raise MissingExtraError("tui", "tui")


def _make_test(db: Path, key: str, subtree: bool) -> str:
    """What `tracer cassette make` says, run apart from the screen."""
    name = f"interaction_{key[:12]}{'_and_after' if subtree else ''}"
    verb = [sys.executable, "-P", "-m", "tracer", "cassette", "make", key]
    files = [*(["--subtree"] if subtree else []), "-o", f"{name}.interactions.yaml", "--test", f"test_{name}.py"]
    done = subprocess.run(
        [*verb, *files, "--db", str(db), "--all-projects"],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return "; ".join(done.stderr.split("\n")).strip("; ") or "nothing was made"


def _find(db: Path, interaction: str | None, project: str | None) -> Start | None:
    """The interaction to open on. Raises StoreError for a database that can't be read and an ID that is not in it."""
    with Reader(db) as reader:
        if interaction is None:
            return None
        row = reader.interaction(reader.resolve(interaction, project))
        seqs = reader.conversation_seqs(parse(f"key:{row.root_key}"), row.project)

    from tui.screens.conversations import Start

    return Start(seqs[0], row.root_key, row.key) if seqs else None
