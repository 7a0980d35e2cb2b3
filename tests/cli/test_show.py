from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tracer.cli.main import run
from tracer.records.interaction import Interaction
from tracer.store.writer import Writer
from tracer.testing import USAGE, answer, exchange
from tracer.wire.exchange import Exchange


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["show", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_page_of_a_tool_call(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = shown(capsys, "v1_a").splitlines()
    assert page[0] == "◆ requires_action gemini-3.5-flash"
    facts = {line[:10].strip(): line[10:] for line in page[1 : page.index("")]}
    assert facts["key"] == "0001" + "0" * 28
    assert (facts["id"], facts["tags"], facts["project"]) == ("v1_a", "branch=dev", "main")
    assert facts["tokens"] == "41: 12 input, 7 output, 22 thought"
    assert facts["timing"].startswith("1.0 s in all, ")
    assert page[page.index("Asked") :] == [
        "Asked",
        "  user_input",
        "    Weather in Oslo?",
        "",
        "Answered",
        "  thought",
        "    Ask the",
        "    tool.",
        "  function_call get_weather fc1",
        '    {"city": "Oslo"}',
        "",
        "Tools of the app",
        "  get_weather fc1 in 9.0 s, for 0002000000000000",
    ]
    assert "  get_weather fc1 in 9.0 s, called by 0001000000000000\n" in shown(capsys, "v1_b")


def test_what_is_not_in_the_cost_is_said(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = {**USAGE, "grounding_tool_count": [{"type": "google_search", "count": 2}]}
    searched = exchange({"model": "gemini-3.5-flash", "input": "x"}, answer("v1_s", usage=usage), project="main")
    with Writer(recorded) as writer:
        writer.apply([searched])
    [line] = [line for line in shown(capsys, "v1_s").splitlines() if line.startswith("cost")]
    assert "(genai-prices " in line
    assert line.endswith("), without grounding (2 google_search), which is billed after a free allowance")


def test_what_continues_and_what_is_polled(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "continues v1_a\n" in shown(capsys, "v1_b")
    job = shown(capsys, "v1_job")
    assert "effort    1 polls\n" in job
    assert "mode      background\n" in job
    assert job.splitlines()[-2:] == [
        "  2026-11-22T09:00:40.000000Z  create POST /v1/interactions -> 200, 1.0 s",
        "  2026-11-22T09:00:45.000000Z  get GET /v1/interactions/v1_job -> 200, 1.0 s",
    ]


def test_an_error_is_shown_without_what_it_would_do_to_a_terminal(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = shown(capsys, "0007")
    assert "error     429 429: slow �[2Jdown\n" in page
    assert "effort    1 retries\n" in page
    assert "\x1b" not in page + shown(capsys, "v1_b")


def test_json_is_the_record(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = shown(capsys, "@last", "--json")
    assert line.count("\n") == 1
    record = json.loads(line)
    assert list(record) == [field.alias or name for name, field in Interaction.model_fields.items()]
    assert (record["id"], record["state"]) == ("v1_r", "in_flight")


def test_raw_is_what_crossed(recorded: Path, capsys: pytest.CaptureFixture[str], exchanges: list[Exchange]) -> None:
    raw = shown(capsys, "v1_job", "--raw")
    create, poll = exchanges[4:6]
    assert raw.startswith("> POST /v1/interactions\n> content-type: application/json\n")
    assert create.request_body.decode() in raw
    assert create.response_body.decode() in raw
    assert "> GET /v1/interactions/v1_job\n" in raw
    assert poll.response_body.decode() in raw
    stream = shown(capsys, "v1_b", "--raw")
    assert exchanges[1].response_body.decode().strip() in stream


def test_raw_bytes_are_made_harmless_on_a_terminal(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert "\x1b" not in shown(capsys, "0007", "--raw")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nope"], 1, "no interaction has a key or an id that begins with 'nope'"),
        (["v1_"], 1, "'v1_' begins several keys or ids, give more of one: "),
        (["v1_unseen"], 1, "interaction 'v1_unseen' was never recorded"),
        (["v1_unseen", "--context"], 1, "interaction 'v1_unseen' was never recorded"),
        (["v1_unseen", "--events"], 1, "interaction 'v1_unseen' was never recorded"),
        (["v1_a", "--json", "--raw"], 2, "--json and --raw exclude each other"),
        (["v1_a", "--context", "--events"], 2, "--context and --events exclude each other"),
    ],
)
def test_what_can_not_be_shown_is_said(
    recorded: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert run(["show", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tracer: {says}")


def test_the_context_of_a_turn(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = shown(capsys, "v1_c", "--context").splitlines()
    assert page[:5] == [
        "Turns",
        "  0001000000000000 · 1 in, 2 out · 12 input tokens",
        "  0002000000000000 · 1 in, 1 out · 12 input tokens (+0)",
        "    the app's get_weather fc1: 9.0 s before it",
        "  0003000000000000 · 1 in, 1 out · 12 input tokens (+0)",
    ]
    had = page[page.index("What the model had") :]
    assert [line.strip() for line in had if "Oslo" in line or "Rome" in line] == [
        "Weather in Oslo?",
        '{"city": "Oslo"}',
        "And Rome?",
    ]
    assert "22 °C" not in "\n".join(had)
    assert "(earlier turns were not recorded)" in shown(capsys, "v1_e", "--context")


def test_the_context_as_json_is_one_line(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = shown(capsys, "v1_b", "--context", "--json")
    assert line.count("\n") == 1
    context = json.loads(line)
    assert [turn["id"] for turn in context["turns"]] == ["v1_a", "v1_b"]
    assert context["turns"][1]["tools"][0]["ms"] == 9000.0


def test_the_events_of_a_stream(recorded: Path, capsys: pytest.CaptureFixture[str], exchanges: list[Exchange]) -> None:
    lines = shown(capsys, "v1_b", "--events").splitlines()
    assert lines[0] == "POST /v1/interactions -> 200"
    assert lines[1].split()[:6] == ["1", "125", "ms", "+125", "ms", "interaction.created"]
    assert "\x1b" not in "".join(lines)
    told = [json.loads(line) for line in shown(capsys, "v1_b", "--events", "--json").splitlines()]
    assert [event["number"] for event in told] == list(range(1, 8))
    assert [event["at_ms"] for event in told] == [chunk.at_us / 1000 for chunk in exchanges[1].chunks]
    assert told[0]["data"]["interaction"]["id"] == "v1_b"
    assert told[-1]["data"] == "[DONE]"
    assert "GET /v1/interactions/v1_job -> 200, no stream\n" in shown(capsys, "v1_job", "--events")
