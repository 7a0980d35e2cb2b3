"""`tracer emulate` as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracer.cli.serving import is_loopback
from tracer.player.prompts import MAGIC_WORDS

TRACER = [sys.executable, "-m", "tracer", "emulate"]
SHOW = "import json, os; print(json.dumps({k: os.environ.get(k) for k in %r}))"
KEYS = ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
VARIABLES = ["GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GEMINI_API_BASE", *KEYS]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRACER, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [*TRACER, "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["event"] == "ready"
            yield process, ready["url"]
        finally:
            process.kill()


def ask(url: str) -> dict[str, Any]:
    answer = httpx.post(f"{url}/v1/interactions", json={"model": "gemini-2.5-flash", "input": "Hi"})
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_it_is_stopped(number: signal.Signals) -> None:
    with running() as (process, url):
        assert ask(url)["status"] == "completed"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_runs_a_command_pointed_at_it_and_exits_like_it() -> None:
    done = run("--", sys.executable, "-c", f"{SHOW % VARIABLES}; raise SystemExit(7)")
    assert done.returncode == 7
    seen = json.loads(done.stdout)
    assert seen["GOOGLE_GEMINI_BASE_URL"] == seen["GEMINI_API_BASE"]
    assert seen["GOOGLE_GEMINI_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen["GOOGLE_VERTEX_BASE_URL"].startswith(seen["GOOGLE_GEMINI_BASE_URL"])
    assert seen["GEMINI_API_KEY"]
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_a_key_that_is_set_stays(name: str) -> None:
    seen = json.loads(run("--", sys.executable, "-c", SHOW % VARIABLES, **{name: "mine"}).stdout)
    assert {key: seen[key] for key in KEYS if seen[key]} == {name: "mine"}


def test_the_commands_options_are_its_own() -> None:
    done = run("--", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--seed", "x", "--help")
    assert done.stdout.strip() == "['--seed', 'x', '--help']"


def test_ids_are_new_at_every_start() -> None:
    with running() as (_, first), running() as (_, second):
        assert ask(first)["id"] != ask(second)["id"]


def test_a_seed_makes_everything_repeatable() -> None:
    with (
        running("--seed", "5") as (_, first),
        running("--seed", "5") as (_, second),
        running("--seed", "6") as (_, other),
    ):
        assert [ask(first), ask(first)] == [ask(second), ask(second)]
        assert ask(other)["id"] != ask(first)["id"]


def test_dialect_is_as_told() -> None:
    with running("--dialect", "guide") as (_, url):
        assert "prompt_tokens" in ask(url)["usage"]


def test_termination_reaches_the_command() -> None:
    code = "import signal, sys, time; print('up', flush=True); time.sleep(600)"
    with running("--", sys.executable, "-c", code) as (process, url):
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        ask(url)
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_ready_sentence_names_the_variables() -> None:
    with subprocess.Popen(TRACER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(4)]
        process.terminate()
        assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0
    url = lines[0].partition(" at ")[2].split(". ")[0]
    assert lines[1] == f"  export GOOGLE_GEMINI_BASE_URL={url}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--", "no-such-command-here"], 127, "the command 'no-such-command-here' was not found"),
        (["--listen", "8080"], 2, "--listen is '8080', but it must be HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], 2, "it must be HOST:PORT"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], code: int, sentence: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "choose another port" in done.stderr
    assert done.stderr.count("\n") == 1


def test_needs_no_mitmproxy() -> None:
    """The emulator belongs to the base install."""
    code = (
        "import sys; sys.modules['mitmproxy'] = None; from tracer.cli.main import run;"
        "sys.exit(run(['emulate', '--', sys.executable, '-c', '']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_magic_word() -> None:
    text = run("--help").stdout
    assert all(words in text for words in MAGIC_WORDS)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_this_machine_needs_no_token(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


SCRIPT = """
rules:
  - when: {contains: weather}
    then: [{image: cat.png}, Sunny]
"""


def test_a_script_says_what_is_answered(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"cat")
    (tmp_path / "s.yaml").write_text(SCRIPT)
    with running("--script", str(tmp_path / "s.yaml")) as (_, url):
        answer = httpx.post(f"{url}/v1/interactions", json={"model": "m", "input": "The weather?"}).json()
        assert answer["steps"][0]["content"] == [
            {"type": "image", "mime_type": "image/png", "data": "Y2F0"},
            {"type": "text", "text": "Sunny"},
        ]
        assert "Hello" in ask(url)["steps"][-1]["content"][0]["text"]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (SCRIPT, "s.yaml:4: rules[0].then[0].image: expected a file that can be read, got 'cat.png': No such file"),
        ("rules:\n- then: 5\n", "s.yaml:2: rules[0].then: expected a mapping of steps"),
        (None, "s.yaml' can't be read: No such file or directory"),
    ],
)
def test_a_mistake_in_a_script_is_one_sentence(tmp_path: Path, script: str | None, sentence: str) -> None:
    if script is not None:
        (tmp_path / "s.yaml").write_text(script)
    done = run("--script", str(tmp_path / "s.yaml"))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_limits_keys_retention_and_faults_are_as_told() -> None:
    options = ["--limits", "guide", "--require-key", "--tier", "free", "--clock", "virtual", "--fault", "503,times=1"]
    with running(*options, "--job-time", "1h") as (_, url), httpx.Client(base_url=url) as client:
        body = {"model": "gemini-2.5-flash", "input": "Hi"}
        headers = {"x-goog-api-key": "mine"}
        assert client.post("/v1/interactions", json=body, headers=headers).status_code == 503
        assert client.post("/v1/interactions", json=body).status_code == 403
        maps = client.post("/v1/interactions", json={**body, "tools": [{"type": "google_maps"}]}, headers=headers)
        assert maps.status_code == 400
        job = client.post("/v1/interactions", json={**body, "background": True}, headers=headers).json()
        address = f"/v1/interactions/{job['id']}"
        seen = [client.get(address, headers=headers).json()["status"] for _ in range(5)]
        client.post("/_clock?advance=3600")
        seen.append(client.get(address, headers=headers).json()["status"])
        assert seen == [*["in_progress"] * 5, "completed"]
        client.post("/_clock?advance=90000")
        assert client.get(address, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--retention", "soon"], "--retention is 'soon', but it must be a time such as 90s, 2h or 1d"),
        (["--tier", "free", "--retention", "1d"], "--tier and --retention both say"),
        (["--fault", "teapot"], "--fault 'teapot': 'teapot' is not known"),
    ],
)
def test_options_that_can_not_be_understood(arguments: list[str], sentence: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr
