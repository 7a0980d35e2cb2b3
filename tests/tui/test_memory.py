from __future__ import annotations

from tui.memory import FILE, Memory


def test_what_is_kept_is_there_at_the_next_start(tmp_path):
    memory = Memory(tmp_path)
    memory.keep_panes(2)
    memory.keep_filter("a", "status:failed")
    memory.keep_filter("b", "x")
    memory.keep_filter("b", "")
    again = Memory(tmp_path)
    assert (again.panes, again.filter("a"), again.filter("b")) == (2, "status:failed", "")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_damaged_file_counts_as_nothing(tmp_path):
    for text in ("{", "[]", '{"panes": 9, "filters": 3}'):
        (tmp_path / FILE).write_text(text)
        memory = Memory(tmp_path)
        assert (memory.panes, memory.filter("a")) == (None, "")


async def test_panes_go_and_come_back(opened):
    async with opened() as driver:

        def shown():
            return [name for name in ("list", "tree", "steps") if driver.screen.query_one(f"#{name}-pane").display]

        assert shown() == ["list", "tree", "steps"]
        await driver.press("minus")
        assert shown() == ["list", "tree"]
        await driver.press("tab", "tab")
        assert shown() == ["tree", "steps"]
        await driver.press("plus")
        assert shown() == ["steps"]
        await driver.press("plus", "minus", "minus")
        assert shown() == ["list", "tree", "steps"]


async def test_two_panes_where_three_are_tight(opened):
    async with opened(size=(110, 30)) as driver:
        assert driver.screen.shown_panes == 2
        await driver.press("l")
        assert [driver.screen.query_one(f"#{name}-pane").display for name in ("list", "tree", "steps")] == [1, 1, 0]
        await driver.press("l")
        assert [driver.screen.query_one(f"#{name}-pane").display for name in ("list", "tree", "steps")] == [0, 1, 1]


async def test_a_filter_holds_at_the_next_start(opened, tmp_path):
    async with opened(folder=tmp_path) as driver:
        await driver.press("slash")
        await driver.type("lisbon")
        await driver.press("enter")
    async with opened(folder=tmp_path) as driver:
        assert driver.titles == ["Plan Lisbon"]
        await driver.press("escape")
    async with opened(folder=tmp_path) as driver:
        assert len(driver.titles) == 6
