"""`tracer cassette` and `tracer replay` as a user starts them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracer.cassettes import files
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange, Outcome

MODEL = {"model": "gemini-3.5-flash"}
SECRETIVE = (("content-type", "application/json"), ("date", "today"), ("server-timing", "gfet4t7; dur=1"))


def recorded() -> list[Exchange]:
    """A tool loop, a failed attempt, a fork, a polled job, a broken stream; and another conversation."""

    def at(second: int, request: Any, response: Any, **more: Any) -> Exchange:
        key = f"{second:04x}" + "0" * 28
        return exchange(request, response, at_us=START_US + second * 1_000_000, key=key, project="main", **more)

    called = answer("v1_a", status="requires_action", steps=[function_call("fc1", "get_weather", city="Oslo")])
    result = [function_result("fc1", "get_weather", {"temp": 20})]
    ask = {**MODEL, "input": "Weather in Oslo?"}
    job = "/v1/interactions/v1_job"
    return [
        at(0, ask, {"error": {"code": 429, "message": "slow down"}}, status=429),
        at(1, ask, called, response_headers=SECRETIVE),
        at(5, {**MODEL, "input": result, "previous_interaction_id": "v1_a"}, answer("v1_b", text="20 °C")),
        at(9, {**MODEL, "input": "Other?", "previous_interaction_id": "v1_a"}, answer("v1_c", text="No.")),
        at(
            12,
            {"agent": "researcher", "input": "Dig", "background": True, "previous_interaction_id": "v1_b"},
            answer("v1_job", status="in_progress", usage=None),
        ),
        at(14, None, answer("v1_job", status="in_progress", usage=None), path=job),
        at(15, None, answer("v1_job", status="in_progress", usage=None), path=job),
        at(20, None, answer("v1_job", text="Dug."), path=job),
        at(
            30,
            {**MODEL, "input": "Tell", "stream": True, "previous_interaction_id": "v1_job"},
            text_stream("v1_r", ["Once"], ended=False),
            outcome=Outcome.CUT,
        ),
        at(50, {**MODEL, "input": "Elsewhere"}, answer("v1_z", text="Far.")),
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    writer = Writer(tmp_path / "t.db")
    writer.apply(recorded())
    writer.close()
    monkeypatch.setenv("TRACER_DB", str(tmp_path / "t.db"))
    monkeypatch.setenv("TRACER_PROJECT", "main")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracer", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_bug_becomes_a_test_that_passes(folder: Path) -> None:
    made = run("cassette", "make", "v1_b", "--subtree", "-o", "bugs/one.yaml", "--test", "tests/test_one.py")
    assert "5 recordings" in made.stderr
    kept = files.load(folder / "bugs" / "one.yaml")
    assert [json.loads(one.response_body)["id"] for one in kept[:4]] == ["v1_a", "v1_b", "v1_job", "v1_job"]
    assert kept[0].response_headers == (("content-type", "application/json"),)
    assert json.loads(kept[3].response_body)["status"] == "completed"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_one.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "5 replayed" in done.stdout
    text = (folder / "tests" / "test_one.py").read_text()
    assert "get_weather" in text
    broken = text.replace("Dug.", "Dog.")
    (folder / "tests" / "test_one.py").write_text(broken)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_one.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    refused = run("cassette", "make", "v1_b", "-o", "bugs/one.yaml", code=2)
    assert "is there already" in refused.stderr
    run("cassette", "make", "v1_c", "-o", "bugs/one.yaml", "--force")
    assert len(files.load(folder / "bugs" / "one.yaml")) == 2


def test_key_of_the_environment_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "Weather in Oslo?")
    assert "would hold the key" in run("cassette", "make", "v1_a", "-o", "a.yaml", code=1).stderr
    assert not (folder / "a.yaml").exists()


def test_show_and_check(folder: Path) -> None:
    run("cassette", "make", "v1_r", "-o", "a.interactions.yaml")
    shown = run("cassette", "show", "a.interactions.yaml").stdout.splitlines()
    assert shown[0] == "a.interactions.yaml  5 recordings"
    assert shown[1] == "   1  200  create   gemini-3.5-flash  requires_action  Weather in Oslo?"
    assert "result of get_weather" in shown[2]
    assert shown[4] == "   4  200  get      /v1/interactions/v1_job"
    records = [
        json.loads(line) for line in run("cassette", "show", "--json", "a.interactions.yaml").stdout.splitlines()
    ]
    assert [record["id"] for record in records] == ["v1_a", "v1_b", "v1_job", "v1_r"]
    assert "all is well" in run("cassette", "check", ".").stderr
    cassette = folder / "a.interactions.yaml"
    cassette.write_text(cassette.read_text().replace("Weather in Oslo?", "AIzaSyCanary-0123456789_0123456789abcde"))
    (folder / "b.interactions.yaml").write_text("version: 2\ninteractions: []\n")
    problems = run("cassette", "check", ".", code=1).stdout
    assert "recording 1 holds what looks like a key" in problems
    assert "b.interactions.yaml has format 2" in problems
    (folder / "tests").mkdir()
    assert "no cassette is in" in run("cassette", "check", str(folder / "tests"), code=1).stderr


def test_media_inline_or_beside(folder: Path) -> None:
    image = {"type": "image", "data": base64.b64encode(bytes(range(256)) * 300).decode(), "mime_type": "image/png"}
    shown = exchange({**MODEL, "input": [image]}, answer("v1_i", text="A picture."), project="main", key="a" * 32)
    with Writer(folder / "t.db") as writer:
        writer.apply([shown])
    run("cassette", "make", "v1_i", "-o", "beside.yaml")
    run("cassette", "make", "v1_i", "-o", "inline.yaml", "--inline")
    assert (folder / "beside.media").is_dir()
    assert not (folder / "inline.media").exists()
    assert (folder / "inline.yaml").stat().st_size > 100_000 > (folder / "beside.yaml").stat().st_size
    bodies = {name: files.load(folder / name)[0].request_body for name in ("beside.yaml", "inline.yaml")}
    assert set(bodies.values()) == {shown.request_body}
    assert "written again" in run("cassette", "upgrade", "beside.yaml", "--inline").stderr
    assert not (folder / "beside.media").exists()
    assert "as it was" in run("cassette", "upgrade", "beside.yaml", "--inline").stderr


def test_cassettes_of_others_become_ours(folder: Path, repository: Path) -> None:
    theirs = repository / "fixtures" / "cassettes" / "vcrpy-9.4.2.yaml"
    leaky = theirs.read_text().replace("python-httpx/0.28.1", "AIzaSyCanary-0123456789_0123456789abcde")
    (folder / "leaky.yaml").write_text(leaky)
    assert "7 recordings" in run("cassette", "import", "leaky.yaml", "-o", "made.interactions.yaml").stderr
    run("cassette", "upgrade", "leaky.yaml")
    for name in ("made.interactions.yaml", "leaky.yaml"):
        text = (folder / name).read_text()
        assert "AIzaSy" not in text
        assert "127.0.0.1" not in text
        assert "Zoë 🎈" in text
        assert "all is well" in run("cassette", "check", name).stderr
    refused = run("cassette", "import", "leaky.yaml", "-o", "made.interactions.yaml", code=2)
    assert "is there already" in refused.stderr
    (folder / "empty.yaml").write_text("version: 1\ninteractions: []\n")
    assert "no Interactions API call" in run("cassette", "import", "empty.yaml", "-o", "b.yaml", code=1).stderr
    before = (folder / "t.db").read_bytes()
    assert "can't be read" in run("cassette", "upgrade", "t.db", code=1).stderr
    assert (folder / "t.db").read_bytes() == before


def test_replay_serves_any_client(folder: Path) -> None:
    run("cassette", "make", "v1_r", "-o", "a.yaml")
    code = (
        "import json, os, sys, urllib.request\n"
        "url = os.environ['GOOGLE_GEMINI_BASE_URL'] + '/v1beta/interactions'\n"
        "body = json.dumps({'model': 'gemini-3.5-flash', 'input': sys.argv[1]}).encode()\n"
        "print(json.load(urllib.request.urlopen(url, body))['id'])"
    )
    child = [sys.executable, "-c", code]
    assert run("replay", "a.yaml", "--", *child, "Weather in Oslo?").stdout == "v1_a\n"
    missed = run("replay", "a.yaml", "--", *child, "Weather in Rome?", code=1)
    assert "differs first at input[0].content[0].text" in missed.stderr
    assert "there is no cassette 'b.yaml'" in run("replay", "b.yaml", code=1).stderr
    assert "no cassette is given" in run("replay", code=2).stderr


def test_replay_says_that_it_is_ready(folder: Path) -> None:
    run("cassette", "make", "v1_a", "-o", "a.yaml")
    command = [sys.executable, "-m", "tracer", "replay", "--json", "--fault", "503,times=1", "a.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["event"] == "ready"
            body = {**MODEL, "input": "Weather in Oslo?"}
            codes = [httpx.post(f"{ready['url']}/v1/interactions", json=body).status_code for _ in range(3)]
            assert codes == [503, 200, 400]
        finally:
            process.terminate()
            process.communicate(timeout=60)
