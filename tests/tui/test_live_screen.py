from __future__ import annotations

from dataclasses import replace

from tracer.cassettes import verdicts
from tracer.cassettes.jsonl import dump_line
from tracer.testing import START_US, answer, exchange
from tui.screens.live import LiveScreen
from tui.statistics import sparkline

MINUTE = 60_000_000


def drawn(driver) -> list[str]:
    return ["".join(segment.text for segment in line.segments).rstrip() for line in driver.app.screen.view.lines]


async def test_what_runs_shows_its_last_words(opened):
    async with opened() as driver:
        await driver.press("L")
        assert isinstance(driver.app.screen, LiveScreen)
        lines = drawn(driver)
        assert lines[:3] == [" Running   1", "   ◐ Tell a story  3.5-flash  30m", "     Once upon▏"]
        await driver.press("j", "w")
        assert driver.app.screen.NAME == "waterfall"


async def test_models_and_days_are_counted(opened):
    async with opened(size=(140, 40)) as driver:
        await driver.press("L")
        lines = drawn(driver)
        flash = next(line for line in lines if line.startswith("   3.5-flash"))
        assert flash.split()[:4] == ["3.5-flash", "9", "1.0s", "1.0s"]
        assert flash.endswith("✖ 1  rate_limit_exceeded x1")
        assert any(line.startswith("   2026-11-22") for line in lines)


async def test_a_narrow_terminal_has_fewer_columns(opened):
    async with opened(size=(80, 24)) as driver:
        await driver.press("L")
        view = driver.app.screen.view
        assert "course" not in "\n".join(drawn(driver))
        assert all(len(view.render_line(y).text) == 79 for y in range(view.size.height))


async def test_a_write_is_counted_and_nothing_else_costs(opened, database, monkeypatch):
    monkeypatch.setattr("tui.screens.live.COUNT_PART", 0)
    from tracer.store.writer import Writer

    async with opened() as driver:
        await driver.press("L")
        before = driver.app.screen.running, driver.app.screen.counted
        driver.app.screen.load()
        await driver.settle()
        assert (driver.app.screen.running, driver.app.screen.counted) == before
        assert driver.app.screen.counted is before[1]
        with Writer(database) as writer:
            call = exchange(
                {"model": "gemini-new", "input": "x"}, answer("v1_n", text="y"), at_us=START_US + 40 * MINUTE
            )
            writer.apply([call])
        driver.app.screen.load()
        await driver.settle()
        assert any(line.startswith("   new") for line in drawn(driver))
        await driver.press("escape")
        assert driver.app.screen is driver.screen


def test_sparklines():
    assert sparkline([10, None, 80, 40]) == "▁ █▄"
    assert sparkline([0, None]) == "▁"
    assert sparkline([]) == ""


async def test_cassettes_tell_hits_and_misses_and_why(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("recorded", "Where is order 417?"), ("asked", "Where is order 418?")):
        call = exchange({"model": "m", "input": text}, answer("v1_a", text="x") if name == "recorded" else None)
        call = call if name == "recorded" else replace(call, status=None, response_headers=())
        (tmp_path / f"{name}.jsonl").write_text(dump_line(call) + "\n")
    counts = {"replayed": 2, "recorded": 0, "missed": 1, "unplayed": 0}
    compare = f"tracer diff recorded.jsonl#1 {tmp_path / 'asked.jsonl'}"
    fine = {**counts, "missed": 0, "cassette": "asked.jsonl", "compare": []}
    verdicts.keep(tmp_path, [{**counts, "cassette": "recorded.jsonl", "compare": [compare]}, fine])
    async with opened() as driver:
        await driver.press("L")
        lines = drawn(driver)
        at = next(number for number, line in enumerate(lines) if "recorded.jsonl" in line)
        assert lines[at].split()[0] == "✖"
        assert lines[at].endswith("2/3 hit, 1 missed: d shows why")
        assert lines[at + 1].endswith("2/2 hit")
        await driver.press(*str(at + 1), "G", "d")
        text = "\n".join("".join(part.text for part in line.segments) for line in driver.app.screen.pane.lines)
        assert "417" in text
        assert "418" in text
        assert "Output" not in text
        await driver.press("right_curly_bracket", "escape")
        assert isinstance(driver.app.screen, LiveScreen)


async def test_a_miss_whose_files_are_gone_says_so(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.jsonl").write_text("")
    told = {"replayed": 0, "recorded": 0, "missed": 1, "unplayed": 0, "cassette": "c.jsonl"}
    verdicts.keep(tmp_path, [{**told, "compare": ["tracer diff c.jsonl#1 gone.jsonl"]}])
    async with opened() as driver:
        await driver.press("L")
        at = next(number for number, line in enumerate(drawn(driver)) if "c.jsonl" in line)
        await driver.press(*str(at + 1), "G", "d")
        assert "holds 0 recordings" in driver.app.screen.query_one("#hints").text
