from __future__ import annotations

from tui.screens.diff import DiffScreen


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
