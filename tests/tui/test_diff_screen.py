from __future__ import annotations

import pytest

from tracer.diff import Difference, Figure
from tui.comparison import compared
from tui.screens.diff import DiffScreen


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (Figure("duration_ms", 32.8, 36.295, 3.495), "duration          33ms           36ms           +3ms  +11%"),
        (Figure("duration_ms", None, 61_000.0), "duration          -              1m01"),
        (Figure("tokens_per_second", 40.0, 30.25, -9.75), "tokens per second 40.0           30.2           -9.8  -24%"),
        (Figure("input_tokens", 0, 1200, 1200), "input tokens      0              1,200          +1,200"),
        (
            Figure("cost", 0.0004959, 0.0004974, 1.5e-06),
            "cost              $0.0004959     $0.0004974     +$0.0000015  +0.3%",
        ),
        (Figure("status", "completed", "failed"), "status            completed      failed"),
    ],
)
def test_figures_are_told_in_their_units_and_by_how_much_they_differ(figure: Figure, told: str) -> None:
    line = compared(Difference(figures=(figure,), parameters=(), tools=(), steps=()), 62)[0]
    assert "".join(segment.text for segment in line.segments).rstrip() == f"   {told}"


async def compare(driver) -> DiffScreen:
    await driver.press("j", "tab", "d")
    assert "marked as A" in driver.text("#hints")
    await driver.press("k", "d")
    assert isinstance(driver.app.screen, DiffScreen)
    return driver.app.screen


def drawn(screen: DiffScreen) -> str:
    return "\n".join("".join(segment.text for segment in line.segments).rstrip() for line in screen.view.lines)


async def test_d_on_two_interactions_compares_them(opened):
    async with opened() as driver:
        shown = await compare(driver)
        assert drawn(shown).splitlines()[-7:] == [
            " Input",
            "   ~ user_input",
            "     In German" + " " * 66 + " │ Shorter",
            "",
            " Output",
            "   ~ model_output",
            "     Ozeanarium." + " " * 64 + " │ - Sea",
        ]
        assert "Parameters   the same" in drawn(shown)
        assert "another request" in shown.query_one("#header").text


async def test_braces_go_from_difference_to_difference_and_x_swaps(opened):
    async with opened() as driver:
        shown = await compare(driver)
        await driver.press("}")
        assert shown.view.lines[shown.view.cursor].segments[1].text == "user_input"
        await driver.press("}", "}")
        assert "no more differences" in shown.query_one("#hints").text
        await driver.press("x")
        assert "Shorter" + " " * 68 + " │ In German" in drawn(shown)
        await driver.press("slash", *"sea", "enter")
        assert "Sea" in "".join(segment.text for segment in shown.view.lines[shown.view.cursor].segments)


async def test_the_same_one_twice_takes_the_mark_away(opened):
    async with opened() as driver:
        await driver.press("d", "d")
        assert driver.app.marked is None
        assert "no longer marked" in driver.text("#hints")


async def test_one_above_the_other_on_a_narrow_terminal(opened):
    async with opened(size=(80, 24)) as driver:
        shown = await compare(driver)
        assert "       Ozeanarium.- Sea" in drawn(shown)
