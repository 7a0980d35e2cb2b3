"""`tracer demo`: emulator, proxy, apps written with the official SDK, then the screen."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from tracer.cli.diagnostics import Exit, say
from tracer.errors import MissingExtraError, TracerError
from tracer.settings import data_folder

PROJECT = "demo"
_DUMMY_KEY = "demo-key-of-nobody"


@click.command("demo", help="The whole story with no key and no network: emulator, proxy, SDK apps, then the screen.")
@click.option("--db", metavar="PATH", help="Where to record; by default a database of the demo's own.")
@click.option("--no-screen", is_flag=True, help="Print the tree instead of opening the screen.")
def command(db: str | None, no_screen: bool) -> int:
    """Record the examples behind the proxy, then show what was recorded."""
    if find_spec("mitmproxy") is None:
        raise MissingExtraError("demo", "proxy")
    if not (find_spec("google") and find_spec("google.genai")):
        raise TracerError("the demo's apps are written with the official SDK: pip install google-genai")
    database = Path(db) if db else data_folder() / "demo.db"
    code = _record(database)
    if code != Exit.DONE:
        return code
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and find_spec("textual") is not None
    return _verb("tui" if interactive and not no_screen else "tree", database)


def _record(database: Path) -> int:
    from tracer.player.rules import Rules
    from tracer.player.state import Engine
    from tracer.serve.server import Server

    with Server(Engine(Rules(), seed=secrets.randbits(64))) as service:
        say(f"The emulator stands in for the Gemini API at {service.url}.")
        say("$ tracer run -- python examples\n")
        run = [sys.executable, "-m", "tracer", "run", "--db", str(database), "--project", PROJECT]
        apps = [sys.executable, str(examples_folder())]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GEMINI_", "GOOGLE_"))},
            "GEMINI_API_KEY": _DUMMY_KEY,
        }
        done = subprocess.run([*run, "--upstream", service.url, "--", *apps], env=environment, check=False)
    say("")
    return done.returncode


def _verb(verb: str, database: Path) -> int:
    from tracer.cli.main import run

    return run([verb, "--db", str(database), "--project", PROJECT])


def examples_folder() -> Path:
    """The example apps: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parents[1]
    folders = (package / "examples", package.parent / "examples")
    found = next((folder for folder in folders if (folder / "__main__.py").is_file()), None)
    if found is None:
        raise TracerError(f"the example apps are missing beside {str(package)!r}: install the package again")
    return found
