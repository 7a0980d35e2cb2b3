from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tracer.cli.main import run
from tracer.testing import answer, sse_chunks, text_stream

SHARED = Path(__file__).parents[2].parent / "shared"
MANIFEST: list[dict[str, Any]] = (
    json.loads((SHARED / "recordings" / "MANIFEST.json").read_text(encoding="utf-8"))
    if (SHARED / "recordings" / "MANIFEST.json").is_file()
    else []
)
RECORDINGS = [entry for entry in MANIFEST if "/interactions/" in entry["file"]]
READABLE = [entry for entry in RECORDINGS if "invalid-json" not in entry["kind"]]
NEIGHBOURS = [entry for entry in MANIFEST if "/neighbour/" in entry["file"] and entry["file"].endswith(".yaml")]
RESPONSES = sorted((SHARED / "sdk-traffic" / "responses").glob("*.http"))
NO_TRAFFIC = "no real traffic: ../shared is missing"


def over(entries: list[Any], name: Any) -> Any:
    """Parametrise over what is there; without real traffic one case that is skipped."""
    missing = [pytest.param(None, marks=pytest.mark.skip(reason=NO_TRAFFIC))]
    return [pytest.param(entry, id=name(entry)) for entry in entries] or missing


def decode(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    code = run(["decode", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("entry", over(RECORDINGS, lambda entry: entry["file"]))
def test_every_recording(entry: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    file, kind = SHARED / "recordings" / entry["file"], set(entry["kind"])
    if "invalid-json" in kind:
        code = run(["decode", str(file)])
        out, err = capsys.readouterr()
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert "is not valid JSON" in err
        return
    records = decode(capsys, file)
    record = records[0]
    assert sum(len(one["exchanges"]) for one in records) == entry["exchanges"]
    assert {one["dialect"] for one in records} == {"unknown" if entry["dialect"] == "neither" else entry["dialect"]}
    assert all(one["state"] == "complete" for one in records)
    assert all(one["project"] is one["parent_key"] is one["root_key"] is None for one in records)
    assert all(one["notes"] == [] and one["unknown"]["events"] == [] for one in records)
    assert record["stream"] is ("stream" in kind)
    assert record["background"] is ("background" in kind)
    assert (record["agent"] is not None) is ("agent" in kind)
    types = [step["type"] for one in records for step in one["output"]]
    assert ("thought" in types) is ("thought" in kind)
    assert ("function_call" in types) is ("function_call" in kind)
    assert ("google_search_call" in types) is ("google_search" in kind)
    media = {content["type"] for one in records for step in one["output"] for content in step.get("content", [])}
    assert media & {"image", "video"} == kind & {"image", "video"}
    told = [word.removeprefix("status:") for word in kind if word.startswith("status:")]
    assert told == [] or record["status"] in told
    assert record["status"] in ({*told} or {"completed", "requires_action", "incomplete"})


@pytest.mark.parametrize("entry", over(READABLE, lambda entry: entry["file"]))
def test_what_every_recording_says_of_its_tokens(entry: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    for record in decode(capsys, SHARED / "recordings" / entry["file"]):
        usage = record["usage"]
        if record["status"] == "in_progress":
            assert usage is None
            continue
        parts = sum(usage[part] for part in ("input_tokens", "output_tokens", "thought_tokens", "tool_use_tokens"))
        # Two recordings report a total of 0 beside the tokens they used.
        assert usage["sum_ok"] is (usage["total_tokens"] == parts)
        assert usage["sum_ok"] or usage["total_tokens"] == 0
        assert record["cost"]["amount"] > 0


def named(tail: str) -> Path:
    found = [entry["file"] for entry in RECORDINGS if entry["file"].endswith(tail)]
    if not found:
        pytest.skip(NO_TRAFFIC)
    return SHARED / "recordings" / found[0]


def test_a_create_and_its_get_are_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    [record] = decode(capsys, named("test_interactions_create_and_get.yaml"))
    assert [step["operation"] for step in record["exchanges"]] == ["create", "get"]
    assert record["client"] == {"name": "google-genai-sdk", "version": "2.28.0", "language": "gl-python/3.14.7"}
    assert record["input"] == [
        {"type": "user_input", "content": [{"type": "text", "text": record_text(record["input"])}]}
    ]
    assert [step["type"] for step in record["output"]] == ["thought", "model_output"]
    assert record["output_text"] == "The capital of France is **Paris**."
    assert (record["timing"]["server_ms"], record["timing"]["duration_ms"]) == (1148, None)
    assert record["timing"]["started_at"] == "2026-10-05T14:46:04.000000Z"
    assert (record["polls"], record["api_version"]) == (1, "v1beta")


def record_text(steps: list[dict[str, Any]]) -> str:
    text: str = steps[0]["content"][0]["text"]
    return text


def test_a_failed_attempt_belongs_to_its_retry(capsys: pytest.CaptureFixture[str]) -> None:
    [record] = decode(capsys, named("be19c2a84/test_generate_interactions_multi_model_messages[False].yaml"))
    assert (record["retries"], record["status"], record["error"]) == (1, "completed", None)
    assert [exchange["http_status"] for exchange in record["exchanges"]] == [429, 200]


def test_a_stream_and_the_body_of_the_same_call_agree(capsys: pytest.CaptureFixture[str]) -> None:
    [streamed] = decode(capsys, named("b04e23e44a/tool-call-step1.chunks.txt"))
    [whole] = decode(capsys, named("b04e23e44a/tool-call-step1.json"))
    calls = [next(step for step in record["output"] if step["type"] == "function_call") for record in (streamed, whole)]
    assert [{**call, "id": None} for call in calls] == [
        {"type": "function_call", "id": None, "name": "getWeather", "arguments": {"location": "San Francisco"}}
    ] * 2


def test_a_tool_loop_is_two_turns(capsys: pytest.CaptureFixture[str]) -> None:
    asked, answered = decode(capsys, named("1f9547774/streaming_grammar/interactions_requires_action.yaml"))
    assert (asked["status"], answered["previous_interaction_id"]) == ("requires_action", asked["id"])
    assert answered["input"][0]["type"] == "function_result"
    assert answered["input"][0]["call_id"] == asked["output"][-1]["id"]


def test_decoding_twice_gives_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    file = named("test_interactions_delete.yaml")
    assert decode(capsys, file) == decode(capsys, file)


@pytest.mark.parametrize("entry", over(NEIGHBOURS, lambda entry: entry["file"]))
def test_recordings_of_other_apis_are_turned_away(entry: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", str(SHARED / "recordings" / entry["file"])]) == 1
    assert "holds no Interactions API call" in capsys.readouterr().err


@pytest.mark.parametrize("file", over(RESPONSES, lambda file: file.name))
def test_what_a_stub_answered_to_sdks(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(file.read_bytes().partition(b"\n\n")[2] or file.read_bytes().partition(b"\r\n\r\n")[2])
    [record] = decode(capsys, body)
    name = file.stem
    expected = "unknown" if name.startswith("err") or "delete" in name or name == "steps_create_background" else ""
    assert (
        record["dialect"] == expected
        or record["dialect"] == {"legacy": "outputs", "steps": "steps"}[name.partition("_")[0]]
    )
    assert (record["error"] is not None) is ("err" in name)
    if "error" in name:
        assert (record["state"], record["error"]["code"]) == ("error", "internal_error")
    if "stream" in name and "error" not in name:
        assert (record["stream"], record["state"], record["status"]) == (True, "complete", "completed")
        call = record["output"][-1]
        assert (call["type"], call["name"], call["arguments"]) == (
            "function_call",
            "get_weather",
            {"location": "Paris"},
        )
        assert record["output_text"] == ("from stub." if "resume" in name else "Hello from stub.")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    return give


def test_standard_input_with_its_request(capsys: pytest.CaptureFixture[str], stdin: Any, tmp_path: Path) -> None:
    asked = tmp_path / "ask.json"
    asked.write_text(json.dumps({"model": "gemini-3.5-flash", "input": "Hi", "labels": {"a": "b"}}))
    stdin(json.dumps(answer("v1_a", text="Hello."), indent=2).encode())
    [record] = decode(capsys, "-", "--request", asked)
    assert record["request"] == {"model": "gemini-3.5-flash", "labels": {"a": "b"}}
    assert record_text(record["input"]) == "Hi"
    assert (record["id"], record["output_text"], record["api_version"]) == ("v1_a", "Hello.", None)


PAYLOADS = text_stream("v1_a", ["Hel", "lo."])
FORMS = {
    "framed": b"".join(sse_chunks(PAYLOADS)),
    "without names": b"".join(b"data: %s\n\n" % json.dumps(payload).encode() for payload in PAYLOADS),
    "carriage returns": b"".join(sse_chunks(PAYLOADS)).replace(b"\n", b"\r\n"),
    "one payload a line": b"\n".join(json.dumps(payload).encode() for payload in PAYLOADS),
    "byte order mark": b"\xef\xbb\xbf" + b"".join(sse_chunks(PAYLOADS)),
    "after a comment": b": ping\n\n" + b"".join(sse_chunks(PAYLOADS)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_stream(form: str, capsys: pytest.CaptureFixture[str], stdin: Any) -> None:
    stdin(FORMS[form])
    [record] = decode(capsys, "-")
    assert (record["stream"], record["status"], record["output_text"]) == (True, "completed", "Hello.")
    assert record["timing"]["events"] == 6
    assert record["timing"]["first_text_ms"] is record["timing"]["duration_ms"] is None


def test_several_bodies_one_a_line_are_several_records(capsys: pytest.CaptureFixture[str], stdin: Any) -> None:
    stdin(b"\n".join(json.dumps(answer(f"v1_{name}", text=name)).encode() for name in "ab"))
    assert [record["output_text"] for record in decode(capsys, "-")] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (b"", 1, "is empty"),
        (b"Hello there", 1, "holds neither JSON nor an event stream nor a recording"),
        (b'{"id": "v1_a",', 1, "is not valid JSON"),
        (b'{"a":1}\n{"b":', 1, "is not valid JSON"),
        (b"[" * 100_000, 1, "is not valid JSON"),
        (b"interactions: [", 1, "is not valid YAML"),
        (b"version: 1\nthings: []\n", 1, "is no recording"),
        (b"interactions: []\n", 1, "holds no Interactions API call"),
        (b"when: x\nthen: y\n", 1, "holds no Interactions API call"),
    ],
)
def test_bad_input_gets_one_sentence(
    data: bytes, code: int, told: str, capsys: pytest.CaptureFixture[str], stdin: Any
) -> None:
    stdin(data)
    assert run(["decode", "-"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.startswith("tracer: 'standard input'")
    assert err.count("\n") == 1


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["decode", str(tmp_path / "none.json")]) == 2
    assert "none.json' can't be read: No such file" in capsys.readouterr().err


def test_other_calls_in_a_recording_are_left_out_and_said(capsys: pytest.CaptureFixture[str], stdin: Any) -> None:
    def recorded(path: str, body: object) -> dict[str, Any]:
        uri = f"https://generativelanguage.googleapis.com{path}"
        request = {"method": "POST", "uri": uri, "body": '{"input":"Hi"}', "headers": {"a": ["b", "c"], "d": "e"}}
        return {"request": request, "response": {"status": {"code": 200}, "body": {"string": json.dumps(body)}}}

    calls = [
        recorded("/v1/models/m:generateContent", {}),
        recorded("/v1/interactions?alt=sse", answer("v1_a", text="x")),
    ]
    stdin(json.dumps({"version": 1, "interactions": calls}).encode())
    assert run(["decode", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["output_text"] == "x"
    assert "1 calls in 'standard input' are not of the Interactions API" in err
