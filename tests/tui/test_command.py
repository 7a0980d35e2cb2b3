from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from locking import LOCKING

from tracer.cli.main import run
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """stdout claims to be a terminal; the settings come from an empty folder."""
    monkeypatch.setattr("tracer.cli.tui_.sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACER_PROJECT", "test")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TRACER_DB", raising=False)
    monkeypatch.chdir(tmp_path)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.usefixtures("terminal")
def test_no_database_is_one_sentence(capsys, tmp_path):
    assert run(["tui", "--db", "missing.db"]) == 1
    assert "there is no database at" in sentence(capsys)
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.usefixtures("terminal")
def test_a_damaged_database_is_one_sentence(capsys, tmp_path):
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"garbage " * 500)
    assert run(["tui", "--db", "bad.db"]) == 1
    assert "'" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_a_newer_database_is_one_sentence(capsys, database):
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert run(["tui", "--db", str(database)]) == 1
    assert "has schema 99" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_an_id_that_is_not_there_is_one_sentence(capsys, database):
    assert run(["tui", "v1_nope", "--db", str(database)]) == 1
    assert "'v1_nope'" in sentence(capsys)


def test_without_a_terminal_it_is_one_sentence(capsys, database):
    assert run(["tui", "--db", str(database)]) == 1
    assert "needs a terminal" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_both_kinds_of_scope_are_a_usage_error(capsys, database):
    assert run(["tui", "--db", str(database), "--project", "a", "--all-projects"]) == 2
    assert "exclude each other" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_without_textual_the_install_line_is_shown(capsys, database, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "textual" else find(name))
    assert run(["tui", "--db", str(database)]) == 1
    assert "pip install 'interactions-tracer[tui]'" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_can_draw_nothing_is_one_sentence(capsys, database, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert run(["tui", "--db", str(database)]) == 1
    assert "can't move its cursor" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        ("0.0.0.0:8000", 2, "ssh -L 8000:127.0.0.1:8000"),
        ("example.com:8000", 2, "to this machine alone"),
        ("8000", 2, "must be HOST:PORT"),
        ("127.0.0.1:99999", 2, "must be HOST:PORT"),
    ],
)
def test_the_browser_gets_the_screen_on_this_machine_alone(capsys, database, where, code, said):
    assert run(["tui", "--db", str(database), "--web", where]) == code
    assert said in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_a_port_in_use_is_one_sentence(capsys, database):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["tui", "--db", str(database), "--web", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
    assert "--web alone takes any free port" in sentence(capsys)


@pytest.mark.usefixtures("terminal")
def test_without_textual_serve_the_install_line_is_shown(capsys, database, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "textual_serve" else find(name))
    assert run(["tui", "--db", str(database), "--web"]) == 1
    assert "pip install 'interactions-tracer[web]'" in sentence(capsys)


def test_a_strange_tui_in_the_working_folder_is_one_sentence(tmp_path):
    (tmp_path / "tui").mkdir()
    (tmp_path / "tui" / "__init__.py").write_text("raise SystemExit('imported the stranger')")
    # -c puts the working folder first, as `python -m tracer` does.
    program = f"import sys; sys.path.append({str(ROOT)!r}); from tracer.cli.main import run; sys.exit(run(['tui']))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "another package is called 'tui'" in done.stderr
    assert done.stderr.count("\n") == 1


type Screen = Callable[..., str]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Screen]:
    """`tmux(*arguments)` runs one command against a server of its own."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    base = [program, "-L", f"tracer-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]

    def command(*arguments: str) -> str:
        return subprocess.run([*base, *arguments], capture_output=True, text=True, check=False, timeout=20).stdout

    yield command
    command("kill-server")


def until(seen: Callable[[], str], wanted: str) -> str:
    """The screen once it shows `wanted`. Each look is a process, which is pause enough."""
    import time

    end = time.monotonic() + PATIENCE_SECONDS
    while wanted not in (shown := seen()):
        assert time.monotonic() < end, f"{wanted!r} never appeared; the screen shows:\n{shown}"
    return shown


def test_the_real_thing_in_a_real_terminal(tmux, database, tmp_path):
    line = f"{sys.executable} -m tracer tui --db {database} --project test; echo left with $?"
    environment = ["-e", f"TRACER_HOME={tmp_path}", "-e", "TERM=xterm-256color", "-e", f"PYTHONPATH={ROOT}"]
    tmux(
        "new-session", "-d", "-x", "140", "-y", "40", *environment, "sh", "-c", f"unset COLUMNS LINES; {line}; exec cat"
    )

    def screen() -> str:
        return tmux("capture-pane", "-p")

    shown = until(screen, "Once upon")
    assert "6 conversations" in shown
    tmux("send-keys", "j")
    assert "⋎ 2" in until(screen, "Ozeanarium.")

    with Writer(database) as writer:
        late = exchange(
            {"model": "gemini-3.5-flash", "input": "Written while it is open"},
            answer("v1_late", text="Seen."),
            at_us=START_US + 3_000_000_000,
        )
        writer.apply([late])
        assert "Ozeanarium." in until(screen, "Written while it is open")

    tmux("send-keys", "/")
    until(screen, "status:failed")
    tmux("send-keys", "is:failed", "Enter")
    until(screen, "1 of 7 conversations")
    tmux("send-keys", "Tab", "Tab")
    until(screen, "429 rate_limit_exceeded")
    tmux("resize-window", "-x", "80", "-y", "24")
    until(screen, "Conversations ▸ Tree ▸ Interaction")
    tmux("send-keys", "q")
    until(screen, "left with 0")


def test_a_locked_database_is_waited_for_on_the_screen(tmux, database, tmp_path):
    line = f"{sys.executable} -m tracer tui --db {database} --project test; echo left with $?"
    environment = ["-e", f"TRACER_HOME={tmp_path}", "-e", "TERM=xterm-256color", "-e", f"PYTHONPATH={ROOT}"]
    shell = ["sh", "-c", f"unset COLUMNS LINES; {line}; exec cat"]

    def screen() -> str:
        return tmux("capture-pane", "-p")

    locking = [sys.executable, "-c", LOCKING, str(database)]
    with subprocess.Popen(locking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        tmux("new-session", "-d", "-x", "300", "-y", "20", *environment, *shell)
        until(screen, f"(process {process.pid})" if sys.platform == "linux" else "is locked by")
        tmux("send-keys", "q")
        assert "holds it locked: try again later" in until(screen, "left with 1")
        tmux("respawn-window", "-k", *environment, *shell)
        until(screen, "It opens as soon as that one is done")
        process.communicate("\n", timeout=PATIENCE_SECONDS)
    until(screen, "6 conversations")
    tmux("send-keys", "q")
    until(screen, "left with 0")
