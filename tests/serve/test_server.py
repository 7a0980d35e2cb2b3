"""Replies over a real socket: bytes, delays, breaks, tokens, errors."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tracer.errors import ReplayMiss, TracerError
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.serve.clock import VirtualClock
from tracer.serve.server import Server

BODY = {"model": "gemini-2.5-flash", "input": "Hi"}


class Canned:
    """A player that gives one reply, or raises."""

    def __init__(self, reply: Reply | Exception) -> None:
        self.reply = reply
        self.asked: list[tuple[Call, int]] = []

    def answer(self, call: Call, now_us: int) -> Reply:
        self.asked.append((call, now_us))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def emulator() -> Engine:
    return Engine(Rules(), seed=1, pace=Pace(0, 0))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(emulator()) as running:
        yield running


def test_answers_json_with_its_length_and_type(server: Server) -> None:
    answer = httpx.post(f"{server.url}/v1/interactions", json=BODY)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "transfer-encoding" not in answer.headers
    assert answer.json()["status"] == "completed"


def test_streams_are_chunked_and_typed(server: Server) -> None:
    answer = httpx.post(f"{server.url}/v1/interactions", json={**BODY, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.text.endswith("event: done\ndata: [DONE]\n\n")


def test_a_chunk_is_on_the_wire_before_the_next_one_is_due() -> None:
    hour = 3_600_000_000
    reply = Reply(200, (("content-type", "text/event-stream"),), (ReplyChunk(0, b"first"), ReplyChunk(hour, b"second")))
    with Server(Canned(reply)) as server, httpx.stream("GET", server.url) as answer:
        assert next(answer.iter_raw()) == b"first"


def test_the_player_sees_the_call_as_sent() -> None:
    player = Canned(Reply(200, (("content-type", "application/json"),), (ReplyChunk(0, b"{}"),)))
    with Server(player, clock=lambda: 12.5) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port)
        connection.putrequest("POST", "/a%2Fb/v1/interactions?key=s3cret&stream=&x=1%202")
        for name, value in (
            ("user-agent", "A"),
            ("user-agent", "B"),
            ("x-goog-api-key", "s3cret"),
            ("content-length", "2"),
        ):
            connection.putheader(name, value)
        connection.endheaders(b"{}")
        assert connection.getresponse().read() == b"{}"
        connection.close()
        ((call, now_us),) = player.asked
        (kept,) = server.calls
    assert now_us == 12_500_000
    assert (call.method, call.path, call.body) == ("POST", "/a%2Fb/v1/interactions", b"{}")
    assert call.query == (("key", "s3cret"), ("stream", ""), ("x", "1 2"))
    assert call.header("User-Agent") == "A, B"
    assert call.header("x-goog-api-key") == "s3cret"
    assert "s3cret" not in repr(kept)


def test_compressed_requests_are_decoded() -> None:
    with Server(emulator()) as server:
        body = gzip.compress(json.dumps(BODY).encode())
        answer = httpx.post(f"{server.url}/v1/interactions", content=body, headers={"content-encoding": "gzip"})
    assert answer.status_code == 200


def test_a_cut_reply_breaks_the_connection(server: Server) -> None:
    body = {**BODY, "input": "Tell me a story. please break the stream", "stream": True}
    received: list[bytes] = []
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{server.url}/v1/interactions", json=body) as answer,
    ):
        received.extend(answer.iter_raw())
    assert b"interaction.created" in b"".join(received)
    assert b"interaction.completed" not in b"".join(received)
    assert httpx.post(f"{server.url}/v1/interactions", json=BODY).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_compression_is_for_those_who_accept_it(stream: bool) -> None:
    with Server(emulator(), compress=True) as server:
        url, body = f"{server.url}/v1/interactions", {**BODY, "store": False, "stream": stream}
        packed = httpx.post(url, json=body, headers={"accept-encoding": "gzip"})
        plain = httpx.post(url, json=body, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert "completed" in packed.text


def test_a_compressed_stream_arrives_piece_by_piece() -> None:
    hour = 3_600_000_000
    reply = Reply(200, (("content-type", "text/event-stream"),), (ReplyChunk(0, b"first"), ReplyChunk(hour, b"second")))
    with Server(Canned(reply), compress=True) as server, httpx.stream("GET", server.url) as answer:
        assert next(answer.iter_bytes()) == b"first"


def test_a_miss_is_a_400_that_says_why() -> None:
    with Server(Canned(ReplayMiss("no recording answers POST /v1/interactions"))) as server:
        answer = httpx.post(f"{server.url}/v1/interactions", json=BODY)
        assert [str(miss) for miss in server.misses] == ["no recording answers POST /v1/interactions"]
    assert answer.status_code == 400
    assert answer.json()["error"] == {"message": "no recording answers POST /v1/interactions", "code": "replay_miss"}


def test_a_token_is_demanded_and_taken_off_the_path() -> None:
    with Server(emulator(), token="t0k3n") as server:
        assert server.url.endswith("/t/t0k3n")
        assert httpx.post(f"{server.url}/v1/interactions", json=BODY).status_code == 200
        bare = server.url.removesuffix("/t/t0k3n")
        for wrong in (bare, f"{bare}/t/t0k3nx", f"{bare}/t/other"):
            assert httpx.post(f"{wrong}/v1/interactions", json=BODY).status_code == 403
        assert [call.path for call in server.calls] == ["/v1/interactions"]


def test_a_taken_port_is_one_sentence(server: Server) -> None:
    port = urlsplit(server.url).port
    with pytest.raises(TracerError, match=rf"can't listen on 127.0.0.1:{port}: .*; choose another port, or 0 for any"):
        Server(emulator(), port=port or 0).start()


def test_an_address_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(TracerError, match=r"can't listen on 192\.0\.2\.1:0: .*"):
        Server(emulator(), "192.0.2.1").start()


def test_stopping_ends_the_thread_and_frees_the_port() -> None:
    before = threading.active_count()
    server = Server(emulator())
    url = urlsplit(server.start())
    httpx.post(f"{server.url}/v1/interactions", json=BODY)
    server.stop()
    server.stop()
    assert threading.active_count() == before
    with socket.socket() as probe:
        assert probe.connect_ex((str(url.hostname), url.port or 0)) != 0


def test_stopping_does_not_wait_for_an_open_stream() -> None:
    hour = 3_600_000_000
    reply = Reply(200, (("content-type", "text/event-stream"),), (ReplyChunk(0, b"first"), ReplyChunk(hour, b"second")))
    with Server(Canned(reply)) as server:
        client = httpx.Client()
        answer = client.send(client.build_request("GET", server.url), stream=True)
        assert next(answer.iter_raw()) == b"first"
    answer.close()
    client.close()


def test_many_clients_at_once(server: Server) -> None:
    ids: list[str] = []

    def client() -> None:
        with httpx.Client() as session:
            url = f"{server.url}/v1/interactions"
            ids.extend(session.post(url, json=BODY).json()["id"] for _ in range(5))

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 40


def test_a_request_that_is_too_large_is_refused_and_the_connection_goes_on() -> None:
    with Server(emulator(), max_body=1000) as server, httpx.Client() as client:
        answer = client.post(f"{server.url}/v1/interactions", json={**BODY, "input": "x" * 2_000_000})
        assert answer.status_code == 413
        assert answer.json()["error"]["message"] == "Request payload size exceeds the limit: 1000 bytes."
        assert client.post(f"{server.url}/v1/interactions", json=BODY).status_code == 200
        upload = client.post(f"{server.url}/upload/v1/files", content=b"{}", headers={"x": "y" * 1000})
        assert upload.status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_request_is_read_up_to_the_limit(coding: str) -> None:
    def send(server: Server, body: bytes) -> int:
        packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
        headers = {"content-encoding": coding, "content-type": "application/json"}
        return httpx.post(f"{server.url}/v1/interactions", content=packed, headers=headers).status_code

    with Server(emulator(), max_body=100_000) as server:
        assert send(server, json.dumps(BODY).encode()) == 200
        assert send(server, b" " * 50_000_000) == 413
        broken = httpx.post(f"{server.url}/v1/interactions", content=b"xx", headers={"content-encoding": coding})
        assert broken.status_code == 400


def test_a_mistake_of_the_player_is_an_error_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with Server(Canned(ValueError("secret"))) as server:
        answer = httpx.post(f"{server.url}/v1/interactions", json=BODY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "emulator_error")
        assert "secret" not in answer.text
        assert httpx.get(server.url).status_code == 500
    assert "could not be answered" in caplog.text


def test_bytes_that_are_no_http_are_refused_quietly(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    address = urlsplit(server.url)
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\n\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as connection:
            connection.sendall(garbage)
            assert connection.recv(1000).startswith(b"HTTP/1.1 40")
    assert not caplog.records


def test_a_virtual_clock_is_moved_by_a_call() -> None:
    clock = VirtualClock()
    engine = Engine(Rules(), seed=1, retention_us=86_400_000_000)
    with Server(engine, clock=clock) as server:
        made = httpx.post(f"{server.url}/v1/interactions", json=BODY).json()
        assert made["created"] == "2026-01-01T00:00:00Z"
        found = f"{server.url}/v1/interactions/{made['id']}"
        assert httpx.get(found).status_code == 200
        moved = httpx.post(f"{server.url}/_clock?advance=86400")
        assert moved.json() == {"now": 1_767_225_600 + 2 + 86_400}
        assert httpx.get(found).status_code == 404
        for wrong in ("-1", "nan", "inf", "1e300", "soon"):
            assert httpx.post(f"{server.url}/_clock?advance={wrong}").status_code == 400


def test_a_real_clock_is_not_moved(server: Server) -> None:
    assert httpx.post(f"{server.url}/_clock?advance=1").status_code == 404
