from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracer.cli.main import run
from tracer.store.filters import parse
from tracer.store.reader import Reader
from tracer.store.stats import GROUPS
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
DAY = 86_400 * SECOND


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run(["stats", "--json", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def test_a_stream_that_broke_off_is_a_failure_of_its_conversation_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACER_DB", str(tmp_path / "tracer.db"))
    asked = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
    with Writer(tmp_path / "tracer.db") as writer:
        writer.apply([exchange(asked, text_stream("v1_cut", ["Hel"], ended=False), outcome=Outcome.CUT)])
    with Reader(tmp_path / "tracer.db") as reader:
        (conversation,) = reader.conversations(reader.conversation_seqs(parse("is:failed")))
        assert conversation.failed == 1
    (group,) = counted(capsys, "--all-projects")
    assert (group["failed"], group["errors"]) == (1, {"truncated": 1})


def test_the_sums_are_those_of_the_records(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Reader(recorded) as reader:
        rows = reader.interactions()
    found = {group["name"]: group for group in counted(capsys)}
    assert sum(group["interactions"] for group in found.values()) == len(rows)
    flash = [row for row in rows if row.model == "gemini-3.5-flash"]
    group = found["gemini-3.5-flash"]
    assert (group["interactions"], group["failed"]) == (len(flash), 1)
    assert group["total_tokens"] == sum(row.total_tokens or 0 for row in flash)
    assert group["cached_tokens"] is None
    assert group["unpriced"] == sum(row.cost_nano is None for row in flash)
    assert group["cost"] == pytest.approx(sum(row.cost_nano or 0 for row in flash) / 1e9)
    durations = sorted(row.duration_us for row in flash if row.duration_us is not None)
    assert group["duration_ms"]["p99"] == durations[-1] / 1000


def test_a_plot_is_bars_with_their_values(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Writer(recorded) as writer:
        writer.apply([odd(n, 1, "often") for n in range(20, 30)] + [odd(30, 1, "seldom")])
    assert run(["stats", "--plot", "count", "model:ofte"]) == 0
    only = capsys.readouterr().out.rstrip()
    assert only.startswith("often  ██")
    assert only.endswith("█ 10")
    assert run(["stats", "--plot", "cost"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines][:2] == ["often", "gemini-3.5-flash"]
    assert lines[0].endswith(" ?")
    assert run(["stats", "--plot", "cost", "--json"]) == 2


@pytest.mark.parametrize("by", GROUPS)
def test_every_grouping_counts_each_interaction_once_but_by_tool(
    recorded: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    found = counted(capsys, "--by", by)
    assert {group["by"] for group in found} == {by}
    expected = {"tool": 1, "error": 1, "agent": 1}
    with Reader(recorded) as reader:
        assert sum(group["interactions"] for group in found) == expected.get(by, len(reader.interactions()))


def test_a_filter_narrows_it(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [group["name"] for group in counted(capsys, "--by", "error", "is:failed")] == ["429"]
    assert [group["interactions"] for group in counted(capsys, "tool:get_weather")] == [1]
    assert run(["stats", "model:nothing"]) == 1
    assert capsys.readouterr().err.startswith("tracer: nothing to count; see what there is without the filter")


def test_the_table(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--by", "agent"]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split()[:7] == ["agent", "count", "failed", "p50", "p90", "p95", "p99"]
    assert line.split()[:2] == ["researcher", "1"]
    assert line.split()[2:] == ["6.0", "s"] * 4 + ["12", "7", "22", "$0.000279"]


def odd(number: int, day: int, model: str, **fields: Any) -> Exchange:
    asked = {"model": model, "input": f"question {number}"}
    return exchange(
        asked,
        answer(f"v1_{number}", text="ok", **fields),
        at_us=START_US + day * DAY,
        key=f"{number:032x}",
        project="main",
    )


def test_what_was_never_seen_before_since_when_and_by_whom(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = text_stream("v1_903", ["a"])
    events.insert(2, {"event_type": "step.sparkle", "index": 0})
    streamed = exchange(
        {"model": "m2", "input": "Hi", "stream": True}, events, at_us=START_US + 9 * DAY, key="f" * 32, project="main"
    )
    with Writer(recorded) as writer:
        writer.apply([odd(901, 1, "m1", novelty=1), odd(902, 5, "m2", novelty=2, other=3), streamed])
    found = {(one["kind"], one["path"]): one for one in counted(capsys, "--by", "unknown")}
    assert found.keys() == {("field", "novelty"), ("field", "other"), ("event", "step.sparkle")}
    novelty = found["field", "novelty"]
    assert (novelty["first"][:10], novelty["last"][:10], novelty["interactions"]) == ("2026-11-23", "2026-11-27", 2)
    assert novelty["models"] == {"m1": 1, "m2": 1}
    assert novelty["clients"] == {"google-genai-sdk 3.4.0": 2}
    assert counted(capsys, "--by", "unknown")[0]["path"] == "step.sparkle"
    assert [one["path"] for one in counted(capsys, "--by", "unknown", "model:m1")] == ["novelty"]
    assert run(["stats", "--by", "unknown"]) == 0
    assert "novelty       field  2      2026-11-23  2026-11-27  " in capsys.readouterr().out


def test_nothing_unknown_is_good_news(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--by", "unknown"]) == 0
    assert capsys.readouterr() == ("", "tracer: nothing unknown was seen\n")


def test_percentiles_are_values_that_occurred(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = [
        exchange(
            {"model": "ranked", "input": str(n)},
            answer(f"v1_r{n}", text="x"),
            took_us=n * 1000,
            at_us=START_US + n * SECOND,
            project="main",
        )
        for n in range(1, 41)
    ]
    with Writer(recorded) as writer:
        writer.apply(calls)
    durations = {}
    with Reader(recorded) as reader:
        for row in reader.interactions():
            durations[row.prompt] = row.duration_us
    ranked = sorted(durations[str(n)] or 0 for n in range(1, 41))
    (found,) = counted(capsys, "model:ranked")
    assert found["duration_ms"] == {f"p{p}": ranked[-(-40 * p // 100) - 1] / 1000 for p in (50, 90, 95, 99)}
    assert found["first_output_ms"] == {"p50": None, "p90": None, "p95": None, "p99": None}


def test_labels_are_the_tags_of_runs(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Writer(recorded) as writer:
        writer.begin_run("e" * 32, "main", START_US, ["app"], {"env": "ci", "who": "a b"})
        writer.apply([odd(1, 1, "m", usage=None), odd(2, 1, "m")])
        tagged = exchange({"model": "m", "input": "x"}, answer("v1_t", text="y"), run="e" * 32, project="main", at_us=1)
        writer.apply([tagged])
    found = {one["name"]: one["interactions"] for one in counted(capsys, "--by", "label")}
    assert {"env=ci": 1, "who=a b": 1}.items() <= found.items()
    assert [one["name"] for one in counted(capsys, "--by", "label", "tag:env=ci")] == ["env=ci", "who=a b"]


def test_an_interaction_with_two_tools_counts_for_each(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = [{"type": "function_call", "id": name, "name": name, "arguments": {}} for name in ('quo"ted', "plain")]
    with Writer(recorded) as writer:
        writer.apply([odd(5, 1, "two", steps=calls)])
    found = {one["name"]: one for one in counted(capsys, "--by", "tool", "model:two")}
    assert found.keys() == {'quo"ted', "plain"}
    assert found["plain"]["duration_ms"]["p50"] == 1000.0
