"""Three generations of the official SDK against the emulator: nothing between them but a socket."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.serve.server import Server

APP = Path(__file__).parent / "sdk_app.py"
VERSIONS = [pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in ("3.4.0", "2.34.0", "1.75.0")]
STORY = "About the sea, in short: first comes the idea, then an example, and last what it is good for."

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(version: str, sdk_python: Callable[[str], Path]) -> dict[str, Any]:
    """What the SDK made of each way to call the API."""
    with Server(Engine(Rules(), seed=1, pace=Pace(1_000, 500)), compress=True) as server:
        environment = {**os.environ, "GOOGLE_GEMINI_BASE_URL": server.url}
        done = subprocess.run(
            [str(sdk_python(version)), str(APP)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert all("test-key" not in repr(call) for call in server.calls)
    return json.loads(done.stdout)


def test_answers(told: dict[str, Any]) -> None:
    assert told["plain"]["status"] == "completed"
    assert told["plain"]["id"].startswith("v1_")
    assert told["plain"]["tokens"] > 0
    assert told["chain"] == "Your name is Alice."
    assert told["include_input"] == "Hi"
    assert told["structured"] == {"sentiment": "positive", "rating": 5}
    assert told["media"]["png"] is True
    assert "image/png, 5 bytes" in told["media"]["text"]
    assert told["server_tools"]["code"] == "The result is 55."
    assert told["server_tools"]["search"][1:3] == ["google_search_call", "google_search_result"]


def test_streams(told: dict[str, Any], version: str) -> None:
    legacy = version.startswith("1.")
    stream = told["stream"]
    assert stream["text"] == stream["whole"] == told["asynchronous"]["text"] == STORY
    assert stream["types"][0] == ("interaction.start" if legacy else "interaction.created")
    assert stream["types"][-1] == ("interaction.complete" if legacy else "interaction.completed")
    assert stream["resumed"] == stream["types"][6:]
    assert stream["ids"] is True


def test_tool_loop(told: dict[str, Any]) -> None:
    assert told["tools"]["status"] == "requires_action"
    assert told["tools"]["arguments"] == {"location": "Paris"}
    assert "temp is 20" in told["tools"]["text"]


def test_the_computer_is_used_one_action_a_turn(told: dict[str, Any]) -> None:
    actions = [["navigate", ["intent", "url"]], ["click", ["intent", "x", "y"]]]
    typed = ["type", ["intent", "press_enter", "text"]]
    assert told["computer_use"] == {"actions": [*actions, typed], "status": "completed"}


def test_deferred_functions_are_found(told: dict[str, Any], version: str) -> None:
    assert ("tool_search" in told) == version.startswith("3.")  # when the tool came
    if "tool_search" in told:
        found = told["tool_search"]
        kinds = ["thought", "tool_search_call", "tool_search_result", "function_call"]
        assert found["steps"] == found["streamed"] == kinds
        assert found["functions"] == [["get_weather"]] * 3


def test_background_jobs(told: dict[str, Any]) -> None:
    job = told["background"]
    assert job["statuses"] == ["in_progress", "in_progress", "in_progress", "completed"]
    assert job["text"] == job["streamed"]
    assert job["failed"] == "failed"
    assert told["cancel_and_delete"]["cancelled"] == told["asynchronous"]["cancelled"] == "cancelled"
    assert told["cancel_and_delete"]["gone"] == ["NotFoundError", 404]


def test_errors(told: dict[str, Any], version: str) -> None:
    errors = told["errors"]
    assert errors["bad_request"] == ["BadRequestError", 400]
    assert errors["not_found"] == errors["no_parent"] == ["NotFoundError", 404]
    # 2.34 checks the tools itself before anything is sent.
    assert errors["tool"] == (["ValidationError", None] if version == "2.34.0" else ["BadRequestError", 400])
    assert errors["cut"] == ["RemoteProtocolError" if version == "1.75.0" else "APIConnectionError", None]
    assert errors["error_event"] == "error"
    assert errors["refused"][1:] == ["interaction.status_update"]
    assert errors["recovered"] == ["completed", True]


def test_files(told: dict[str, Any]) -> None:
    assert told["files"] == {"size": 5, "named": True}


def test_continuation_is_followed_by_the_sdk(told: dict[str, Any], version: str) -> None:
    if version.startswith("1."):
        assert "continuation" not in told
    else:
        assert told["continuation"]["status"] == "completed"
        assert told["continuation"]["text"].endswith("And this is the rest of the answer.")
