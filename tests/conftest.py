"""Fixtures that several rooms share: interpreters with official SDKs, the shared traffic, a home of our own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tracer.wire.sse import ServerSentEvent, SseParser

REPOSITORY = Path(__file__).parents[1]
SDK_VERSIONS = ("3.4.0", "2.34.0", "1.75.0")
"""The official Python SDKs of three generations, each in an environment of its own."""

pytest_plugins = ["pytester", "guide_coverage"]

settings.register_profile("deep", max_examples=100_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's is read or written: no database, no config, no key."""
    monkeypatch.setenv("TRACER_HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("TRACER_DB", "TRACER_PROJECT", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real traffic beside the checkout; the test is skipped where there is none."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "recordings" / "MANIFEST.json").is_file():
        pytest.skip("no real traffic: ../shared/recordings is missing")
    return folder


@pytest.fixture(scope="session")
def sdk_python() -> Callable[..., Path]:
    """From a google-genai version to an interpreter with it, pytest and our base install; made once, then cached.

    A second argument names the Python it is made from; ours unless given.
    """
    return _sdk_interpreter


sdk_test_python = sdk_python


@pytest.fixture(scope="session")
def three_ways() -> Callable[[bytes], list[ServerSentEvent]]:
    """Feeds a stream whole, byte by byte and with left-overs; gives its events, which must be the same each time."""
    return _fed_three_ways


def _fed_three_ways(body: bytes) -> list[ServerSentEvent]:
    whole = _fed([body])
    assert _fed([body[place : place + 1] for place in range(len(body))]) == whole
    assert _fed([body[place : place + 61] for place in range(0, len(body), 61)]) == whole
    return whole


def _fed(pieces: list[bytes]) -> list[ServerSentEvent]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.close()


def _sdk_interpreter(version: str, python: str = sys.executable) -> Path:
    requirements = REPOSITORY / "tests" / "sdk" / f"google-genai-{version}.txt"
    base = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    ingredients = f"{requirements.read_text()}{base}{python}{sys.version}{REPOSITORY}"
    digest = hashlib.sha256(ingredients.encode()).hexdigest()[:12]
    folder = REPOSITORY / ".cache" / "sdk" / f"{version}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _build_environment(folder, requirements, python)
            (folder / "ready").touch()
    return folder / "bin" / "python"


def _build_environment(folder: Path, requirements: Path, python: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv") or str(REPOSITORY / ".tools" / "bin" / "uv")
    shutil.rmtree(folder, ignore_errors=True)
    install = ["-r", str(requirements), "-e", str(REPOSITORY)]
    if Path(uv).exists():
        _run(uv, "venv", "--quiet", "--python", python, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *install)
    else:
        _run(python, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *install)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{command!r} failed:\n{done.stdout}{done.stderr}")
