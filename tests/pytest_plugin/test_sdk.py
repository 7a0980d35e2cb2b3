"""Tests written with the official SDKs, recorded against a loopback service and replayed without it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server
from tracer.testing import sse_chunks, text_stream

KEY = "AIzaSyCanary-0123456789_0123456789abcde"
VERSIONS = [pytest.param(version, marks=pytest.mark.xdist_group(version)) for version in ("3.4.0", "2.34.0", "1.75.0")]

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]

AGENT = """
import asyncio, json, os, time, urllib.request
from pathlib import Path

import pytest
from google import genai

client = genai.Client()
pytestmark = pytest.mark.interactions
MODEL = "gemini-3.5-flash"
WEATHER = {
    "type": "function", "name": "get_weather", "description": "Gets the weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


def tell(name, value):
    Path(os.environ["SEEN"], f"{name}.json").write_text(json.dumps(value, default=str))


def dump(model):
    return model.model_dump(mode="json", exclude_none=True)


def parts(interaction):
    return getattr(interaction, "steps", None) or getattr(interaction, "outputs", None) or []


def create(text, **more):
    return client.interactions.create(model=MODEL, input=text, **more)


def test_unary(interactions):
    tell("unary", dump(create("Hello there!")))
    assert [exchange.status for exchange in interactions.exchanges] == [200]
    assert interactions.records[0].status == "completed"


def test_stream():
    tell("stream", [dump(event) for event in create("Tell me about the sea.", stream=True)])


def test_chain(interactions):
    first = create("My name is Alice.")
    second = create("What's my name?", previous_interaction_id=first.id)
    assert "Alice" in str(dump(second))
    tell("chain", [dump(first), dump(second)])
    assert [record.previous_interaction_id for record in interactions.records] == [None, first.id]


def test_async():
    async def both():
        made = client.aio.interactions
        events = await made.create(model=MODEL, input="Tell me about the wind.", stream=True)
        answer = await made.create(model=MODEL, input="Hello from afar!")
        return [dump(event) async for event in events], dump(answer)

    tell("async", asyncio.run(both()))


def test_tools():
    asked = create("What is the weather in Paris?", tools=[WEATHER])
    (call,) = [part for part in parts(asked) if part.type == "function_call"]
    result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": {"weather": "rain"}}
    answer = create([result], tools=[WEATHER], previous_interaction_id=asked.id)
    assert "rain" in str(dump(answer))
    tell("tools", [dump(asked), dump(answer)])


def test_background():
    job = client.interactions.create(
        agent="deep-research-pro-preview-12-2025", input="Research the tower of Belém.", background=True
    )
    while job.status in ("queued", "in_progress"):
        time.sleep(0.05)
        job = client.interactions.get(job.id)
    tell("background", dump(job))


def test_cut():
    events = []
    with pytest.raises(Exception) as broken:
        for event in create("Tell me about the moon, please break the stream.", stream=True):
            events.append(dump(event))
    assert events
    tell("cut", [events, type(broken.value).__name__])


def test_retried():
    tell("retried", dump(create("Hello, please fail with 503 once.")))
"""

MISSED = """
import pytest
from google import genai

client = genai.Client()


@pytest.mark.interactions
def test_swallows():
    try:
        client.interactions.create(model="gemini-3.5-flash", input=[{"type": "text", "text": PROMPT}])
    except Exception:
        pass
"""

PASSED_ON = """
import os, urllib.request

import pytest
from google import genai

client = genai.Client()


@pytest.mark.interactions
def test_live():
    kinds = []
    for event in client.interactions.create(model="gemini-3.5-flash", input="Hi", stream=True):
        kinds.append(event.event_type)
        if len(kinds) == 1 and "UPSTREAM" in os.environ:
            urllib.request.urlopen(os.environ["UPSTREAM"] + "/seen", data=b"").read()
    assert kinds[0] in ("interaction.created", "interaction.start"), kinds
    assert kinds[-1] in ("interaction.completed", "interaction.complete"), kinds
    print("kinds:", len(kinds))
"""


LEGACY_STREAM: list[dict[str, Any]] = [
    {"event_type": "interaction.start", "interaction": {"id": "v1_live", "status": "in_progress"}},
    {"event_type": "content.start", "index": 0, "content": {"type": "text", "text": ""}},
    {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Hel"}},
    {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "lo."}},
    {"event_type": "content.stop", "index": 0},
    {"event_type": "interaction.complete", "interaction": {"id": "v1_live", "status": "completed"}},
]


@pytest.fixture(params=VERSIONS)
def python(request: pytest.FixtureRequest, sdk_test_python: Callable[[str], Path]) -> Path:
    return sdk_test_python(request.param)


def run_pytest(python: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    folder.joinpath("seen").mkdir(exist_ok=True)
    return subprocess.run(
        [str(python), "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "SEEN": str(folder / "seen"), **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def record(python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    with Server(Engine(Rules(), seed=7), compress=True) as server:
        return run_pytest(
            python, folder, "--interactions-record=once", GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=server.url
        )


def seen(folder: Path) -> dict[str, Any]:
    told = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "seen").iterdir())}
    for path in (folder / "seen").iterdir():
        path.unlink()
    return told


def test_recorded_agent_replays_without_key_and_service(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_agent.py").write_text(AGENT)
    done = record(python, tmp_path)
    assert done.returncode == 0, done.stdout
    recorded = seen(tmp_path)
    assert recorded.keys() == {"unary", "stream", "chain", "async", "tools", "background", "cut", "retried"}
    assert len(recorded["stream"]) > 5
    assert recorded["background"]["status"] == "completed"

    done = run_pytest(python, tmp_path)
    assert done.returncode == 0, done.stdout
    assert seen(tmp_path) == recorded

    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(path.name.endswith(".interactions.yaml") for path in kept) == 8
    assert [path for path, content in kept.items() if KEY.encode() in content] == []


def test_miss_fails_the_test_that_swallowed_it(python: Path, tmp_path: Path) -> None:
    test = tmp_path / "test_missed.py"
    test.write_text(MISSED.replace("PROMPT", "'Write a long poem about rivers'"))
    done = record(python, tmp_path)
    assert done.returncode == 0, done.stdout

    test.write_text(MISSED.replace("PROMPT", "'Write a long poem about lakes'"))
    done = run_pytest(python, tmp_path)
    assert done.returncode == 1
    assert "FAILED test_missed.py::test_swallows" in done.stdout
    assert "differs first at input[0].content[0].text" in done.stdout
    assert 'recorded: "Write a long poem about rivers"' in done.stdout
    assert 'asked:    "Write a long poem about lakes"' in done.stdout
    assert "pytest test_missed.py::test_swallows --interactions-record=all" in done.stdout


@pytest.fixture
def waiting_service() -> Iterator[str]:
    """Sends event 1, waits until it is told that the app has it, then sends the rest."""
    told = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            if self.path == "/seen":
                told.set()
                self.send_header("content-length", "0")
                self.end_headers()
                return
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            legacy = "google-genai-sdk/1." in self.headers["x-goog-api-client"]
            chunks = sse_chunks(LEGACY_STREAM if legacy else text_stream("v1_live", ["Hel", "lo."]))
            self.send_chunk(chunks[0])
            if told.wait(60):
                self.send_chunk(b"".join(chunks[1:]))
            self.send_chunk(b"")

        def send_chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_stream_is_passed_on_while_it_is_recorded(python: Path, tmp_path: Path, waiting_service: str) -> None:
    (tmp_path / "test_live.py").write_text(PASSED_ON)
    done = run_pytest(
        python,
        tmp_path,
        "-s",
        "--interactions-record=once",
        GEMINI_API_KEY=KEY,
        GOOGLE_GEMINI_BASE_URL=waiting_service,
        UPSTREAM=waiting_service,
    )
    assert done.returncode == 0, done.stdout
    assert "kinds: 6" in done.stdout, done.stdout
    assert run_pytest(python, tmp_path).returncode == 0


def test_newer_sdk_replays_what_an_older_one_recorded(sdk_test_python: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "test_agent.py").write_text(AGENT)
    done = record(sdk_test_python("2.34.0"), tmp_path)
    assert done.returncode == 0, done.stdout
    recorded = seen(tmp_path)
    done = run_pytest(sdk_test_python("3.4.0"), tmp_path)
    assert done.returncode == 0, done.stdout
    replayed = seen(tmp_path)
    assert replayed.keys() == recorded.keys()
    assert [turn["id"] for turn in replayed["chain"]] == [turn["id"] for turn in recorded["chain"]]


VERTEX = """
import json, os, subprocess, sys
import pytest
from google import genai

CODE = '''
from google import genai
from google.oauth2.credentials import Credentials
import os
token = Credentials("ya29.made-up") if "RECORDING" in os.environ else None
client = genai.Client(vertexai=True, project="my-project", location="us-central1", credentials=token)
answer = client.interactions.create(model="gemini-3.5-flash", input="Hello " + os.environ.get("WHO", "world"))
print(answer.id, answer.status)
'''


@pytest.mark.interactions
def test_vertex(interactions, capsys):
    exec(CODE, {})
    assert "completed" in capsys.readouterr().out
    child = [sys.executable, "-c", CODE]
    said = subprocess.run(child, env={**os.environ, "WHO": "child"}, capture_output=True, text=True, timeout=100)
    assert "completed" in said.stdout, said.stderr
    assert [record.service for record in interactions.records] == ["vertex"] * 2
"""


def test_vertex_replays_without_signing_in(sdk_test_python: Callable[[str], Path], tmp_path: Path) -> None:
    python = sdk_test_python("3.4.0")
    (tmp_path / "test_vertex.py").write_text(VERTEX)
    with Server(Engine(Rules(), seed=7)) as server:
        places = {"GOOGLE_VERTEX_BASE_URL": server.url, "GOOGLE_GEMINI_BASE_URL": server.url}
        done = run_pytest(python, tmp_path, "--interactions-record=once", RECORDING="1", **places)
    assert done.returncode == 0, done.stdout
    (cassette,) = tmp_path.rglob("*.interactions.yaml")
    assert "https://aiplatform.googleapis.com/v1beta1/projects/my-project/" in cassette.read_text()
    assert "ya29" not in cassette.read_text()
    done = run_pytest(python, tmp_path)
    assert done.returncode == 0, done.stdout
