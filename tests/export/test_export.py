from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tracer.export import FORMATS, create_of, curl, export, jsonl, markdown, python
from tracer.normalize import normalize
from tracer.testing import answer, emulator, exchange, function_call
from tracer.wire.exchange import Exchange

ASK = {"model": "gemini-3.5-flash", "input": "It's \"5 o'clock\"\n$HOME `id` \\ JSON\nJSON\n東京"}


def record(call: Exchange) -> dict[str, Any]:
    return normalize([call]).model_dump(mode="json", by_alias=True)


def test_curl_hands_the_shell_exactly_the_recorded_body(tmp_path):
    fake = tmp_path / "curl"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$OUT"\ncat > "$OUT.body"\n')
    fake.chmod(0o700)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OUT": str(tmp_path / "out"), "GEMINI_API_KEY": "k-1"}
    call = exchange({**ASK, "x": "\nJSON\n"}, answer("v1_a", text="x"), query=(("key", "secret"), ("alt", "sse")))
    subprocess.run(["sh", "-c", curl(call)], env=environ, check=True)
    sent = (tmp_path / "out").read_text().splitlines()
    assert json.loads((tmp_path / "out.body").read_text()) == {**ASK, "x": "\nJSON\n"}
    assert "x-goog-api-key: k-1" in sent
    assert "https://generativelanguage.googleapis.com/v1/interactions?alt=sse" in sent
    assert not any("secret" in argument for argument in sent)


def test_curl_and_python_know_vertex():
    path = "/v1beta1/projects/p-1/locations/global/interactions"
    call = exchange(ASK, answer("v1_a", text="x"), path=path)
    assert "gcloud auth print-access-token" in curl(call)
    assert "vertexai=True, project='p-1', location='global'" in python(call)


@pytest.mark.parametrize("stream", [False, True])
def test_python_sends_the_same_request_when_it_runs(stream, tmp_path):
    tools = [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}]
    body = {**ASK, "tools": tools, "generation_config": {"temperature": 0.5}, **({"stream": True} if stream else {})}
    program = tmp_path / "again.py"
    program.write_text(python(exchange(body, answer("v1_a", text="x"))))
    database = tmp_path / "again.db"
    tracer = [sys.executable, "-m", "tracer"]
    environ = {**os.environ, "TRACER_DB": str(database), "TRACER_PROJECT": "again"}
    script = [*tracer, "emulate", "--", *tracer, "run", "--", sys.executable, str(program)]
    done = subprocess.run(script, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    out = subprocess.run(
        [*tracer, "export", "--format", "python"], env=environ, capture_output=True, text=True, check=True
    )
    call = ast.parse(out.stdout).body[2].value
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == body


def test_python_says_when_there_is_nothing_to_make_a_program_of():
    assert python(exchange(None, b"", method="POST")).startswith("#")


def test_markdown_fences_hold_whatever_is_in_them():
    steps = [function_call("c", "run", code="````sh\nrm\n````"), {"type": "odd_call", "x": 1}]
    text = markdown(record(exchange({**ASK, "input": "a | b"}, answer("v1_a", text="x", steps=steps))))
    assert "`````json" in text
    assert "## function_call `run`" in text
    assert "## odd_call" in text


def test_media_is_named_and_not_pasted():
    image = {"type": "image", "mime_type": "image/png", "data": "A" * 4_000}
    call = exchange({"model": "m", "input": [image]}, answer("v1_a", text="x"))
    assert "(4,000 characters)" in markdown(record(call))
    assert "AAAA" not in markdown(record(call))


def test_jsonl_is_one_line():
    call = exchange(ASK, answer("v1_a", text="x"))
    assert json.loads(jsonl(record(call))) == record(call)
    assert jsonl(record(call)).count("\n") == 1


def test_the_last_attempt_is_the_call_that_began_it():
    first = exchange(ASK, {"error": {}}, status=500)
    second = exchange(ASK, answer("v1_a", text="x"), at_us=first.started_at_us + 5)
    poll = exchange(None, answer("v1_a", text="x"), path="/v1/interactions/v1_a")
    assert create_of([first, second, poll]) is second
    assert export("curl", record(poll), lambda: [poll]) is None
    made = {name: export(name, record(first), lambda: [first]) for name in FORMATS}
    assert [name for name, text in made.items() if text is None] == ["answer"]
    assert all(text.endswith("\n") for text in made.values() if text is not None)


@pytest.mark.parametrize("stream", [False, True])
def test_a_program_of_the_first_generation_runs_with_it(stream, tmp_path, sdk_python):
    body = {
        "model": "gemini-2.5-flash",
        "input": [{"role": "user", "content": "Hello"}, {"role": "model", "content": "Hi."}],
        "response_mime_type": "text/plain",
        **({"stream": True} if stream else {}),
    }
    outputs = {"id": "v1_o", "object": "interaction", "status": "completed", "outputs": [{"type": "text", "text": "x"}]}
    sdk = (("x-goog-api-client", "google-genai-sdk/1.75.0 gl-python/3.13.0"),)
    call = exchange(body, outputs, path="/v1beta/interactions", request_headers=sdk)
    odd = exchange({**body, "later": 1}, outputs, request_headers=sdk)
    assert "extra_body={'later': 1}" in (export("python", record(odd), lambda: [odd]) or "")
    program = tmp_path / "again.py"
    program.write_text(export("python", record(call), lambda: [call]) or "")
    assert program.read_text().startswith("# The answer was in the words of google-genai 1")
    with emulator(dialect="outputs") as service:
        environ = {"PATH": "/usr/bin:/bin", "GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": service.url}
        run = [sdk_python("1.75.0"), "-W", "ignore", program]
        done = subprocess.run(run, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 3
