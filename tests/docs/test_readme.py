"""What the README tells people to type, typed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SERVES = ("proxy", "tui", "demo")
"""Verbs that stay until they are stopped, or have tests of their own."""


def fenced_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line.split("#")[0].split("|")[0].strip() for block in blocks for line in block.splitlines()]


def commands() -> list[str]:
    """Every `tracer VERB ...` line that ends by itself, in the order of the page."""
    lines = [line for line in fenced_lines(REPOSITORY / "README.md") if line.startswith("tracer ")]
    return [line for line in lines if line.split()[1] not in SERVES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an app that has run once, with a failure in it."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(REPOSITORY / "examples" / "failure.py", folder / "app.py")
    done = type_in(folder, "tracer emulate -- tracer run -- python app.py")
    assert done.returncode == 0, done.stderr
    return folder


def type_in(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    environment = {"PATH": path, "HOME": str(folder), "TRACER_HOME": str(folder / "home")}
    shell = ["/bin/sh", "-c", command]
    return subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", commands())
def test_command_works(folder: Path, command: str) -> None:
    if command.startswith("tracer run"):
        command = f"tracer emulate -- {command}"
    for placeholder, key in zip(("v1_a", "v1_b"), keys(folder), strict=False):
        command = command.replace(placeholder, key)
    done = type_in(folder, command)
    # Like diff(1), `tracer diff` says by its exit code that there is a difference.
    assert done.returncode == (1 if command.startswith("tracer diff") else 0), done.stderr
    assert done.stderr == "" or not command.startswith("tracer diff")
    assert "Traceback" not in done.stderr


def keys(folder: Path) -> list[str]:
    """The keys of what the app did, newest first."""
    return [json.loads(line)["key"] for line in type_in(folder, "tracer list --json").stdout.splitlines()]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    section = (REPOSITORY / "README.md").read_text().split("## Test it")[1]
    command = re.findall(r"```\n(.*?)\n```", section, re.DOTALL)[0]
    assert f"exec {command}" in (REPOSITORY / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (REPOSITORY / page).read_text())
    assert [target for target in targets if not (REPOSITORY / target).exists()] == []
