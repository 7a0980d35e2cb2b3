"""The command in a process of its own, and an upstream that does what a test tells it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Upstream:
    """Answers every request through `reply`, which gets the handler and the request's body."""

    url: str = ""
    reply: Callable[[BaseHTTPRequestHandler, bytes], None] = lambda handler, body: None
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def answers(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()

        def reply(handler: BaseHTTPRequestHandler, _: bytes) -> None:
            handler.send_response(status)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        self.reply = reply


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    subject = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            subject.seen.append((self.path, dict(self.headers), body))
            subject.reply(self, body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    subject.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield subject
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Command:
    """`tracer` as a user has it, with a home and a database of this test's own."""

    folder: Path
    environment: dict[str, str]

    @property
    def db(self) -> Path:
        return self.folder / "tracer.db"

    @property
    def journal(self) -> Path:
        return self.folder / "tracer.db.journal"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tracer", *arguments], env=self.environment | variables, cwd=self.folder,
            capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @contextmanager
    def start(self, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
        defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        with subprocess.Popen(
            [sys.executable, "-m", "tracer", *arguments], env=self.environment, cwd=self.folder, text=True,
            **{**defaults, "start_new_session": True, **options},
        ) as process:  # fmt: skip
            try:
                yield process
            except BaseException:
                # Or leaving the block would wait for it.
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def records(self) -> list[dict[str, Any]]:
        done = self.run("list", "--json", "--all-projects")
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def tracer(tmp_path: Path) -> Iterator[Command]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TRACER_HOME": str(tmp_path / "home"),
        "TRACER_DB": str(tmp_path / "tracer.db"),
        "TRACER_PROJECT": "cli",
    }
    yield Command(tmp_path, environment)
    # A child that outlives its test is a failure, and must not outlive the suite.
    journal = tmp_path / "tracer.db.journal"
    deadline = time.monotonic() + 30
    while (left := list(journal.glob("*.lock"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    for lock in left:
        os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    assert not left


@pytest.fixture
def app(tmp_path: Path) -> Callable[[str], list[str]]:
    """A Python program as a command line; `post(body, path, **headers)` calls the base URL of the environment."""

    def made(code: str) -> list[str]:
        path = tmp_path / "app.py"
        path.write_text(_PREAMBLE + code)
        return [sys.executable, str(path)]

    return made


_PREAMBLE = """
import http.client, json, os, signal, sys, time
from urllib.parse import urlsplit

def post(body, path="/v1/interactions", **headers):
    base = urlsplit(os.environ["GOOGLE_GEMINI_BASE_URL"])
    connection = http.client.HTTPConnection(base.hostname, base.port)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", base.path + path, data, lines)
    answer = connection.getresponse()
    return answer.status, answer.read()

"""
