"""`tracer demo` without a terminal: what someone sees who has just cloned this."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def tracer(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TRACER_HOME": str(home / "data")}
    command = [sys.executable, "-m", "tracer", *arguments]
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=200, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(home: Path) -> list[list[dict[str, Any]]]:
    """The records of the first demo, and those of the second that are not the first's."""
    records: list[list[dict[str, Any]]] = []
    for _ in range(2):
        demo = tracer(home, "demo")
        assert demo.returncode == 0, demo.stderr
        listed = tracer(
            home, "list", "--json", "--all-projects", "--limit", "1000", "--db", str(home / "data" / "demo.db")
        )
        everything = [json.loads(line) for line in listed.stdout.splitlines()]
        known = {record["key"] for batch in records for record in batch}
        records.append([record for record in everything if record["key"] not in known])
    return records


def test_prints_a_tree_and_a_summary(home: Path) -> None:
    demo = tracer(home, "demo")
    assert demo.returncode == 0, demo.stderr
    assert "My name is Alice" in demo.stdout
    assert "get_weather" in demo.stdout
    assert "├" in demo.stdout
    assert "└" in demo.stdout
    assert "interactions" in demo.stderr


def test_twice_gives_two_sets_of_records(runs: list[list[dict[str, Any]]]) -> None:
    first, second = runs
    assert len(first) == len(second) > 8
    ids = [record["id"] for record in first + second if record["id"]]
    assert len(set(ids)) == len(ids)
    assert not {record["root_key"] for record in first} & {record["root_key"] for record in second}


def test_story_has_a_fork_a_tool_a_stream_a_job_and_a_failure(runs: list[list[dict[str, Any]]]) -> None:
    records = runs[0]
    children = Counter(record["parent_key"] for record in records if record["parent_key"])
    assert max(children.values()) == 2
    calls = [step for record in records for step in record["output"] if step["type"] == "function_call"]
    assert [call["name"] for call in calls] == ["get_weather"]
    assert any(record["stream"] and record["timing"]["events"] > 10 for record in records)
    assert any(record["background"] and record["polls"] > 1 and record["status"] == "completed" for record in records)
    failures = [record for record in records if record["error"]]
    assert {bool(record["error"]["http_status"]) for record in failures} == {True, False}
