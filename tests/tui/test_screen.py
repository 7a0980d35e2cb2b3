from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange
from tui.screens.conversations import Start
from tui.screens.help import HelpScreen
from tui.widgets.filter_bar import FilterBar

MINUTE = 60_000_000
LISBON, ORDER = "Plan Lisbon", "Where is order 417?"


def new(text: str, identifier: str, minute: int, previous: str | None = None):
    link = {} if previous is None else {"previous_interaction_id": previous}
    request = {"model": "gemini-3.5-flash", "input": text, **link}
    return exchange(request, answer(identifier, text="Yes."), at_us=START_US + minute * MINUTE)


def write(path: Path, *exchanges) -> None:
    with Writer(path) as writer:
        writer.apply(exchanges)


async def test_opens_on_the_newest_conversation_and_shows_all_three_panes(opened):
    async with opened() as driver:
        assert driver.titles[:4] == ["Tell a story", LISBON, ORDER, "Draw a floor plan"]
        assert driver.title == driver.prompt == "Tell a story"
        assert "Once upon" in driver.transcript
        assert "6 conversations" in driver.text("#header")
        assert "story.db ▸ test" in driver.text("#header")


async def test_moving_the_cursor_shows_the_tree_and_its_newest_interaction(opened):
    async with opened() as driver:
        await driver.press("j")
        assert driver.title == LISBON
        assert [node.row.prompt for node in driver.screen.outline.nodes] == [
            LISBON,
            "With children",
            "Shorter",
            "In German",
        ]
        assert driver.prompt == "In German"
        await driver.press("tab", "k")
        assert driver.prompt == "Shorter"
        assert "Sea" in driver.transcript


async def test_a_fork_is_drawn_as_two_branches(opened):
    async with opened() as driver:
        await driver.press("j")
        drawn = driver.text("#tree").splitlines()
        assert [line[:16].rstrip() for line in drawn[::2][:4]] == [
            " ● Plan Lisbon",
            " ● With children",
            " ├─● Shorter",
            " ╰─● In German",
        ]
        assert drawn[2].endswith("⋎ 2")


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        (["3", "j"], "Draw a floor plan"),
        (["G"], "What about the logo?"),
        (["G", "g"], "Tell a story"),
        (["2", "G"], LISBON),
        (["pagedown"], "What about the logo?"),
        (["G", "pageup"], "Tell a story"),
        (["down", "down", "up"], LISBON),
        (["G", "2", "k"], "Draw a floor plan"),
        (["j", "j", "9", "escape", "j"], "Draw a floor plan"),
    ],
)
async def test_keys_of_movement(opened, keys, title):
    async with opened() as driver:
        await driver.press(*keys)
        assert driver.title == title


async def test_panes_are_reached_by_tab_enter_and_left_and_right(opened):
    async with opened() as driver:
        seen = []
        for key in ("enter", "l", "right", "tab", "shift+tab", "h", "left", "escape"):
            await driver.press(key)
            seen.append(driver.app.focused.id)
        assert seen == ["tree", "steps", "steps", "list", "steps", "tree", "list", "list"]


async def test_a_call_stands_with_the_result_that_the_next_turn_brought(opened):
    async with opened() as driver:
        await driver.press("j", "j", "tab", "k")
        assert driver.prompt == ORDER
        assert '{"order_id": 417}' in driver.transcript
        assert '↳ {"status": "shipped"}' in driver.transcript
        assert "59.0s in the app · next turn" in driver.transcript
        await driver.press("j")
        assert '{"order_id": 417}' in driver.transcript
        assert "It is shipped." in driver.transcript


async def test_thoughts_open_and_fold(opened):
    async with opened() as driver:
        await driver.press("j", "j", "tab", "k")
        folded = driver.transcript
        assert "▸ Look it up first." in folded
        await driver.press("t")
        assert "▾\n  Look it up first." in driver.transcript
        assert "thoughts open" in driver.text("#hints")
        await driver.press("tab", "right_curly_bracket", "right_curly_bracket", "enter")
        assert driver.transcript == folded


async def test_a_ghost_says_that_it_was_never_recorded(opened):
    async with opened() as driver:
        await driver.press("G", "tab", "k")
        assert driver.screen.outline.chosen.ghost
        assert "Not recorded" in driver.transcript
        assert "v1_lost" in driver.text("#tree")


async def test_an_error_and_the_polls_of_a_job_are_shown(opened):
    async with opened() as driver:
        await driver.press("4", "G")
        assert "✖ Error  429 rate_limit_exceeded\n  Quota exceeded." in driver.transcript
        await driver.press("j")
        assert "background   2 polls" in driver.transcript


async def test_a_filter_keeps_the_cursor_on_its_conversation(opened):
    async with opened() as driver:
        await driver.press("j", "j", "slash")
        await driver.type("tool:lookup_order")
        await driver.press("enter")
        assert driver.titles == [ORDER]
        assert "1 of 6 conversations" in driver.text("#header")
        assert driver.title == driver.prompt.replace('lookup_order: {"status": "shipped"}', ORDER)
        await driver.press("escape")
        assert len(driver.titles) == 6
        assert driver.title == ORDER


