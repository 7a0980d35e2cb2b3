"""A secret in every place where one may stand, through every way in: none of them is in anything that was written."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard
from canaries import AROUND, PEM, SENT
from loopback_tls import certified

SECRETS = SENT | AROUND

CLIENT = """
import http.client, json, os, ssl, sys
from urllib.parse import urlsplit

# The base URL; for forward mode also the proxy's URL and its authority.
secrets, parts = json.loads(os.environ["CANARIES"]), urlsplit(sys.argv[1])

def connection():
    if len(sys.argv) < 4:
        return http.client.HTTPConnection(parts.hostname, parts.port), parts.path
    proxy = urlsplit(sys.argv[2])
    context = ssl.create_default_context(cafile=sys.argv[3])
    made = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context)
    made.set_tunnel(parts.hostname, parts.port, headers={"Proxy-Authorization": "Bearer " + secrets["token"]})
    return made, ""

def post(path, body):
    made, prefix = connection()
    headers = {"x-goog-api-key": secrets["header"], "Authorization": "Bearer " + secrets["bearer"],
               "Cookie": "sid=" + secrets["cookie"], "content-type": "application/json"}
    made.request("POST", prefix + path, json.dumps(body), headers)
    try:
        made.getresponse().read()
    except http.client.IncompleteRead:
        assert "echo=cut" in path
    made.close()

said = "keys: " + " ".join([secrets["aiza"], secrets["ya29"], secrets["pem_block"], secrets["header"]])
tools = [{"type": "mcp_server", "url": "http://m", "headers": {"authorization": "Bearer " + secrets["mcp"]}},
         {"type": "google_search", "search_config": {"api_key": secrets["config"]}}]
body = {"model": "m", "input": said, "tools": tools}
keys = "key=" + secrets["query"] + "&access_token=" + secrets["access_token"]
for echo in ("whole", "gzip", "split", "stream", "cut"):
    post("/v1/interactions?" + keys + "&echo=" + echo, {**body, "stream": echo in ("stream", "cut")})
