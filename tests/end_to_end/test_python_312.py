"""The base install on the oldest Python: beside a user's SDK, without mitmproxy and Textual."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300), pytest.mark.xdist_group("python-3.12")]


def oldest_python() -> str | None:
    """An interpreter of Python 3.12: the command, or one that pyenv has but does not select here."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python3.12"), *map(str, sorted(pyenv.glob("versions/3.12.*/bin/python")))]
    for candidate in filter(None, candidates):
        version = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        if version.startswith("Python 3.12"):
            return candidate
    return None


@pytest.fixture(scope="module")
def python(sdk_python: Callable[..., Path]) -> Path:
    interpreter = oldest_python()
    if interpreter is None:
        pytest.skip("no Python 3.12 on this machine")
    return sdk_python("3.4.0", interpreter)


def run(python: Path, folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(folder), "TRACER_HOME": str(folder / "home")}
    return subprocess.run(
        list(map(str, command)), env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_emulator_serves_an_sdk(python: Path, repository: Path, tmp_path: Path) -> None:
    chat = run(python, tmp_path, "tracer", "emulate", "--", python, repository / "examples" / "chat.py")
    assert "Your name is Alice." in chat.stdout, chat.stderr


def test_records_and_replays_a_test(python: Path, tmp_path: Path) -> None:
    test = tmp_path / "test_agent.py"
    test.write_text(
        "import pytest\nfrom google import genai\n\n\n@pytest.mark.interactions\ndef test_agent():\n"
        '    client = genai.Client()\n    answer = client.interactions.create(model="gemini-3.5-flash", input="Hi!")\n'
        '    assert answer.status == "completed"\n'
    )
    recorded = run(python, tmp_path, "tracer", "emulate", "--", "pytest", "-q", "--interactions-record=once", test)
    assert recorded.returncode == 0, recorded.stdout
    replayed = run(python, tmp_path, "pytest", "-q", test)
    assert replayed.returncode == 0, replayed.stdout
    assert len(list(tmp_path.rglob("*.interactions.yaml"))) == 1


@pytest.mark.parametrize(("verb", "extra"), [("run", "proxy"), ("proxy", "proxy"), ("demo", "proxy"), ("tui", "tui")])
def test_verbs_name_the_extra_they_need(python: Path, tmp_path: Path, verb: str, extra: str) -> None:
    command = (verb, "--", "true") if verb == "run" else (verb,)
    done = run(python, tmp_path, "tracer", *command)
    sentence = f"tracer: `tracer {verb}` needs the {extra!r} extra: pip install 'interactions-tracer[{extra}]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
