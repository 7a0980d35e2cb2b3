"""An unchanged app, three generations of the official SDK, the real proxy, the emulator as the service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parent / "apps" / "every_way.py"
KEY = "canary-key-6f1d0c52"
VERSIONS = [pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in ("3.4.0", "2.34.0", "1.75.0")]

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Recording:
    """What the app's SDK said, and what we recorded of it."""

    version: str
    app: dict[str, list[dict[str, Any]]]
    records: dict[str, dict[str, Any]]
    folder: Path

    def of(self, way: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Pairs of what the SDK told the app and the record with that id."""
        return [(told, self.records[told["id"]]) for told in self.app[way]]


@pytest.fixture(scope="module", params=VERSIONS)
def recording(
    request: pytest.FixtureRequest, sdk_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    version = request.param
    folder = tmp_path_factory.mktemp("recording")
    db = folder / "tracer.db"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TRACER_HOME": str(folder / "home"),
        "TRACER_PROJECT": "end-to-end",
        "GEMINI_API_KEY": KEY,
    }
    tracer = [sys.executable, "-m", "tracer"]
    app = [*tracer, "run", "--db", str(db), "--", str(sdk_python(version)), str(APP)]
    done = subprocess.run(
        [*tracer, "emulate", "--", *app], env=environment, cwd=folder, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    (folder / "stderr.log").write_text(done.stderr)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [*tracer, "list", "--json", "--limit", "100", "--db", str(db)], env=environment, cwd=folder,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len({record["id"] for record in records}) == len(records) == 7
    return Recording(version, json.loads(done.stdout), {record["id"]: record for record in records}, folder)


def test_each_record_says_what_the_sdk_said(recording: Recording) -> None:
    for way in recording.app:
        for told, record in recording.of(way):
            assert record["status"] == told["status"], way
            assert (record["output_text"] or "") == told["text"], way
            assert record["usage"]["total_tokens"] == told["total_tokens"], way
            assert record["usage"]["sum_ok"] is True, way
            assert record["state"] == "complete", way
            assert record["error"] is None, way
            assert record["project"] == "end-to-end"
            assert not any(record["unknown"].values()), way
            assert record["notes"] == [], way


def test_client_dialect_and_version_are_those_of_the_sdk(recording: Recording) -> None:
    legacy = recording.version.startswith("1.")
    for record in recording.records.values():
        python = f"gl-python/{sys.version_info.major}.{sys.version_info.minor}"
        assert record["client"]["name"] == "google-genai-sdk"
        assert record["client"]["version"] == recording.version
        assert record["client"]["language"].startswith(python)
        assert record["dialect"] == ("outputs" if legacy else "steps")
        assert record["api_version"] == ("v1" if recording.version.startswith("3.") else "v1beta")
        assert record["account"].startswith("k:")


def test_plain_answer(recording: Recording) -> None:
    ((_, record),) = recording.of("plain")
    assert record["stream"] is False
    assert record["model"] == "gemini-2.5-flash"
    assert record["input"] == [{"type": "user_input", "content": [{"type": "text", "text": "Hello there!"}]}]
    assert record["cost"]["amount"] > 0
    assert [exchange["operation"] for exchange in record["exchanges"]] == ["create"]


def test_stream_has_every_event_and_its_times(recording: Recording) -> None:
    ((told, record),) = recording.of("stream")
    timing = record["timing"]
    assert record["stream"] is True
    assert timing["events"] == len(told["events"])
    assert 0 < timing["headers_ms"] <= timing["first_event_ms"] <= timing["first_output_ms"]
    assert timing["first_output_ms"] <= timing["first_text_ms"] < timing["duration_ms"]


def test_chain_is_linked(recording: Recording) -> None:
    (_, first), (_, second) = recording.of("chain")
    assert first["previous_interaction_id"] is None
    assert first["root_key"] == first["key"]
    assert second["previous_interaction_id"] == first["id"]
    assert (second["parent_key"], second["root_key"]) == (first["key"], first["key"])
    assert second["linked_by"] == "id"
    assert "Alice" in second["output_text"]


def test_tool_loop(recording: Recording) -> None:
    (_, asked), (_, answered) = recording.of("tools")
    (call,) = [step for step in asked["output"] if step["type"] == "function_call"]
    (result,) = answered["input"]
    assert asked["status"] == "requires_action"
    assert (call["name"], call["arguments"]) == ("get_weather", {"location": "Paris"})
    assert (result["type"], result["call_id"]) == ("function_result", call["id"])
    assert result["result"] == {"location": "Paris", "weather": "rain"}
    assert answered["parent_key"] == asked["key"]
    assert asked["request"]["tools"][0]["name"] == "get_weather"


def test_background_job_is_one_record(recording: Recording) -> None:
    ((told, record),) = recording.of("background")
    operations = [exchange["operation"] for exchange in record["exchanges"]]
    assert record["background"] is True
    assert record["agent"] == "deep-research-pro-preview-12-2025"
    assert record["polls"] == told["polls"] > 1
    assert operations == ["create"] + ["get"] * told["polls"]
    assert not any(step["type"] == "user_input" for step in record["output"])
    assert record["timing"]["duration_ms"] > record["timing"]["headers_ms"]


def test_key_is_nowhere(recording: Recording) -> None:
    files = [file for file in recording.folder.rglob("*") if file.is_file()]
    assert any(file.name == "tracer.db" for file in files)
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
