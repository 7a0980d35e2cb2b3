"""Cassettes between tools: theirs played by us, ours played and rewritten by vcrpy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import vcr
import yaml

import tracer
from tracer.cassettes import files
from tracer.cassettes.foreign import read_recording
from tracer.errors import ReplayMiss
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server
from tracer.testing import answer, exchange, text_stream

BASE = "https://generativelanguage.googleapis.com"
OTHERS = ("vcrpy-9.4.2", "pytest-recording-0.14.1", "cassetter-0.16.1", "pydantic-ai")
MODEL = {"model": "gemini-3.5-flash"}
STREAM = {**MODEL, "input": "Tell", "stream": True}


def ask(base: str, text: str, library: Any = httpx, **more: Any) -> Any:
    return library.post(f"{base}/v1/interactions", json={**MODEL, "input": text, **more})


@pytest.mark.parametrize("name", OTHERS)
def test_we_play_what_others_recorded(name: str, repository: Path) -> None:
    path = repository / "fixtures" / "cassettes" / f"{name}.yaml"
    before = path.read_bytes()
    with tracer.replay(path, polls="as_recorded") as session:
        first = ask(BASE, "Grüße! My name is Zoë 🎈").json()
        second = ask(BASE, "What's my name?", previous_interaction_id=first["id"]).json()
        assert "Zoë" in json.dumps(second, ensure_ascii=False)
        events = ask(BASE, "Tell me about the sea.", stream=True)
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.text.startswith("event: interaction.created\ndata: {")
        assert events.text.endswith("event: done\ndata: [DONE]\n\n")
        job = {"agent": "deep-research-pro-preview-12-2025", "input": "Research tea.", "background": True}
        url = f"{BASE}/v1/interactions/{httpx.post(f'{BASE}/v1/interactions', json=job).json()['id']}"
        polled = [httpx.get(url).json() for _ in range(4)]
        assert [one["status"] for one in polled] == ["in_progress", "in_progress", "completed", "completed"]
        assert polled[0]["created"].startswith("2026-11-22T16:38:")
        assert polled[0]["created"].endswith("Z")
        assert [record.status for record in session.records] == ["completed"] * 4
        assert session.unplayed == []
        with pytest.raises(httpx.HTTPStatusError):
            ask(BASE, "What's my age?", previous_interaction_id=first["id"]).raise_for_status()
        session.misses.clear()
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", OTHERS)
def test_we_import_what_others_recorded(name: str, repository: Path) -> None:
    text = (repository / "fixtures" / "cassettes" / f"{name}.yaml").read_text(encoding="utf-8")
    exchanges = read_recording(text, name)
    assert sorted((one.method, one.status) for one in exchanges) == [("GET", 200)] * 3 + [("POST", 200)] * 4
    assert all(json.loads(one.response_body)["id"] for one in exchanges if one.response_body[:1] == b"{")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A cassette of ours: a create, a stream with times, and one with a file in it."""
    path = tmp_path / "ours.yaml"
    made = [
        exchange({**MODEL, "input": "Hi"}, answer("v1_a", text="Hällo 🎈"), at_us=1_795_338_000_000_000),
        exchange(STREAM, text_stream("v1_b", ["Once", " upon"]), at_us=1_795_338_001_000_000),
        exchange(None, b"\x89PNG\xff\x00", path="/v1beta/files/a:download", at_us=1_795_338_002_000_000),
    ]
    files.update(path, lambda _: made)
    return path


@pytest.fixture
def service() -> Iterator[Server]:
    with Server(Engine(Rules(), seed=3)) as server:
        yield server


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_vcrpy_plays_ours(ours: Path, library: Any) -> None:
    with vcr.use_cassette(str(ours), record_mode="none", match_on=["method", "uri", "body"]) as tape:
        url = f"{BASE}/v1/interactions"
        headers = {"content-type": "application/json"}
        asked = library.post(url, content=json.dumps({**MODEL, "input": "Hi"}), headers=headers)
        assert asked.json() == answer("v1_a", text="Hällo 🎈")
        streamed = library.post(url, content=json.dumps(STREAM), headers=headers)
        assert streamed.content == files.load(ours)[1].response_body
        assert library.get(f"{BASE}/v1beta/files/a:download").content == b"\x89PNG\xff\x00"
        assert tape.all_played


def test_what_vcrpy_adds_is_played_and_the_rest_keeps_its_times(ours: Path, service: Server) -> None:
    before = files.load(ours)
    with vcr.use_cassette(str(ours), record_mode="new_episodes", filter_headers=["x-goog-api-key"]):
        added = ask(service.url, "Hello there!").json()
    after = files.load(ours)
    assert [one.key for one in after[:3]] == [one.key for one in before]
    assert [one.chunks for one in after[:3]] == [one.chunks for one in before]
    assert [one.response_body for one in after[:3]] == [one.response_body for one in before]
    with tracer.replay(ours):
        assert ask(BASE, "Hello there!").json() == added
        assert ask(BASE, "Hi").json()["id"] == "v1_a"


def test_what_vcrpy_drops_is_gone(ours: Path) -> None:
    before = files.load(ours)
    dropping: Any = {"record_mode": "none", "match_on": ["method", "uri", "body"], "drop_unused_requests": True}
    with vcr.use_cassette(str(ours), **dropping), httpx.Client() as client:
        client.post(f"{BASE}/v1/interactions", content=json.dumps(STREAM))
    (kept,) = files.load(ours)
    assert (kept.key, kept.chunks, kept.response_body) == (before[1].key, before[1].chunks, before[1].response_body)
    with tracer.replay(ours):
        assert httpx.post(f"{BASE}/v1/interactions", json=STREAM).content == kept.response_body
    with pytest.raises(ReplayMiss, match="differs first"), tracer.replay(ours):
        ask(BASE, "Hi")
    # Ours again: what vcrpy left of the measurements goes with the recordings that they belonged to.
    files.update(ours, lambda old: old)
    assert yaml.safe_load(ours.read_text())["metadata"]["tracer"]["exchanges"].keys() == {kept.key}
