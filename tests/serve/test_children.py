"""Child processes and clients made from the environment, recorded and replayed through the relay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

import tracer
from tracer.cassettes import files
from tracer.errors import ReplayMiss
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve import children
from tracer.serve.hosts import Detour, Place
from tracer.serve.server import Server
from tracer.testing import sse_chunks, text_stream
from tracer.wire.exchange import Outcome

CREATE = {"model": "gemini-3.5-flash", "input": "Hello there!"}
CHILD = """
import http.client, json, os, sys
from urllib.parse import urlsplit
base = urlsplit(os.environ["GOOGLE_GEMINI_BASE_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port)
for body in json.loads(sys.argv[1]):
    connection.request("POST", "/v1/interactions", json.dumps(body), {"x-goog-api-key": "AIzaSyCanary-0123456789"})
    response = connection.getresponse()
    try:
        print(response.status, json.dumps(response.read().decode()))
    except http.client.IncompleteRead:
        print("broken")
"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(Engine(Rules(), seed=1)) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        yield server


def child(*bodies: dict[str, Any]) -> list[str]:
    command = [sys.executable, "-c", CHILD, json.dumps(bodies)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_child_is_recorded_and_replayed(service: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "child.interactions.yaml"
    stream = {**CREATE, "input": "Tell me about the sea.", "stream": True}
    broken = {**CREATE, "input": "Tell me about the moon, please break the stream.", "stream": True}
    with tracer.record(path) as session:
        said = child(CREATE, stream, broken)
        assert [exchange.outcome for exchange in session.exchanges] == [Outcome.COMPLETE] * 2 + [Outcome.CUT]
    assert os.environ["GOOGLE_GEMINI_BASE_URL"] == service.url
    assert said[-1] == "broken"
    assert "AIzaSyCanary" not in path.read_text()
    assert len(files.load(path)[1].chunks) > 5
    service.stop()
    monkeypatch.delenv("GOOGLE_GEMINI_BASE_URL")
    with tracer.replay(path):
        assert child(CREATE, stream, broken) == said
    assert "GOOGLE_GEMINI_BASE_URL" not in os.environ


def test_miss_of_a_child_is_raised(service: Server, tmp_path: Path) -> None:
    path = tmp_path / "child.interactions.yaml"
    with tracer.record(path):
        child(CREATE)
    with pytest.raises(ReplayMiss, match=r"differs first at model"), tracer.replay(path):
        assert child({**CREATE, "model": "gemini-3.5-pro"})[0].startswith("400")


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_client_made_from_the_environment_is_recorded_once(library: Any, service: Server, tmp_path: Path) -> None:
    path = tmp_path / "both.interactions.yaml"
    with tracer.record(path) as session:
        url = f"{os.environ['GOOGLE_GEMINI_BASE_URL']}/v1/interactions"
        assert not url.startswith(service.url)
        said = [library.post(url, json=CREATE).text]
        async with library.AsyncClient() as client:
            said.append((await client.post(f"{url}?stream=false", json=CREATE)).text)
        assert len(session.exchanges) == 2
    assert [dict(call.headers)["host"] for call in service.calls] == [service.url.removeprefix("http://")] * 2
    with tracer.replay(path):
        assert [library.post(url, json=CREATE).text for _ in range(2)] == said


def test_stream_reaches_the_child_while_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    chunks = sse_chunks(text_stream("v1_live", ["Hel", "lo."]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", str(len(b"".join(chunks))))
            self.end_headers()
            self.wfile.write(chunks[0])
            assert told.wait(60)
            self.wfile.write(b"".join(chunks[1:]))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"http://127.0.0.1:{upstream.server_port}")
        with tracer.record(tmp_path / "live.yaml"):
            request = urllib.request.Request(
                f"{os.environ['GOOGLE_GEMINI_BASE_URL']}/v1/interactions", json.dumps(CREATE).encode()
            )
            with urllib.request.urlopen(request, timeout=60) as response:
                assert response.read(len(chunks[0])) == chunks[0]
                told.set()
                assert response.read() == b"".join(chunks[1:])
        upstream.shutdown()
        thread.join()


def test_file_is_uploaded_by_a_child_and_replayed(service: Server, tmp_path: Path) -> None:
    path = tmp_path / "files.interactions.yaml"

    def upload() -> str:
        base = os.environ["GOOGLE_GEMINI_BASE_URL"]
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Type": "text/plain",
            "X-Goog-Upload-Header-Content-Length": "5",
        }
        request = urllib.request.Request(f"{base}/upload/v1beta/files", b"{}", start)
        with urllib.request.urlopen(request, timeout=60) as response:
            address = response.headers["x-goog-upload-url"]
        assert address.startswith(base)
        finish = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        with urllib.request.urlopen(urllib.request.Request(address, b"hello", finish), timeout=60) as response:
            return str(json.load(response)["file"]["name"])

    with tracer.record(path) as session:
        name = upload()
        assert len(session.exchanges) == 2
    assert "127.0.0.1" not in path.read_text().split("metadata:")[0].replace(service.url, "")
    service.stop()
    with tracer.replay(path):
        assert upload() == name


def test_nobody_answers_outside(service: Server, tmp_path: Path) -> None:
    with tracer.record(tmp_path / "none.yaml"):
        url = os.environ["GOOGLE_GEMINI_BASE_URL"]
    answer = httpx.post(f"{url}/v1/interactions", json=CREATE)
    assert answer.status_code == 400
    assert "no test that is marked 'interactions' is running" in answer.text


def test_variables_that_a_test_changes_are_its_own(service: Server, tmp_path: Path) -> None:
    with tracer.record(tmp_path / "none.yaml"):
        os.environ["GOOGLE_GEMINI_BASE_URL"] = "http://elsewhere.example"
    assert os.environ["GOOGLE_GEMINI_BASE_URL"] == "http://elsewhere.example"


def test_inner_block_records_to_the_real_service(service: Server, tmp_path: Path) -> None:
    with tracer.record(tmp_path / "outer.yaml") as outer, tracer.record(tmp_path / "inner.yaml") as inner:
        assert child(CREATE)[0].startswith("200")
    assert (len(outer.exchanges), len(inner.exchanges)) == (0, 1)


def test_forbidden_sockets_leave_this_process_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("blocked")

    children.close()
    monkeypatch.setattr("socket.create_server", refuse)
    with tracer.record(tmp_path / "none.yaml"):
        assert "GOOGLE_GEMINI_BASE_URL" not in os.environ


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (
            "/_vertex/v1/projects/p/locations/us-central1/interactions",
            Place(
                "https://us-central1-aiplatform.googleapis.com",
                "/v1/projects/p/locations/us-central1/interactions",
                "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/interactions",
            ),
        ),
        (
            "/v1/interactions",
            Place(
                "https://generativelanguage.googleapis.com", "/v1/interactions", "http://gate.example/a/v1/interactions"
            ),
        ),
    ],
)
def test_relay_knows_where_the_service_is(path: str, place: Place) -> None:
    detour = Detour("http://127.0.0.1:1", {"GOOGLE_GEMINI_BASE_URL": "http://gate.example/a/"})
    assert detour.place(path) == place