# Too large to be redacted as a whole.
large = [{"type": "image", "data": "QUJD" * 500_000}, {"type": "text", "text": said}]
post("/v1/interactions?" + keys + "&echo=split", {**body, "input": large})
post("/v1beta/projects/p/credentials?echo=whole", {"name": "n", "secret": secrets["credential"]})
print("done")
"""


class Echo(BaseHTTPRequestHandler):
    """Repeats every secret that it is told: in one piece, packed, cut in two, as an event, before it breaks off."""

    protocol_version = "HTTP/1.1"
    heard: set[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        told = f"{self.path} {self.headers} {json.loads(body)} {body}"
        known = {name: secret for name, secret in SECRETS.items() if secret in told}
        type(self).heard |= known.keys()
        # Nobody can tell what it is without the lines around it.
        known.pop("pem", None)
        text = json.dumps({"error": {"code": 400, "message": f"bad: {' '.join(known.values())} {PEM}"}})
        kind = self.path.rpartition("echo=")[2]
        if kind in ("stream", "cut"):
            text = "".join(f"event: error\ndata: {text}\n\n" for _ in range(2))
        pieces = [text.encode()]
        if kind == "gzip":
            pieces = [gzip.compress(pieces[0])]
        if kind in ("split", "stream", "gzip"):
            middle = [pieces[0][at : at + 9] for at in range(0, len(pieces[0]), 9)]
            pieces = middle if kind != "gzip" else [pieces[0][:40], pieces[0][40:]]
        self.send_response(200 if kind in ("stream", "cut") else 400, f"Bad {SECRETS['header']}")
        self.send_header("set-cookie", f"sid={SECRETS['set_cookie']}; Path=/")
        self.send_header("x-echo", SECRETS["header"])
        self.send_header("content-type", "text/event-stream" if kind in ("stream", "cut") else "application/json")
        if kind == "gzip":
            self.send_header("content-encoding", "gzip")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            # The service takes its time, so that pieces arrive as pieces.
            time.sleep(0.001)
        if kind == "cut":
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    (tmp_path / "tls").mkdir()
    context, authority = certified(tmp_path / "tls")
    Echo.heard = set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", authority
    server.shutdown()
    server.server_close()
    thread.join()


class Trial:
    """`tracer` in a folder of its own; everything that it says is kept beside what it writes."""

    def __init__(self, folder: Path, authority: Path) -> None:
        self.folder = folder
        (folder / "work").mkdir(parents=True)
        self.client = folder.parent / "client.py"
        self.client.write_text(CLIENT)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TRACER_HOME": str(folder / "home"),
            "TRACER_DB": str(folder / "t.db"), "TRACER_PROJECT": "canary", "SSL_CERT_FILE": str(authority),
            "CANARIES": json.dumps({**SECRETS, "pem_block": PEM}), "GEMINI_API_KEY": SECRETS["environment"],
            "HTTP_PROXY": f"http://me:{SECRETS['password']}@127.0.0.1:9", "NO_PROXY": "nowhere",
        }  # fmt: skip
        self._runs = 0

    def run(self, *arguments: str, **options: Any) -> str:
        command = [sys.executable, "-m", "tracer", *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder / "work", capture_output=True, text=True, timeout=100,
            check=False, **options,
        )  # fmt: skip
        self.keep(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keep(self, said: str) -> None:
        self._runs += 1
        (self.folder / f"said-{self._runs}.log").write_text(said)

    @contextmanager
    def proxy(self, *arguments: str) -> Iterator[dict[str, Any]]:
        command = [sys.executable, "-m", "tracer", "proxy", "--listen", "127.0.0.1:0", "--json", *arguments]
        environment = {**self.environment, "TRACER_TOKEN": SECRETS["token"]}
        with subprocess.Popen(
            command,
            env=environment,
            cwd=self.folder / "work",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            try:
                yield json.loads(line)
            finally:
                process.terminate()
                _, said = process.communicate(timeout=60)
        self.keep(line + said)

    def call(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(self.client), *arguments], env=self.environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.stdout == "done\n", done.stderr

    def found(self) -> list[tuple[str, str]]:
        """Every secret that is anywhere, packed or plain, and where."""
        hits: list[tuple[str, str]] = []
        for path in self.folder.rglob("*"):
            if path.is_file():
                hits += [(str(path), name) for name, secret in SECRETS.items() if secret.encode() in path.read_bytes()]
        connection = sqlite3.connect(self.folder / "t.db")
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():
                for value in row:
                    data = unpacked(value) if isinstance(value, bytes) else str(value).encode()
                    hits += [(table, name) for name, secret in SECRETS.items() if secret.encode() in data]
        connection.close()
        return hits


def unpacked(data: bytes) -> bytes:
    for start in (0, 1):
        try:
            return zstandard.ZstdDecompressor().decompress(data[start:], max_output_size=1 << 24)
        except zstandard.ZstdError:
            continue
    return data


def write_every_form(trial: Trial) -> None:
    trial.run("list", "--json", "--limit", "100")
    trial.run("show", "@last", "--raw")
    trial.run("doctor", "--json")
    for form in ("jsonl", "markdown", "curl", "python", "exchanges"):
        trial.run("export", "--format", form, "-o", str(trial.folder / f"export.{form}"))
    trial.run("cassette", "make", "@last", "-o", str(trial.folder / "cassette.yaml"), "--test",
              str(trial.folder / "test_it.py"))  # fmt: skip


def test_no_secret_is_in_anything_that_was_written(tmp_path: Path, service: tuple[str, Path]) -> None:
    upstream, authority = service
    trial = Trial(tmp_path / "trial", authority)
    shell = 'exec "$0" "$1" "$GOOGLE_GEMINI_BASE_URL"'
    trial.run("run", "--upstream", upstream, "--", "sh", "-c", shell, sys.executable, str(trial.client))
    trial.run("run", "--upstream", upstream, "--", "true", f"--key={SECRETS['environment']}")
    with trial.proxy("--upstream", upstream, "--forward-listen", "127.0.0.1:0") as ready:
        trial.call(f"{ready['url']}/t/{SECRETS['token']}")
        bundle = trial.folder.parent / "bundle.pem"
        bundle.write_bytes((trial.folder / "home" / "ca" / "mitmproxy-ca-cert.pem").read_bytes())
        trial.call(upstream, ready["forward_url"], str(bundle))
        # While it runs the journal holds what crossed.
        assert list(trial.folder.glob("t.db.journal/*.seg"))
        assert trial.found() == []
    assert Echo.heard == SECRETS.keys() - {"set_cookie", "token", "password", "environment"}
    records = [json.loads(line) for line in trial.run("list", "--json", "--limit", "100").splitlines()]
    assert sum(len(record["exchanges"]) for record in records) == 18
    write_every_form(trial)
    assert trial.found() == []
    kept = (trial.folder / "export.exchanges").read_text()
    assert kept.count("[redacted]") > 100
