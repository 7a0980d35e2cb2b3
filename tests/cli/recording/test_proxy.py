"""`tracer proxy` and `tracer recover`: the ready line, mistakes, signals, and a death in the middle of a stream."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from tracer.testing import answer, sse_chunks, text_stream

EVENTS = sse_chunks(text_stream("v1_s", ["Hel", "lo."]))


def connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)


@contextmanager
def create(url: str, text: str, stream: bool = False) -> Iterator[http.client.HTTPResponse]:
    connection = connect(url)
    connection.request("POST", "/v1/interactions", json.dumps({"model": "m", "input": text, "stream": stream}))
    try:
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def test_the_ready_line_names_everything_and_it_answers(tracer: Any, upstream: Any) -> None:
    upstream.answers(answer("v1_a", text="Hello."))
    with tracer.start("proxy", "--listen", "127.0.0.1:0", "--json", "--upstream", upstream.url) as process:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        assert (ready["upstream"], ready["pid"]) == (upstream.url, process.pid)
        assert (ready["project"], ready["db"]) == ("cli", str(tracer.db))
        with create(ready["url"], "Hi") as response:
            assert json.loads(response.read())["id"] == "v1_a"
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (0, "", "")
    (record,) = tracer.records()
    assert (record["run"], record["status"]) == (ready["run"], "completed")


def test_a_running_stream_can_be_watched(tracer: Any, upstream: Any) -> None:
    watched = threading.Event()

    def reply(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(b"".join(EVENTS[:3]))
        handler.wfile.flush()
        watched.wait(60)
        handler.wfile.write(b"".join(EVENTS[3:]))

    upstream.reply = reply
    with tracer.start("proxy", "--listen", "127.0.0.1:0", "--json", "--upstream", upstream.url) as process:
        url = json.loads(process.stdout.readline())["url"]
        with create(url, "watch me", stream=True) as response:
            assert response.read(10)
            deadline = time.monotonic() + 60
            while not (seen := tracer.records()) or seen[0]["output_text"] != "Hel":
                assert time.monotonic() < deadline
            assert seen[0]["state"] == "in_flight"
            watched.set()
            response.read()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    (record,) = tracer.records()
    assert (record["key"], record["state"], record["output_text"]) == (seen[0]["key"], "complete", "Hello.")


def test_after_kill_9_the_record_holds_what_the_client_saw(tracer: Any, upstream: Any) -> None:
    dead = threading.Event()

    def reply(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(b"".join(EVENTS[:4]))
        handler.wfile.flush()
        dead.wait(60)

    upstream.reply = reply
    with tracer.start("proxy", "--listen", "127.0.0.1:0", "--json", "--upstream", upstream.url) as process:
        url = json.loads(process.stdout.readline())["url"]
        with create(url, "Hi", stream=True) as response:
            saw = response.read(sum(map(len, EVENTS[:4])))
            process.kill()
            process.communicate(timeout=60)
        dead.set()
    assert saw == b"".join(EVENTS[:4])
    recovered = tracer.run("recover", "--json")
    assert recovered.returncode == 0, recovered.stderr
    assert json.loads(recovered.stdout)["in_use"] == []
    assert list(tracer.journal.iterdir()) == []
    (record,) = tracer.records()
    assert (record["state"], record["output_text"], record["timing"]["events"]) == ("interrupted", "Hello.", 4)


def test_recover_with_nothing_to_do(tracer: Any) -> None:
    done = tracer.run("recover")
    assert done.returncode == 0
    assert "nothing to recover" in done.stderr


def test_a_taken_port_is_one_sentence(tracer: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = tracer.run("proxy", "--listen", address, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tracer: {address!r} is taken by another program: give another --listen address, or port 0\n"


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::]:0", "10.1.2.3:80", "example.com:80", "8080", "127.0.0.1:x"])
def test_addresses_beyond_loopback_are_refused(tracer: Any, address: str) -> None:
    done = tracer.run("proxy", "--listen", address)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert repr(address) in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_while_an_app_is_connected(tracer: Any, upstream: Any, number: int) -> None:
    asked, over = threading.Event(), threading.Event()

    def reply(_handler: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.set()
        over.wait(60)

    upstream.reply = reply
    with tracer.start("proxy", "--listen", "127.0.0.1:0", "--upstream", upstream.url) as process:
        line = process.stderr.readline()
        url = line.split(" -> ")[0].rpartition(" ")[2]
        connection = connect(url)
        connection.request("POST", "/v1/interactions", b'{"model":"m","input":"Hi"}')
        assert asked.wait(60)
        process.send_signal(number)
        process.communicate(timeout=60)
        connection.close()
        over.set()
    assert process.returncode == 0
    (record,) = tracer.records()
    assert record["state"] == "interrupted"
