"""`tracer addon` in the user's own mitmdump, as two processes."""

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tracer.testing import answer

DATA = json.dumps(answer("v1_a", text="Hello.")).encode()


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *_: Any) -> None:
        pass


def ask(port: int, path: str) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", path, b'{"model":"m","input":"Hi"}', {"x-goog-api-key": "canary-key-0123456789"})
            return connection.getresponse().read()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            connection.close()


def test_the_users_own_mitmdump_records_the_same(tmp_path: Path) -> None:
    environment = {
        **os.environ, "TRACER_HOME": str(tmp_path), "TRACER_DB": str(tmp_path / "t.db"), "TRACER_PROJECT": "own",
    }  # fmt: skip

    def tracer(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tracer", *arguments], env=environment, capture_output=True, text=True, check=True
        ).stdout

    script = tracer("addon").strip()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    command = [
        str(Path(sys.executable).with_name("mitmdump")), "-q", "-s", script, "--listen-host", "127.0.0.1",
        "--listen-port", str(port), "--mode", f"reverse:http://127.0.0.1:{server.server_port}",
        "--set", f"confdir={tmp_path / 'mitm'}",
    ]  # fmt: skip
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert ask(port, "/v1/interactions") == DATA
            assert ask(port, "/somebody/elses/call") == DATA
        finally:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    server.shutdown()
    server.server_close()
    assert "Error" not in said
    (record,) = [json.loads(line) for line in tracer("list", "--json").splitlines()]
    assert (record["id"], record["output_text"], record["project"]) == ("v1_a", "Hello.", "own")
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"canary-key" not in path.read_bytes()
