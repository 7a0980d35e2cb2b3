"""A project's own rules, in cassettes and in the requests that are compared with them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer
from tracer.cassettes import files
from tracer.cassettes.scrub import Scrubber
from tracer.errors import UsageError
from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server
from tracer.testing import exchange
from tracer.wire.exchange import Chunk

URL = "https://generativelanguage.googleapis.com/v1/interactions"


def test_scrubbed_recordings_answer_whoever_is_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.tracer]\nscrub = ['[\\w.]+@example\\.com']\n")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "chat.interactions.yaml"

    def ask(url: str, name: str) -> httpx.Response:
        body = {"model": "gemini-3.5-flash", "input": f"My name is {name}@example.com."}
        return httpx.post(url, json=body, headers={"x-user": f"{name}@example.com"})

    with Server(Engine(Rules(), seed=1)) as server, monkeypatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        with tracer.record(path):
            assert ask(f"{server.url}/v1/interactions", "zoe.f").json()["status"] == "completed"
    assert "zoe.f" not in path.read_text()
    assert '"input":"My name is [redacted]."' in path.read_text()
    assert len(files.load(path)[0].chunks) == 1
    with tracer.replay(path) as session:
        assert ask(URL, "somebody.else").status_code == 200
        assert session.unplayed == []


@pytest.mark.parametrize(("rules", "sentence"), [("['(']", "no regular expression"), ("['a*']", "matches everything"),
                                                 ("'a'", "must be a list"), ("[1]", "must be a list")])  # fmt: skip
def test_wrong_rules_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str, sentence: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.tracer]\nscrub = {rules}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=sentence), tracer.record(tmp_path / "a.yaml"):
        pass


@given(st.lists(st.sampled_from([b"ab", b"secret", b"x", b"secretsecret"]), min_size=1), st.lists(st.integers(0, 9)))
def test_chunks_keep_their_places(parts: list[bytes], sizes: list[int]) -> None:
    body = b"".join(parts)
    sizes = [*sizes, len(body)]
    chunks, left = [], len(body)
    for n, size in enumerate(sizes):
        chunks.append(Chunk(n, size, min(size, left)))
        left -= chunks[-1].size
    scrubbed = Scrubber(["secret"]).exchange(exchange({"input": "x"}, body, chunks=tuple(chunks)))
    assert scrubbed.response_body == body.replace(b"secret", b"[redacted]")
    assert sum(chunk.size for chunk in scrubbed.chunks) == len(scrubbed.response_body)
    assert [chunk.at_us for chunk in scrubbed.chunks] == [chunk.at_us for chunk in chunks]
