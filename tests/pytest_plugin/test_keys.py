"""A secret in every place where a test's calls may have one: none of them is in anything that recording writes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from canaries import SENT as SECRETS

CALLS = """
import json, os
import httpx, httpx2
import pytest

SECRETS = json.loads(os.environ.get("SECRETS", "{}"))


def secret(name):
    return SECRETS.get(name, "another-one-of-the-user")


@pytest.mark.interactions
@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("echo", ["whole", "split", "cut"])
def test_calls(library, echo):
    headers = {"x-goog-api-key": secret("header"), "authorization": "Bearer " + secret("bearer")}
    tools = [{"type": "mcp_server", "url": "http://m", "headers": {"authorization": "Bearer " + secret("mcp")}},
             {"type": "google_search", "search_config": {"api_key": secret("config")}}]
    body = {"model": "m", "input": "keys: " + SUFFIX, "tools": tools}
    url = f"https://generativelanguage.googleapis.com/v1/interactions?key={secret('query')}&echo={echo}"
    url += f"&access_token={secret('access_token')}"
    url = url.replace("https://generativelanguage.googleapis.com", os.environ.get("SERVICE", url[:41]))
    try:
        with library.Client(cookies={"sid": secret("cookie")}) as client:
            assert client.post(url, json=body, headers=headers).status_code == 200
    except library.RemoteProtocolError:
        assert echo == "cut"
"""


@pytest.fixture
def echo() -> Iterator[str]:
    """Says everything that it was told, in headers and body, in pieces of three bytes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["content-length"])).decode()
            text = json.dumps({"id": "v1_x", "said": [said, self.path, *self.headers.values()], "mcp": SECRETS["aiza"]})
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.send_header("set-cookie", f"sid={SECRETS['set_cookie']}; Path=/")
            self.end_headers()
            body, size = text.encode(), 3 if "split" in self.path else 10_000
            for start in range(0, len(body), size):
                piece = body[start : start + size]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if "cut" in self.path:
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_secret_is_in_anything_that_is_written(project: Any, echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"{SECRETS['aiza']} {SECRETS['ya29']}"
    project.makepyfile(test_it=CALLS.replace("SUFFIX", "os.environ['SAID']"))
    monkeypatch.setenv("SAID", said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRETS", json.dumps(SECRETS))
        patch.setenv("SERVICE", echo)
        patch.setenv("GOOGLE_GEMINI_BASE_URL", echo)
        project.replay("--interactions-record=once").assert_outcomes(passed=6)
    # Whoever replays has other keys, or none; a miss keeps its request too.
    monkeypatch.setenv(
        "SECRETS", json.dumps({name: value.replace("canary", "other") for name, value in SECRETS.items()})
    )
    project.replay().assert_outcomes(passed=6)
    monkeypatch.setenv("SECRETS", json.dumps(SECRETS))
    monkeypatch.setenv("SAID", f"else {said}")
    project.replay().assert_outcomes(failed=6)
    files = [path for path in written(project.path) if path.name not in ("stdout", "stderr")]
    assert sum(path.suffix == ".yaml" for path in files) == 6
    assert sum(path.suffix == ".idx" for path in files) == 6
    assert any(path.parent.name == "misses" for path in files)
    hits = {
        (path.name, name) for path in files for name, value in SECRETS.items() if value.encode() in path.read_bytes()
    }
    assert hits == set()


def written(folder: Path) -> list[Path]:
    home = Path(os.environ["TRACER_HOME"])
    return [path for place in (folder, home) for path in place.rglob("*") if path.is_file()]
