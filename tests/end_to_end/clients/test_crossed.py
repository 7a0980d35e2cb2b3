"""The comparison of the matrix sees what a proxy may change, and nothing else."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent
REQUEST = b"POST /v1/interactions HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 12\r\n\r\n" + b'{"input":"x"'
ANSWER = b'HTTP/1.1 200 OK\r\ndate: now\r\nX-Kept: a\r\nContent-Length: 14\r\n\r\n{"id":"v1_abc"'
ASKED_AGAIN = b"GET /v1/interactions/v1_abc HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"


@pytest.fixture
def crossed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("crossed")


def pieces(*sent: tuple[str, bytes | None], connection: int = 1) -> list[dict[str, Any]]:
    return [
        {"connection": connection, "from": side, "bytes": None if data is None else base64.b64encode(data).decode()}
        for side, data in sent
    ]


def exchanged(crossed: ModuleType, request: bytes = REQUEST, answer: bytes = ANSWER) -> list[Any]:
    return crossed.of_pieces(pieces(("client", request), ("server", answer)))


def difference(crossed: ModuleType, *, answer: bytes = ANSWER, request: bytes = REQUEST, breaks: bool = False) -> Any:
    plain = exchanged(crossed)
    return crossed.difference(plain, exchanged(crossed, answer=answer), exchanged(crossed, request), breaks=breaks)


def chunked(*chunks: bytes, head: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + head + b"\r\n" + body


def test_requests_and_answers_on_several_connections_come_in_the_order_of_the_requests(crossed: ModuleType) -> None:
    first = pieces(("client", REQUEST[:9]), ("client", REQUEST[9:]), ("server", ANSWER[:50]))
    second = pieces(("client", ASKED_AGAIN), ("server", ANSWER), ("server", None), connection=2)
    rest = pieces(("server", ANSWER[50:]), ("client", ASKED_AGAIN), ("server", ANSWER))
    found = crossed.of_pieces([*first, *second, *rest])
    assert [one.request.first_line[:4] for one in found] == ["POST", "GET ", "GET "]
    assert [one.response.body for one in found] == [b'{"id":"v1_abc"'] * 3
    assert found[0].request.head == [("Host", "127.0.0.1:1"), ("Content-Length", "12")]
    assert all(one.response.whole for one in found)


def test_calls_belong_to_the_way_whose_prompt_or_id_they_name(crossed: ModuleType) -> None:
    stray = ASKED_AGAIN.replace(b"v1_abc", b"v1_none")
    packed = gzip.compress(b'{"id":"v1_abc"}')
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)
    found = crossed.of_pieces(
        pieces(
            ("client", REQUEST), ("server", answer), ("client", ASKED_AGAIN), ("server", ANSWER),
            ("client", stray), ("server", ANSWER),
        )
    )  # fmt: skip
    ways = crossed.by_way(found, {"plain": ('"input":"x"',), "other": ("nothing",)})
    assert {way: len(calls) for way, calls in ways.items()} == {"plain": 2, "": 1}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"answer": ANSWER.replace(b"X-Kept: a", b"X-Kept: b")}, "head fields"),
        ({"answer": ANSWER.replace(b"X-Kept", b"x-kept")}, "head fields"),
        ({"answer": ANSWER.replace(b"X-Kept: a\r\n", b"")}, "head fields"),
        ({"answer": ANSWER.replace(b"200 OK", b"201 OK")}, "'200 OK' became '201 OK'"),
        ({"answer": ANSWER.replace(b"v1_abc", b"v1_abd")}, "v1_abd"),
        ({"answer": ANSWER[:-1]}, "the body"),
        ({"request": REQUEST.replace(b'"x"', b'"y"')}, "the request"),
        ({"request": REQUEST.replace(b"POST", b"PUT")}, "became 'PUT /v1/interactions'"),
        ({"request": REQUEST.replace(b"/v1/", b"/v1beta/")}, "v1beta"),
        ({"request": REQUEST + ASKED_AGAIN, "answer": ANSWER}, "1 calls without the proxy, 1 to it, 2 from it"),
    ],
)
def test_what_a_proxy_changes_is_told(crossed: ModuleType, changed: dict[str, bytes], named: str) -> None:
    assert named in difference(crossed, **changed)


def test_the_clock_and_the_address_may_differ(crossed: ModuleType) -> None:
    assert difference(crossed) is None
    assert difference(crossed, answer=ANSWER.replace(b"date: now", b"date: later")) is None
    assert difference(crossed, request=REQUEST.replace(b"127.0.0.1:1", b"127.0.0.1:2")) is None


def test_pieces_of_a_body_may_be_divided_elsewhere_but_not_be_fewer(crossed: ModuleType) -> None:
    plain = exchanged(crossed, answer=chunked(b"data: 1\n\n", b"data: 2\n\n", b""))
    other = exchanged(crossed, answer=chunked(b"data: 1\n\nda", b"ta: 2\n\n", b""))
    short = exchanged(crossed, answer=chunked(b"data: 1\n\n"))
    assert crossed.difference(plain, other, plain) is None
    assert "the body" in crossed.difference(plain, short, plain)


def test_streams_that_break_off_have_the_same_events_where_both_have_them(crossed: ModuleType) -> None:
    one, two, three = (b'data: {"event_id":"evt_%d","n":%d}\n\n' % (n, n) for n in (1, 2, 3))
    plain = exchanged(crossed, answer=chunked(one, two))
    later = exchanged(crossed, answer=chunked(two, three[:9]))
    changed = exchanged(crossed, answer=chunked(two.replace(b":2}", b":4}"), three))
    assert crossed.difference(plain, later, plain, breaks=True) is None
    assert "the body" in crossed.difference(plain, later, plain)
    for other in (changed, exchanged(crossed, answer=chunked(three)), exchanged(crossed, answer=chunked())):
        assert "the body" in crossed.difference(plain, other, plain, breaks=True)


def test_a_relay_keeps_every_byte_and_passes_ends_on(tmp_path: Path, crossed: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server,))
        thread.start()
        program = (
            "import os, urllib.request as u;"
            "print(u.urlopen(os.environ['GOOGLE_GEMINI_BASE_URL'] + '/v1/x').read().decode())"
        )
        done = subprocess.run(
            [sys.executable, str(FOLDER / "tap.py"), str(tmp_path / "tap"), sys.executable, "-c", program],
            env={"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{server.getsockname()[1]}"},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        thread.join()
    (exchange,) = crossed.exchanges(tmp_path / "tap")
    assert done.stdout == "until the end\n"
    assert exchange.request.first_line == "GET /v1/x"
    assert (exchange.response.body, exchange.response.whole) == (b"until the end", True)
    ended = [json.loads(line)["from"] for line in (tmp_path / "tap").read_text().splitlines() if "null" in line]
    assert sorted(ended) == ["client", "server"]


def _answer_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
