"""Trouble on order, over a real socket."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tracer.errors import UsageError
from tracer.player.reply import Call
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.player.stream import Pace
from tracer.serve.faults import FAULTS, Fault, Faulty, parse_fault
from tracer.serve.server import Server
from tracer.wire.sse import SseParser

BODY = {"model": "gemini-2.5-flash", "input": "Tell me about the sea"}
STREAM = {**BODY, "stream": True}
JSON = {"content-type": "application/json"}


def serve(*specs: str, seed: int = 1) -> Server:
    engine = Engine(Rules(), seed=1, pace=Pace(0, 0))
    return Server(Faulty(engine, [parse_fault(spec) for spec in specs], seed))


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Trouble on order is no error of the server's."""
    yield
    assert [record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase)] == []


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def ask(client: httpx.Client, server: Server, body: dict[str, Any] = BODY) -> httpx.Response:
    return client.post(f"{server.url}/v1/interactions", json=body)


def raw(server: Server, body: dict[str, Any]) -> tuple[bytes, OSError | None]:
    """Everything that comes, and how it ends."""
    address = urlsplit(server.url)
    content = json.dumps(body).encode()
    got = b""
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as connection:
        head = (
            f"POST /v1/interactions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        connection.sendall(head.encode() + content)
        try:
            while data := connection.recv(65536):
                got += data
        except OSError as error:
            return got, error
    return got, None


@pytest.mark.parametrize(
    ("spec", "status", "header"),
    [
        ("429,retry-after=2", 429, ("retry-after", "2")),
        ("429,retry-after-ms=50", 429, ("retry-after-ms", "50")),
        ("500", 500, ("content-type", "application/json")),
        ("html", 502, ("content-type", "text/html; charset=UTF-8")),
    ],
)
def test_errors(client: httpx.Client, spec: str, status: int, header: tuple[str, str]) -> None:
    with serve(spec) as server:
        answer = ask(client, server)
    assert answer.status_code == status
    assert answer.headers[header[0]] == header[1]
    assert ("<html>" in answer.text) == (spec == "html")


def test_errors_in_the_older_form(client: httpx.Client) -> None:
    with serve("429,form=google") as server:
        assert ask(client, server).json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_reset_before_the_answer() -> None:
    with serve("reset") as server:
        got, error = raw(server, BODY)
    assert got == b""
    assert isinstance(error, ConnectionResetError)


@pytest.mark.parametrize("body", [BODY, STREAM])
def test_a_reset_inside_the_body(body: dict[str, Any]) -> None:
    with serve("reset,at=0.4") as server:
        got, error = raw(server, body)
    assert got.startswith(b"HTTP/1.1 200")
    assert isinstance(error, ConnectionResetError)
    assert b"[DONE]" not in got


@pytest.mark.parametrize("body", [BODY, STREAM])
def test_an_end_inside_the_body(client: httpx.Client, body: dict[str, Any]) -> None:
    with serve("cut,at=0.4,times=1") as server:
        with pytest.raises(httpx.RemoteProtocolError):
            ask(client, server, body)
        assert ask(client, server, body).status_code == 200


def test_a_stall_lasts_until_the_client_leaves() -> None:
    with serve("stall,at=0.3") as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=0.3)
        connection.request("POST", "/v1/interactions", json.dumps(STREAM), JSON)
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(TimeoutError):
            answer.read()
        connection.close()


def test_a_stall_for_a_while_loses_nothing(client: httpx.Client) -> None:
    with serve("stall,for=0.05,times=1") as server:
        stalled, whole = ask(client, server), ask(client, server)
    assert stalled.json()["steps"][-1] == whole.json()["steps"][-1]
    assert stalled.headers["transfer-encoding"] == "chunked"


def test_slow_pieces_are_the_same_bytes(client: httpx.Client) -> None:
    with serve("slow,ms=0") as slow, serve() as fast:
        texts = [ask(client, server, STREAM).text for server in (slow, fast)]
    assert texts[0].count("event:") == texts[1].count("event:")
    reply = Faulty(Engine(Rules(), seed=1), [parse_fault("slow,ms=30")]).answer(
        Call("POST", "/v1/interactions", body=json.dumps(BODY).encode()), 0
    )
    assert {chunk.delay_us for chunk in reply.chunks} == {30_000}
    assert max(len(chunk.data) for chunk in reply.chunks) <= 16