async def test_a_mistake_in_a_filter_is_named_in_place_and_changes_nothing(opened):
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("colour:red")
        await driver.press("enter")
        mistake = str(driver.screen.query_one(FilterBar).query_one(".mistake").render())
        assert "'colour'" in mistake
        assert mistake.splitlines()[0] == "   ▲"
        assert len(driver.titles) == 6
        await driver.press("escape")
        assert driver.app.focused.id == "list"
        assert not driver.screen.query_one("#filter").display


async def test_a_filter_that_matches_nothing_says_so(opened):
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("model:claude")
        await driver.press("enter")
        assert "Nothing matches." in driver.text("#list")
        assert driver.transcript == driver.text("#tree").strip() == ""


async def test_new_conversations_move_neither_cursor_nor_view(opened, database):
    async with opened(size=(160, 9)) as driver:
        await driver.press("j")
        top = driver.text("#list")
        write(database, new("Brand new", "v1_n1", 40), new("Newer still", "v1_n2", 41))
        await driver.look()
        assert driver.title == LISBON
        assert driver.text("#list") == top
        assert "▲ 2 new" in driver.text("#header")
        await driver.press("g")
        assert driver.title == "Newer still"
        assert "new" not in driver.text("#header")


async def test_a_turn_added_to_the_shown_conversation_appears_and_the_cursor_stays(opened, database):
    async with opened() as driver:
        await driver.press("j", "tab", "k")
        write(database, new("And in French", "v1_e", 42, previous="v1_b"))
        await driver.look()
        assert driver.prompt == "Shorter"
        assert driver.screen.outline.nodes[-1].row.prompt == "And in French"


async def test_following_goes_where_something_is_written_until_a_move_by_hand(opened, database):
    async with opened() as driver:
        await driver.press("F")
        write(database, new("Who calls?", "v1_f1", 43, previous="v1_told"))
        await driver.look()
        assert (driver.title, driver.prompt) == (ORDER, "Who calls?")
        assert "FOLLOW" in driver.text("#header")
        write(database, new("Fresh", "v1_f2", 44))
        await driver.look()
        assert driver.title == driver.prompt == "Fresh"
        await driver.press("j")
        assert "FOLLOW" not in driver.text("#header")
        write(database, new("Later", "v1_f3", 45))
        await driver.look()
        assert driver.title == "Tell a story"


async def test_a_stream_grows_on_the_screen(opened, database):
    from tracer.testing import text_stream
    from tracer.wire.exchange import Outcome

    async with opened() as driver:
        request = {"model": "gemini-3.5-flash", "input": "Tell a story", "stream": True}
        grown = exchange(
            request,
            text_stream("v1_s", ["Once ", "upon", " a time"], ended=False),
            outcome=Outcome.OPEN,
            at_us=START_US + 30 * MINUTE,
            key=driver.screen.outline.chosen.key,
        )
        write(database, grown)
        await driver.look()
        assert "Once upon a time" in driver.transcript


async def test_a_run_that_goes_on_is_live_and_one_that_ended_is_not(opened, database):
    with Writer(database) as writer:
        async with opened() as driver:
            assert "● LIVE" in driver.text("#header")
            writer.end_run("0" * 32, START_US + 31 * MINUTE, 0)
            await driver.look()
            driver.screen.requery()
            await driver.settle()
            assert "LIVE" not in driver.text("#header")


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_a_small_terminal_shows_one_pane_at_a_time(opened, size):
    async with opened(size=size) as driver:
        shown = []
        for key in ("j", "enter", "enter", "h"):
            await driver.press(key)
            shown.append([name for name in ("list", "tree", "steps") if driver.screen.query_one(f"#{name}").size.width])
            assert driver.screen.query_one(f"#{shown[-1][0]}").size.width >= size[0] - 1
        assert shown == [["list"], ["tree"], ["steps"], ["tree"]]
        await driver.pilot.resize_terminal(160, 48)
        await driver.settle()
        assert driver.screen.query_one("#steps").size.width > 40
        assert driver.app.focused.id == "tree"


async def test_the_mouse_chooses_and_opens(opened):
    async with opened() as driver:
        await driver.pilot.click("#list", offset=(5, 4))
        await driver.settle()
        assert driver.title == ORDER
        await driver.pilot.click("#tree", offset=(5, 0), times=2)
        await driver.settle()
        assert driver.prompt == ORDER
        assert driver.app.focused.id == "steps"
        thought = next(y for y, line in enumerate(driver.screen.steps.lines) if "Thought" in line.text)
        await driver.pilot.click("#steps", offset=(4, thought))
        await driver.settle()
        assert "▾\n  Look it up first." in driver.transcript


async def test_copying_sends_the_id_and_does_not_claim_more(opened, monkeypatch):
    async with opened() as driver:
        written = []
        monkeypatch.setattr(driver.app._driver, "write", written.append)
        await driver.press("j", "y", "i")
        assert f"\x1b]52;c;{base64.b64encode(b'v1_d').decode()}\x07" in written
        assert "OSC 52; no terminal says whether it took it" in driver.text("#hints")
        await driver.press("k")
        assert "OSC 52" not in driver.text("#hints")


