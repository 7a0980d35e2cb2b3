from __future__ import annotations

from tui.screens.raw import RawScreen


def shown(driver, name: str) -> str:
    view = driver.app.screen.query_one(f"#{name}")
    return "\n".join(view.render_line(y).text.rstrip() for y in range(min(view.size.height, view.total)))


async def test_r_shows_request_and_response_and_esc_leads_back(opened):
    async with opened() as driver:
        await driver.press("j", "j", "r")
        assert isinstance(driver.app.screen, RawScreen)
        assert '"call_id": "call_1"' in shown(driver, "left")
        assert "It is **shipped**." in shown(driver, "right")
        await driver.press("escape")
        assert driver.app.screen is driver.screen


async def test_brackets_step_through_the_exchanges_of_a_job(opened):
    async with opened() as driver:
        await driver.press("4", "j", "r")
        assert "[ 1 of 3 ] POST 200" in driver.app.screen.query_one("#header").text
        await driver.press("2", "right_square_bracket")
        assert "[ 3 of 3 ] GET 200" in driver.app.screen.query_one("#header").text
        assert "Heat pumps" in shown(driver, "right")


async def test_w_shows_the_record_beside_what_crossed(opened):
    async with opened() as driver:
        await driver.press("j", "r", "W")
        assert '"schema": 1' in shown(driver, "right")
        assert "POST /v1/interactions" in shown(driver, "left")
        assert "200 application/json" in shown(driver, "left")


async def test_folding_and_searching(opened):
    async with opened() as driver:
        await driver.press("j", "r", "slash")
        await driver.type("ozeanarium")
        await driver.press("enter")
        view = driver.app.screen.query_one("#right")
        assert view.has_focus
        assert view.document.path(view.place) == ".steps[0].content[0].text"
        await driver.press("h", "h")
        assert view.document.is_folded(view.cursor)
        before = view.total
        await driver.press("l", "l")
        assert view.total > before
        await driver.press("slash", *"zzz", "enter")
        assert "not found here: zzz" in driver.app.screen.query_one("#hints").text


async def test_two_documents_stand_above_each_other_on_a_narrow_terminal(opened):
    async with opened(size=(80, 24)) as driver:
        await driver.press("j", "r")
        left, right = (driver.app.screen.query_one(f"#{name}") for name in ("left", "right"))
        assert left.region.width == right.region.width
        assert left.region.bottom <= right.region.y
        assert right.size.height > 10


async def test_a_running_stream_grows_under_the_cursor(opened, database):
    async with opened() as driver:
        await driver.press("r", "j", "j")
        view = driver.app.screen.query_one("#right")
        place, total = view.place, len(view.document.nodes)
        driver.app.screen.load()
        await driver.settle()
        assert (view.place, len(view.document.nodes)) == (place, total)
