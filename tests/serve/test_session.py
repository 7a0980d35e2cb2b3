from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import tracer
from tracer.cassettes import files
from tracer.errors import CassetteError, ReplayMiss
from tracer.player.matching import call_of
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.blocks import REPLAY_KEY
from tracer.serve.hosts import Place
from tracer.serve.live import LiveExchange
from tracer.serve.server import Server
from tracer.serve.session import Session
from tracer.wire.exchange import Exchange

URL = "https://generativelanguage.googleapis.com/v1/interactions"
KEY = {"x-goog-api-key": "AIzaSyCanary-0123456789"}


def create(url: str, text: str) -> httpx.Response:
    return httpx.post(url, json={"model": "gemini-3.5-flash", "input": text}, headers=KEY)


@pytest.fixture
def cassette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two creates, recorded."""
    path = tmp_path / "chat.interactions.yaml"
    with Server(Engine(Rules(), seed=1)) as server, monkeypatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        with tracer.record(path) as recorded:
            for text in ("Hello there!", "My name is Alice."):
                assert create(f"{server.url}/v1/interactions", text).status_code == 200
            assert [record.status for record in recorded.records] == ["completed"] * 2
    return path


def test_block_is_replayed_without_key_and_service(cassette: Path) -> None:
    with tracer.replay(cassette) as session:
        assert os.environ["GEMINI_API_KEY"] == REPLAY_KEY
        first = create(URL, "Hello there!").json()
        assert [record.id for record in session.records] == [first["id"]]
        assert session.requests[0].path == "/v1/interactions"
    assert "GEMINI_API_KEY" not in os.environ


def test_key_of_the_user_stays(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "mine")
    with tracer.replay(cassette):
        assert "GEMINI_API_KEY" not in os.environ


def test_miss_is_raised_at_the_end_though_it_was_swallowed(cassette: Path) -> None:
    text = r"nearest is recording 1 of 2.*\n.*Hello there!.*\n.*Hello!.*\n.*tracer.record"
    with pytest.raises(ReplayMiss, match=text), tracer.replay(cassette):
        answer = create(URL, "Hello!")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "replay_miss"


def test_error_of_the_block_is_noted_with_the_miss(cassette: Path) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised, tracer.replay(cassette):
        create(URL, "Hello!").raise_for_status()
    assert "differs first at input[0].content[0].text" in raised.value.__notes__[0]


def test_cassette_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="there is no cassette"), tracer.replay(tmp_path / "none.yaml"):
        pass


def test_recording_again_replaces_only_what_was_asked_again(cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files.load(cassette)
    with Server(Engine(Rules(), seed=2)) as server, monkeypatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        with tracer.record(cassette):
            create(f"{server.url}/v1/interactions", "Hello there!")
    after = files.load(cassette)
    assert len(after) == 2
    assert after[0] == before[1]
    assert json.loads(after[1].request_body) == json.loads(before[0].request_body)
    assert after[1].response_body != before[0].response_body


def test_block_that_raises_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    with pytest.raises(RuntimeError, match="on purpose"), tracer.record(path):
        raise RuntimeError("on purpose")
    assert not path.exists()


def test_stream_left_open_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.yaml"
    with Server(Engine(Rules(), seed=1)) as server, httpx.Client() as client:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        body = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
        with tracer.record(path):
            request = client.build_request("POST", f"{server.url}/v1/interactions", json=body)
            response = client.send(request, stream=True)
            next(response.iter_raw())
        response.close()
    assert [exchange.outcome.value for exchange in files.load(path)] == ["client_gone"]


def test_calls_from_threads_each_take_a_recording_of_their_own(cassette: Path) -> None:
    recorded = files.load(cassette)
    files.update(cassette, lambda old: [*old, *(one for n in range(20) for one in _copies(old[0], n))])
    ids: list[str] = []
    with tracer.replay(cassette):

        def ask() -> None:
            ids.append(create(URL, "Hello there!").json()["id"])

        threads = [threading.Thread(target=ask) for _ in range(21)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(ids)) == 21
    assert len(recorded) == 2


def test_blocks_in_two_threads_do_not_mix(cassette: Path, tmp_path: Path) -> None:
    (first, *_) = files.load(cassette)
    paths = [tmp_path / f"{name}.yaml" for name in ("a", "b")]
    for path in paths:
        body = {**json.loads(first.response_body), "id": f"v1_{path.stem}"}
        files.update(path, lambda _, body=body: [replace(first, response_body=json.dumps(body).encode(), chunks=())])
    inside, outside = threading.Barrier(2), threading.Barrier(2)
    got: dict[str, list[str]] = {}

    def run(path: Path) -> None:
        with tracer.replay(path):
            inside.wait(60)
            relay = os.environ["GOOGLE_GEMINI_BASE_URL"]
            got[path.stem] = [create(URL, "Hello there!").json()["id"]]
            if path.stem == "a":
                outside.wait(60)
        if path.stem == "b":
            # The other one still has its key and its relay when this one has ended.
            got["variables"] = [os.environ["GEMINI_API_KEY"], os.environ["GOOGLE_GEMINI_BASE_URL"] == relay]
            outside.wait(60)

    threads = [threading.Thread(target=run, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {"a": ["v1_a"], "b": ["v1_b"], "variables": [REPLAY_KEY, True]}
    assert not {"GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"} & os.environ.keys()


def _copies(one: Exchange, number: int) -> list[Exchange]:
    body = {**json.loads(one.response_body), "id": f"v1_copy{number}"}
    return [replace(one, key=f"{number:032x}", response_body=json.dumps(body).encode(), chunks=())]


def test_package_root_is_lazy_and_complete() -> None:
    assert tracer.__all__ == ["__version__", "record", "replay"]
    assert set(tracer.__all__) <= set(dir(tracer))
    with pytest.raises(AttributeError, match="has no attribute 'play'"):
        _ = tracer.play


def test_once_records_only_without_a_cassette(cassette: Path, tmp_path: Path) -> None:
    call, place = (
        call_of(files.load(cassette)[0]),
        Place("https://generativelanguage.googleapis.com", "/v1/interactions"),
    )
    assert not isinstance(Session(cassette, mode="once").arrive(call, place), LiveExchange)
    assert isinstance(Session(tmp_path / "new.yaml", mode="once").arrive(call, place), LiveExchange)
    assert isinstance(Session(cassette, mode="all").arrive(call, place), LiveExchange)
