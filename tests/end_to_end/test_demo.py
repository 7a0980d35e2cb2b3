"""`tracer demo` without a terminal: what someone sees who has just cloned this."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Demo:
    """What a demo printed, and the records that it added."""

    stdout: str
    stderr: str
    records: list[dict[str, Any]]


def tracer(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TRACER_HOME": str(home / "data")}
    command = [sys.executable, "-m", "tracer", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=200, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> list[Demo]:
    """The first demo in a new home, and the second."""
    home = tmp_path_factory.mktemp("home")
    listing = ("list", "--json", "--all-projects", "--limit", "1000", "--db", str(home / "data" / "demo.db"))
    demos: list[Demo] = []
    for _ in range(2):
        shown = tracer(home, "demo")
        known = {record["key"] for demo in demos for record in demo.records}
        everything = [json.loads(line) for line in tracer(home, *listing).stdout.splitlines()]
        fresh = [record for record in everything if record["key"] not in known]
        demos.append(Demo(shown.stdout, shown.stderr, fresh))
    return demos


def test_prints_a_tree_and_a_summary(demos: list[Demo]) -> None:
    shown = demos[0].stdout
    assert "My name is Alice" in shown
    assert "get_weather" in shown
    assert "├" in shown
    assert "╰" in shown
    assert "10 interactions in 6 conversations" in demos[0].stderr


def test_twice_gives_two_sets_of_records(demos: list[Demo]) -> None:
    first, second = (demo.records for demo in demos)
    assert len(first) == len(second) == 10
    ids = [record["id"] for record in first + second if record["id"]]
    assert len(set(ids)) == len(ids)
    assert not {record["root_key"] for record in first} & {record["root_key"] for record in second}


def test_story_has_a_fork_a_tool_a_stream_a_job_and_a_failure(demos: list[Demo]) -> None:
    records = demos[0].records
    children = Counter(record["parent_key"] for record in records if record["parent_key"])
    assert max(children.values()) == 2
    calls = [step for record in records for step in record["output"] if step["type"] == "function_call"]
    assert [call["name"] for call in calls] == ["get_weather"]
    assert any(record["stream"] and record["timing"]["events"] > 10 for record in records)
    assert any(record["background"] and record["polls"] > 1 and record["status"] == "completed" for record in records)
    failures = [record for record in records if record["error"]]
    assert {bool(record["error"]["http_status"]) for record in failures} == {True, False}
