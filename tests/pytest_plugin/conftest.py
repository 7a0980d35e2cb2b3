"""A service on loopback, and a project whose tests call it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

KEY = "AIzaSyCanary-0123456789_0123456789abcde"

CALLS = """
import os
import httpx

BASE = os.environ.get("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com")


def create(text, **more):
    body = {"model": "gemini-3.5-flash", "input": text, **more}
    headers = {"x-goog-api-key": os.environ["GEMINI_API_KEY"]}
    return httpx.post(f"{BASE}/v1/interactions", json=body, headers=headers)
"""


class Service:
    """Answers every create with its own number, and errors on demand."""

    def __init__(self) -> None:
        self.count = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
                service.count += 1
                refused = text == "refuse" or (text == "busy" and service.count == 1)
                body = json.dumps({"id": f"v1_{service.count}", "status": "completed", "steps": [], "said": text})
                data = body.encode()
                self.send_response((400 if text == "refuse" else 503) if refused else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


class Project:
    """A folder with `calls.py`; its tests run in a process of their own with no other plugin; warnings are errors."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path = pytester.path
        self.makepyfile = pytester.makepyfile
        self.makeini = pytester.makeini
        self.makeconftest = pytester.makeconftest
        self.replay = pytester.runpytest_subprocess
        self.makepyfile(calls=CALLS)
        self.makeini("[pytest]\nfilterwarnings = error\npythonpath = .")

    def record(self, service: Service, *arguments: str, mode: str = "once", key: str = KEY) -> pytest.RunResult:
        """Run the tests against the service."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GEMINI_API_KEY", key)
            patch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
            return self.replay(f"--interactions-record={mode}", *arguments)

    def cassettes(self) -> list[str]:
        """The cassettes in the folder."""
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*.interactions.yaml"))


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "interactions_tracer_plugin")
    return Project(pytester)
