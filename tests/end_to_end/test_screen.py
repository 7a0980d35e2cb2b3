"""Emulator, proxy, an app with the SDK, and the screen in a real terminal: keys are typed, the screen is read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
APP = """
from google import genai
client = genai.Client()
first = client.interactions.create(model="gemini-3.5-flash", input="My order never came. I want a refund.")
print("asked", flush=True)
input()
client.interactions.create(model="gemini-3.5-flash", input="And when?", previous_interaction_id=first.id)
"""
PAGER = """#!/bin/sh
cat "$1"
echo "END OF PAGER"
read answer
"""

pytestmark = pytest.mark.timeout(240)

type Start = Callable[[], None]
type Keys = Callable[..., None]
type Until = Callable[[str], str]


@contextmanager
def ready(*arguments: str, environment: dict[str, str]) -> Iterator[str]:
    """A serving verb; gives the address of its ready line."""
    command = [sys.executable, "-m", "tracer", *arguments, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    pager = tmp_path / "pager"
    pager.write_text(PAGER)
    pager.chmod(0o700)
    home = {"TRACER_HOME": str(tmp_path / "home"), "TRACER_PROJECT": "shop", "PAGER": str(pager)}
    return {**os.environ, **home, "TRACER_DB": str(tmp_path / "shop.db"), "GEMINI_API_KEY": "no-key"}


@pytest.fixture
def terminal(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[Start, Keys, Until]]:
    """A terminal of 140 columns on a tmux server of its own: how to start the screen there, to type, and to wait for
    a text on it."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    base = [program, "-L", f"tracer-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]

    def tmux(*arguments: str) -> str:
        done = subprocess.run(
            [*base, *arguments], capture_output=True, text=True, timeout=30, env=environment, check=False
        )
        return done.stdout

    def until(wanted: str) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while wanted not in (shown := tmux("capture-pane", "-p")):
            assert time.monotonic() < end, f"{wanted!r} never appeared; the screen shows:\n{shown}"
        return shown

    command = f"unset COLUMNS LINES; {sys.executable} -m tracer tui --follow; echo left with $?; exec cat"

    def start() -> None:
        tmux("new-session", "-d", "-x", "140", "-y", "40", "-c", str(tmp_path), "sh", "-c", command)

    def keys(*names: str) -> None:
        for name in names:
            tmux("send-keys", name)

    yield start, keys, until
    tmux("kill-server")


def recorded(environment: dict[str, str]) -> None:
    """Until the first call is in the database."""
    end = time.monotonic() + PATIENCE_SECONDS
    listing = [sys.executable, "-m", "tracer", "list"]
    while subprocess.run(listing, env=environment, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < end, "nothing was recorded"


def test_a_call_is_seen_live_looked_into_and_taken_away(terminal, environment, tmp_path):
    start, keys, until = terminal
    with ExitStack() as running:
        emulator = running.enter_context(ready("emulate", "--listen", "127.0.0.1:0", environment=environment))
        proxy = running.enter_context(
            ready("proxy", "--listen", "127.0.0.1:0", "--upstream", emulator, environment=environment)
        )
        app = {**environment, "GOOGLE_GEMINI_BASE_URL": proxy}
        asking = [sys.executable, "-c", APP]
        agent = running.enter_context(
            subprocess.Popen(asking, env=app, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert agent.stdout is not None
        assert agent.stdout.readline() == "asked\n"
        recorded(environment)
        start()
        until("I want a refund.")
        agent.communicate("go on\n", timeout=PATIENCE_SECONDS)
        shown = until("And when?")  # the screen follows
        assert "My order never came. I want a refund." in shown
        assert "● LIVE" in shown

        keys("Tab", "k", "r")
        until("POST /v1")
        keys("/", "refund", "Enter")
        until("refund: line")
        keys("Escape")
        until("Conversations")  # or the terminal takes escape and w for one key
        keys("w")
        until("space play")
        keys("Escape")
        until("Conversations")
        keys("y", "p")
        until("OSC 52")
        assert (tmp_path / "home" / "screen" / "copied.txt").read_text() == "My order never came. I want a refund."
        keys("v")
        assert "# Interaction" in until("END OF PAGER")
        keys("Enter")
        until("it is in")
        keys("e", "s")
        until("run it with")
        keys("q")
        until("left with 0")
    made = next(tmp_path.glob("test_interaction_*.py"))
    replayed = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", made.name]
    done = subprocess.run(
        replayed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "And when?" in next(tmp_path.glob("*.interactions.yaml")).read_text()
