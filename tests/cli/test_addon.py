"""`tracer addon` in the user's own mitmproxy programs, as processes: the same rows as `tracer proxy` makes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tracer.testing import answer, sse_chunks, text_stream

DATA = json.dumps(answer("v1_a", text="Hello.")).encode()
STREAM = b"".join(sse_chunks(text_stream("v1_b", ["Hel", "lo."])))
KEY = "canary-key-0123456789"
CALLS: tuple[tuple[str, dict[str, Any], bytes], ...] = (
    ("/v1/interactions", {"model": "m", "input": "Hi"}, DATA),
    ("/v1/interactions", {"model": "m", "input": "Hi", "stream": True, "previous_interaction_id": "v1_a"}, STREAM),
    ("/somebody/elses/call", {}, DATA),
)
PROGRAMS = {
    "mitmdump": ["-q"],
    "mitmweb": ["--no-web-open-browser", "--web-host", "127.0.0.1", "--set", "termlog_verbosity=error"],
}
# What every run has of its own.
OWN = {"key", "parent_key", "root_key", "run", "timing", "exchanges", "upstream", "account"}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = STREAM if asked.get("stream") else DATA
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if asked.get("stream") else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, body: Any) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body), {"x-goog-api-key": KEY})
            return connection.getresponse().read()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TRACER_HOME": str(folder), "TRACER_DB": str(folder / "t.db"), "TRACER_PROJECT": "own"}


def tracer(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "tracer", *arguments]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=True).stdout


def recorded(folder: Path, command: list[str], port: int) -> list[dict[str, Any]]:
    """The records of the calls that went through a program."""
    with subprocess.Popen(
        command, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for path, body, expected in CALLS:
                assert ask(port, path, body) == expected
        finally:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert "Error" not in said
    for file in folder.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()
    return [json.loads(line) for line in tracer(folder, "list", "--json").splitlines()]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, service: str) -> list[dict[str, Any]]:
    """What `tracer proxy` makes of the same calls."""
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    listen = ["--listen", f"127.0.0.1:{port}", "--upstream", service]
    return recorded(folder, [sys.executable, "-m", "tracer", "proxy", *listen], port)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_users_own_program_records_the_same(
    tmp_path: Path, service: str, ours: list[dict[str, Any]], program: str
) -> None:
    port = free_port()
    extra = ["--web-port", str(free_port())] if program == "mitmweb" else []
    command = [
        str(Path(sys.executable).with_name(program)), *PROGRAMS[program], *extra,
        "-s", tracer(tmp_path, "addon").strip(), "--listen-host", "127.0.0.1", "--listen-port", str(port),
        "--mode", f"reverse:{service}", "--set", f"confdir={tmp_path / 'mitm'}",
    ]  # fmt: skip
    records = recorded(tmp_path, command, port)
    assert [(record["id"], record["output_text"]) for record in records] == [("v1_b", "Hello."), ("v1_a", "Hello.")]
    assert records[0]["parent_key"] == records[1]["key"]
    for record, other in zip(records, ours, strict=True):
        for name in record.keys() - OWN:
            assert record[name] == other[name], name
        assert [call["path"] for call in record["exchanges"]] == [call["path"] for call in other["exchanges"]]