def test_every_event_comes_twice(client: httpx.Client) -> None:
    with serve("duplicate") as server:
        text = ask(client, server, STREAM).text
        assert ask(client, server).json()["status"] == "completed"
    ids = [json.loads(event.data)["event_id"] for event in SseParser().feed(text.encode())[:-1]]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == len(ids) // 2
    assert text.count("[DONE]") == 1


def test_a_stream_ends_in_a_bare_error_line(client: httpx.Client) -> None:
    with serve("bare-error") as server:
        text = ask(client, server, STREAM).text
        assert ask(client, server).status_code == 200
    last = text.rstrip().splitlines()[-1]
    assert json.loads(last)["error"]["code"] == "service_unavailable"
    assert "interaction.created" in text
    assert "[DONE]" not in text


def test_when_a_fault_strikes(client: httpx.Client) -> None:
    def statuses(*specs: str, calls: int = 6) -> list[int]:
        with serve(*specs) as server:
            return [ask(client, server).status_code for _ in range(calls)]

    assert statuses("503,times=2") == [503, 503, 200, 200, 200, 200]
    assert statuses("503,every=3") == [200, 200, 503, 200, 200, 503]
    assert statuses("503,every=2,times=1") == [200, 503, 200, 200, 200, 200]
    assert statuses("503,times=1", "429,times=1") == [503, 429, 200, 200, 200, 200]
    assert statuses("503,on=get") == [200] * 6


def test_a_share_of_the_calls_depends_on_the_seed() -> None:
    def struck(seed: int) -> list[bool]:
        fault = Fault("500", {"rate": "0.3"})
        return [fault.strikes(Call("POST", "/v1/interactions"), seed) for _ in range(1000)]

    assert struck(1) == struck(1) != struck(2)
    assert 200 < sum(struck(1)) < 400


@pytest.mark.parametrize(
    ("on", "call", "strikes"),
    [
        ("create", Call("POST", "/v1/interactions"), True),
        ("create", Call("GET", "/v1/interactions/a"), False),
        ("get", Call("GET", "/v1/interactions/a"), True),
        ("resume", Call("GET", "/v1/interactions/a", (("stream", "true"),)), True),
        ("stream", Call("GET", "/v1/interactions/a", (("stream", "true"),)), True),
        ("stream", Call("POST", "/v1/interactions", body=b'{"stream": true}'), True),
        ("stream", Call("POST", "/v1/interactions", body=b'{"stream": false}'), False),
        ("cancel", Call("POST", "/v1/interactions/a/cancel"), True),
        ("delete", Call("DELETE", "/v1/files/a"), False),
    ],
)
def test_a_fault_of_one_operation(on: str, call: Call, strikes: bool) -> None:
    assert parse_fault(f"500,on={on}").strikes(call, 0) is strikes


def test_every_kind_that_help_names_is_understood() -> None:
    assert [parse_fault(kind).kind for kind in FAULTS] == list(FAULTS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("teapot", "'teapot' is not known; expected a status of 400 to 599, html, reset, cut"),
        ("200", "'200' is not known"),
        ("", "'' is not known"),
        ("429,retryafter=1", "'retryafter=1' is not known; expected times=, every=, rate=, on=, retry-after="),
        ("cut,times", "'times' is not known"),
        ("cut,times=often", "times can't be 'often'; expected a whole number"),
        ("cut,at=2", "at can't be '2'; expected a number from 0 to 1"),
        ("cut,on=list", "on can't be 'list'; expected create, get"),
        ("slow,at=0.5", "'at=0.5' is not known"),
        ("500,every=0", "every can't be '0'"),
    ],
)
def test_mistakes(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(text)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"--fault {text!r}: ")


def test_the_server_stops_while_a_reply_stalls(caplog: pytest.LogCaptureFixture) -> None:
    with serve("stall") as server:
        started = threading.Event()

        def wait() -> None:
            address = urlsplit(server.url)
            connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
            with closing(connection):
                connection.request("POST", "/v1/interactions", json.dumps(STREAM), JSON)
                with connection.getresponse() as answer:
                    started.set()
                    with pytest.raises((http.client.HTTPException, OSError)):
                        answer.read()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert started.wait(30)
    waiting.join(30)
    assert not waiting.is_alive()
    assert not caplog.records