async def test_help_opens_over_the_screen_and_closes(opened):
    async with opened() as driver:
        await driver.press("question_mark")
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.press("escape")
        assert driver.app.screen is driver.screen


async def test_opens_on_an_interaction(opened, database):
    with Reader(database) as reader:
        row = reader.interaction(reader.resolve("v1_c"))
        seq = next(row.seq for row in reader.conversations(reader.conversation_seqs()) if row.title == LISBON)
    async with opened(start=Start(seq, row.root_key, row.key)) as driver:
        assert (driver.title, driver.prompt) == (LISBON, "Shorter")
        assert driver.app.focused.id == "tree"


async def test_an_empty_project_says_how_to_record_and_fills_itself(opened, database):
    async with opened(project="elsewhere") as driver:
        assert "Nothing of 'elsewhere'." in driver.text("#list")
        assert "6 in other projects:\n    tracer tui --all-projects" in driver.text("#list")
        late = exchange({"model": "m", "input": "Hello"}, answer("v1_x", text="Hi."), project="elsewhere")
        write(database, late)
        await driver.look()
        assert driver.title == driver.prompt == "Hello"


async def test_a_database_that_breaks_while_open_is_reported_in_the_footer(opened, database):
    from tracer.errors import StoreError

    class Broken(Reader):
        def tree(self, root_key):
            raise StoreError("reading the database 'story.db' failed: disk I/O error")

    async with opened(source=lambda: Broken(database)) as driver:
        assert "disk I/O error" in driver.text("#hints")
        assert len(driver.titles) == 6


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quits(opened, key):
    async with opened() as driver:
        await driver.pilot.press(key)
        await driver.pilot.pause()
        assert not driver.app.is_running


async def test_a_filter_chooses_the_matching_interaction_and_dims_the_others(opened):
    async with opened() as driver:
        await driver.press("j", "slash")
        await driver.type("ozeanarium")
        await driver.press("enter")
        assert driver.prompt == "In German"
        tree = driver.screen.outline
        assert {node.row.prompt for node in tree.nodes if node.row.key in tree.matching} == {"In German"}
        styles = [{segment.style for segment in tree.draw(index, 0, 60)} for index in range(tree.total)]
        assert [len(style) == 1 for style in styles] == [True, True, True, False]
        await driver.press("escape")
        assert tree.matching is None
        assert driver.prompt == "In German"


async def test_a_filter_on_an_inner_turn_puts_the_cursor_there(opened):
    async with opened() as driver:
        await driver.press("j", "slash")
        await driver.type("oceanarium")
        await driver.press("enter")
        assert driver.prompt == "With children"


async def test_a_record_that_is_missing_does_not_end_the_screen(opened, database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM record")
        connection.commit()
    async with opened() as driver:
        await driver.press("j", "y", "j")
        assert "no record as JSON was recorded" in driver.text("#hints")


@pytest.mark.parametrize(
    ("keys", "prompt"),
    [
        (("slash", "is:failed", "enter"), "Draw a floor plan"),
        (("slash", "tool:lookup_order", "enter"), "Where is order 417?"),
        (("slash", "oceanarium", "enter"), "With children"),
    ],
)
async def test_a_newcomer_finds_it_within_six_keys(opened, keys, prompt):
    async with opened() as driver:
        for key in keys:
            if key not in ("slash", "enter"):
                await driver.type(key)
            else:
                await driver.press(key)
        assert driver.prompt == prompt


async def test_what_is_deleted_goes_and_the_cursor_stays_on_its_conversation(opened, database):
    from tracer.store.pruning import prune

    async with opened() as driver:
        await driver.press("j")
        before, title = driver.titles, driver.title
        prune(database, before_us=START_US + 8 * 60_000_000, max_bytes=None, bodies_only=False)
        await driver.look()
        assert driver.titles == before[:4]
        assert driver.title == title
        await driver.press("G")
        last = driver.title
        prune(database, before_us=START_US + 11 * 60_000_000, max_bytes=None, bodies_only=False)
        await driver.look()
        assert last not in driver.titles
        assert driver.prompt is not None
        assert driver.title == driver.titles[-1]


async def test_what_was_done_to_the_database_is_said_until_the_first_key(opened):
    async with opened(notice="'old.db' had schema 1 and now has 3") as driver:
        assert "had schema 1 and now has 3" in driver.text("#hints")
        await driver.press("j")
        assert "schema" not in driver.text("#hints")


async def test_a_click_on_a_title_chooses_its_pane(opened):
    async with opened() as driver:
        await driver.pilot.click("#steps-pane PaneTitle")
        await driver.settle()
        assert driver.app.focused is driver.screen.steps
    async with opened(size=(80, 24)) as driver:
        trail = driver.text("#header")
        for title, pane in (("Tree", driver.screen.outline), ("Conversations", driver.screen.conversations)):
            await driver.pilot.click("#header", offset=(trail.index(title) + 1, 0))
            await driver.settle()
            assert driver.app.focused is pane
