from __future__ import annotations

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
        assert all(len(view.render_line(y).text) == 80 for y in range(view.size.height))


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
