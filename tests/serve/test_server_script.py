"""Everything that a script can say, read by three generations of the official SDK."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracer.testing import emulator, rule

APP = Path(__file__).parent / "script_app.py"
VERSIONS = [pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in ("3.4.0", "2.34.0", "1.75.0")]
EVERYTHING: list[dict[str, Any]] = [
    {"thought": {"summary": "I think.", "signature": "c2ln"}},
    {"google_search": "who"},
    {"url_context": "https://example.com"},
    {"code_execution": {"code": "print(1)", "output": "1\n"}},
    {"google_maps": {"queries": "cafe", "places": [{"name": "Cafe", "place_id": "p", "url": "https://example.com"}]}},
    {"file_search": None},
    {"mcp": {"server": "s", "name": "n", "arguments": {"a": 1}, "result": "ok"}},
    {"text": "A scripted text."},
    {"image": b"png"},
    {"audio": None},
    {"video": {"uri": "https://example.com/v.mp4"}},
    {"document": b"%PDF"},
]
LATE: list[dict[str, Any]] = [{"retrieval": "q"}, {"processing": None}, {"tool_search": "f"}]
"""Kinds that the legacy API never had; the last one came with 3.x."""

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_sdk_reads_what_a_script_says(version: str, sdk_python: Callable[[str], Path]) -> None:
    legacy = version.startswith("1.")
    known = 0 if legacy else 2 if version.startswith("2.") else 3
    steps = [*EVERYTHING, *LATE[:known], {"call": {"name": "f", "arguments": {"x": 1}}}]
    rules = [
        rule({"steps": steps, "usage": {"input": 3, "output": 4}}, contains="everything"),
        rule({"steps": ["half"], "status": "incomplete"}, contains="incomplete"),
        rule({"steps": ["half"], "status": "budget_exceeded"}, contains="budget"),
        rule({"steps": ["done"], "queued": 1, "polls": 2}, contains="job"),
        rule({"error": {"status": 404, "code": "model_not_found"}}, contains="error"),
        rule({"error": {"status": 403, "form": "google"}}, contains="google"),
    ]
    with emulator(*rules) as server:
        done = subprocess.run(
            [str(sdk_python(version)), str(APP)],
            env={**os.environ, "GOOGLE_GEMINI_BASE_URL": server.url},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    tools = ["google_search", "url_context", "code_execution", "google_maps", "file_search", "mcp_server_tool"]
    pairs = [f"{tool}_{part}" for tool in tools for part in ("call", "result")]
    late = [f"{tool}_{part}" for step in LATE[:known] for tool in step for part in ("call", "result")]
    contents = ["text", "image", "audio", "video", "document"]
    message = contents if legacy else ["model_output"]
    assert told["types"] == told["streamed"] == ["thought", *pairs, *message, *late, "function_call"]
    assert told["text"] == "A scripted text."
    assert told["usage"] == 7
    assert (told["incomplete"], told["budget"]) == ("incomplete", "budget_exceeded")
    assert told["queued"] == ["queued", "in_progress", "in_progress", "completed"]
    assert told["error"] == ["NotFoundError", 404]
    assert told["google"] == ["PermissionDeniedError", 403]
    if told["agents"] is not None:
        assert told["agents"] == ["mine", "antigravity-preview-05-2026", True, 4]
