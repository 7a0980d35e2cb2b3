"""What is typed: filters completed and corrected in place, words searched for in every pane, commands, help, themes."""

from __future__ import annotations

import pytest
from rich.color import ColorType
from textual import events
from textual.widgets import Static

from tracer.errors import StoreError, UsageError
from tracer.store.filters import known_values, names
from tracer.store.reader import Reader
from tui.commands import COMMANDS, action_of, complete
from tui.completion import of_filter
from tui.screens.help import TEXTUALS, HelpScreen, KeyList
from tui.themes import GREYS, LIGHT, LOOKS, PLAIN, fitting
from tui.widgets.bars import Bar
from tui.widgets.filter_bar import FilterBar
from tui.widgets.search_bar import SearchBar

VALUES = {"model": ["gemini-3.5-flash", "gemini-3-pro"], "tool": ["lookup order", "search"]}


def of(name: str) -> list[str]:
    return VALUES.get(name, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sta", ("status:",)),
        ("t", ("tool:", "tokens:", "tag:")),
        ("", ()),
        ("model:", ("gemini-3.5-flash", "gemini-3-pro")),
        ("model:pro", ("gemini-3-pro",)),
        ("is:fa", ("failed",)),
        ("not:is:fo", ("fork",)),
        ("status:failed not:mo", ("model:",)),
        ("tool:lo", ('"lookup order"',)),
        ("latency:", ("5s..", "..500ms", "1s..10s")),
        ('"free te', ()),
        ("model:nothing", ()),
    ],
)
def test_what_a_filter_can_go_on_with(text, words):
    assert of_filter(text, len(text), of).words == words


def test_a_completed_word_replaces_what_was_typed_of_it():
    text = "status:failed model:pr since:2h"
    cursor = text.index(" since")
    completion = of_filter(text, cursor, of)
    assert completion.applied(text, cursor, "gemini-3-pro") == ("status:failed model:gemini-3-pro since:2h", 32)
    assert of_filter("mo", 2, of).applied("mo", 2, "model:") == ("model:", 6)


def test_every_name_of_the_language_is_known_to_the_completion():
    for name in names():
        assert f"{name}:" in of_filter(name[:-1], len(name) - 1, of).words
    assert "failed" in known_values("is")


async def test_values_come_from_the_database_and_tab_takes_them(opened):
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("to")
        bar = driver.screen.query_one(FilterBar)
        assert bar.query_one(".words", Bar).text.split()[:2] == ["tool:", "tokens:"]
        await driver.press("tab")
        assert bar.line.value == "tool:"
        assert "lookup_order" in bar.query_one(".words", Bar).text
        await driver.press("tab", "enter")
        assert driver.screen.filter_text == "tool:lookup_order"
        assert len(driver.titles) == 1


async def test_another_word_is_chosen_with_the_arrows(opened):
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("is:")
        await driver.press("down", "tab")
        assert driver.screen.query_one(FilterBar).line.value == f"is:{known_values('is')[1]} "


async def test_the_caret_stands_under_the_mistake_and_goes_with_the_next_key(opened):
    async with opened(size=(80, 24)) as driver:
        await driver.press("slash")
        await driver.type("is:failed latency:soon")
        await driver.press("enter")
        bar = driver.screen.query_one(FilterBar)
        mistake = bar.query_one(".mistake", Static)
        caret, *said = str(mistake.render()).splitlines()
        typed = driver.screen.query_one(FilterBar).line.region.x
        assert caret.index("▲") == typed + "is:failed latency:soon".index("soon")
        assert "'soon' is no duration" in " ".join(said)
        assert max(map(len, said)) <= 80
        await driver.type("x")
        assert not mistake.display


async def test_words_are_found_and_lit_in_a_transcript_and_n_goes_round(opened):
    async with opened() as driver:
        await driver.press("j", "j", "tab", "tab", "slash", *"order", "enter")
        steps = driver.screen.steps
        assert steps.has_focus
        first = steps.cursor
        assert "order" in steps.text_of(first).lower()
        assert "order: 1 of" in driver.text("#hints")
        await driver.press("n")
        assert steps.cursor > first
        await driver.press("N")
        assert steps.cursor == first
        await driver.press("N", "n")
        assert steps.cursor == first
        await driver.press("slash", *"nowhere", "enter")
        assert "not found here: nowhere" in driver.text("#hints")


async def test_n_goes_to_the_next_turn_that_matches_the_filter(opened):
    async with opened() as driver:
        await driver.press("j", "n")
        assert "no filter holds" in driver.text("#hints")
        await driver.press("slash")
        await driver.type("model:flash")
        await driver.press("enter", "tab", "g", "n")
        assert driver.prompt == "With children"
        assert "match 2 of 4" in driver.text("#hints")
        await driver.press("2", "N")
        assert driver.prompt == "In German"


async def test_every_page_can_be_searched(opened):
    async with opened() as driver:
        await driver.press("j")
        for key in ("L", "C", "w", "r"):
            await driver.press(key, "slash", *"zzzz", "enter")
            assert "zzzz" in driver.app.screen.query_one("#hints", Bar).text
            await driver.press("escape")


async def test_a_count_stands_in_the_footer_until_it_is_used(opened):
    async with opened() as driver:
        await driver.press("1", "2")
        assert driver.text("#hints").endswith("12")
        await driver.press("k")
        assert "12" not in driver.text("#hints")


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        ("raw", "go('raw')"),
        ("wat", "go('waterfall')"),
        ("12", "row(12)"),
        ("theme li", "wear('light')"),
        ("filter is:failed  model:pro", "filter_by('is:failed  model:pro')"),
        ("filter", "filter_by('')"),
        ("copy id", "copy_as('id')"),
        ("q", "app.quit"),
    ],
)
def test_commands(typed, action):
    assert action_of(typed) == action


@pytest.mark.parametrize(
    ("typed", "said", "at"),
    [
        ("e", "which of export, editor?", 0),
        ("theme blue", "there are dark, light, plain", 6),
        ("raw now", "nothing can follow 'raw'", 4),
        ("nonsense", "there are conversations, raw", 0),
    ],
)
def test_mistakes_in_commands_say_where(typed, said, at):
    with pytest.raises(UsageError) as caught:
        action_of(typed)
    problem, _, place = str(caught.value).rpartition("\n")
    assert said in problem
    assert int(place) == at


def test_commands_are_completed_and_then_what_they_can_be_given():
    assert complete("co", 2).words[0] == "conversations"
    assert complete("theme ", 6).words == ("dark", "light", "plain")


async def test_a_typed_command_goes_somewhere_and_a_wrong_one_stays_in_the_line(opened):
    async with opened() as driver:
        await driver.press("colon", *"raw", "enter")
        assert driver.app.screen.NAME == "raw"
        await driver.press("colon", *"follow", "enter")
        assert "another screen" in driver.app.screen.query_one("#hints", Bar).text
        await driver.press("colon", *"theme", "space", "x", "enter")
        bar = driver.app.screen.query_one(SearchBar)
        assert bar.display
        assert "▲" in str(bar.query_one(".mistake", Static).render())
        await driver.press("escape", "colon", *"open", "space", *"nowhere", "enter")
        assert driver.app.screen.NAME == "raw"
        assert "nowhere" in driver.app.screen.query_one("#hints", Bar).text


async def test_an_interaction_is_opened_by_the_beginning_of_its_id(opened):
    async with opened() as driver:
        await driver.press("L", "colon", *"open", "space", *"v1", "underscore", *"told", "enter")
        assert driver.app.screen is driver.screen
        assert driver.app.focused.id == "tree"
        assert driver.screen.outline.chosen.id == "v1_told"


async def test_a_filter_can_be_typed_as_a_command(opened):
    async with opened() as driver:
        await driver.press("r", "colon", *"filter", "space", *"is", "colon", *"failed", "enter")
        assert driver.titles == ["Draw a floor plan"]


async def test_help_lists_every_key_that_works_where_one_is(opened):
    async with opened() as driver:
        await driver.press("d", "j")
        for keys in (
            (),
            ("tab",),
            ("tab",),
            ("r",),
            ("escape", "w"),
            ("escape", "L"),
            ("escape", "C"),
            ("escape", "d"),
        ):
            await driver.press(*keys)
            bound = {
                driver.app.get_key_display(active.binding).replace("⏎", "↵")
                for active in driver.app.screen.active_bindings.values()
                if active.binding.description and active.binding.action not in TEXTUALS
            }
            await driver.press("question_mark")
            assert isinstance(driver.app.screen, HelpScreen)
            listed = {key for row in driver.app.screen.query_one(KeyList).rows for key in row.keys.split(" ")}
            assert bound <= listed
            await driver.press("escape")


async def test_help_is_searched_by_typing(opened):
    async with opened() as driver:
        await driver.press("question_mark", *"waterfall")
        keys = driver.app.screen.query_one(KeyList)
        assert [row.keys for row in keys.rows if row.keys] == ["w"]
        await driver.press(*"zzz")
        assert keys.total == 0
        await driver.press("escape")
        assert driver.app.screen is driver.screen


def colours(driver) -> set[str]:
    """The colours that reach the terminal."""
    found = set()
    for line in driver.app.screen._compositor.render_strips():
        for segment in line:
            for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if colour is not None:
                    found.add(colour.name)
    return found


def test_every_colour_has_one_in_the_light_theme_and_the_greys_know_them():
    assert set(PLAIN) < set(LIGHT)
    assert {GREYS.get(shown, "#") for shown in LIGHT.values()} & set(GREYS.values())


async def test_a_theme_is_changed_at_once_and_lasts(opened, tmp_path):
    async with opened(folder=tmp_path, theme=None) as driver:
        await driver.press("colon", *"theme", "space", *"dark", "enter", "T")
        assert driver.app.look == "light"
        assert "theme: light" in driver.text("#hints")
        assert not colours(driver) & set(LIGHT)
    async with opened(folder=tmp_path, theme=None) as driver:
        assert driver.app.look == "light"


async def test_a_plain_theme_uses_the_terminals_own_colours_alone(opened):
    async with opened(theme="plain") as driver:
        for key in ("tab", "r", "w", "L", "question_mark", "y", "slash"):
            await driver.press(key)
            for line in driver.app.screen._compositor.render_strips():
                for segment in line:
                    style = segment.style
                    for colour in (style.color, style.bgcolor) if style else ():
                        assert colour is None or colour.type in (ColorType.DEFAULT, ColorType.STANDARD), segment
            await driver.press("escape")


async def test_no_color_leaves_no_colour_and_the_cursor_is_still_seen(opened, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as driver:
        assert colours(driver) <= {"default"}
        row = driver.screen.conversations.render_lines(driver.screen.conversations.size.region)[0]
        assert any(segment.style and segment.style.reverse for segment in row)
        await driver.press("T")
        assert "NO_COLOR is set" in driver.text("#hints")


@pytest.mark.parametrize(
    ("environ", "system", "look"),
    [
        ({}, "truecolor", "dark"),
        ({"COLORFGBG": "0;15"}, "256", "light"),
        ({"COLORFGBG": "15;0"}, "256", "dark"),
        ({}, "standard", "plain"),
        ({"NO_COLOR": ""}, "truecolor", "plain"),
    ],
)
def test_a_theme_that_fits_the_terminal(environ, system, look):
    assert fitting(environ, system) == look
    assert look in LOOKS


async def test_one_document_alone_and_the_other_way_round(opened, tmp_path):
    async with opened(folder=tmp_path) as driver:
        await driver.press("j", "r", "plus")
        page = driver.app.screen
        assert [page.query_one(f"#{name}-side").display for name in ("left", "right")] == [False, True]
        await driver.press("tab")
        assert [page.query_one(f"#{name}-side").display for name in ("left", "right")] == [True, False]
        await driver.press("plus", "minus")
        assert page.query_one("#sides").has_class("-stacked")
        await driver.press("escape", "r")
        assert driver.app.screen.query_one("#sides").has_class("-stacked")


async def test_a_database_that_cannot_be_read_is_said_until_it_can(opened, database):
    broken = True

    class Locked(Reader):
        def first_conversations(self, *arguments):
            if broken:
                raise StoreError("the database 'story.db' is locked")
            return super().first_conversations(*arguments)

    async with opened(source=lambda: Locked(database)) as driver:
        assert "the database 'story.db' is locked" in driver.text("#list")
        assert "is locked" in driver.text("#hints")
        await driver.press("tab", "j")
        assert "is locked" in driver.text("#hints")
        broken = False
        driver.screen.requery()
        await driver.settle()
        assert "locked" not in driver.text("#hints")
        assert len(driver.titles) == 6


def test_every_command_is_an_action_of_some_screen():
    from tui.screens.conversations import ConversationsScreen

    for name, command in COMMANDS.items():
        action = command.action.removeprefix("app.").partition("(")[0]
        assert name == "quit" or hasattr(ConversationsScreen, f"action_{action}"), name


async def type_at_once(driver, *keys: str) -> None:
    """Keys that arrive before the screen has done anything about the first."""
    for key in keys:
        driver.app.post_message(events.Key(key, key if len(key) == 1 else {"slash": "/", "colon": ":"}.get(key)))
    await driver.settle()


async def test_keys_typed_faster_than_the_screen_changes_reach_what_they_open(opened, monkeypatch):
    sent = []
    monkeypatch.setattr("tui.app.TracerApp.copy_to_clipboard", lambda self, text: sent.append(text))
    async with opened() as driver:
        await type_at_once(driver, "slash", *"oceanarium", "enter")
        assert driver.prompt == "With children"
        await type_at_once(driver, "y", "p")
        assert sent == ["With children"]


async def test_keys_typed_at_once_after_a_prompt_go_to_the_pane(opened):
    async with opened() as driver:
        conversations = driver.screen.conversations
        await type_at_once(driver, "slash", "x", "escape", "j", "j")
        assert (conversations.cursor, driver.screen.filter_text) == (2, "")
        assert driver.screen.query_one(FilterBar).line.value == "x"
        await type_at_once(driver, "colon", "l", "a", "escape", "k")
        assert conversations.cursor == 1
        await type_at_once(driver, "colon", "4", "enter", "k")
        assert conversations.cursor == 2
        await type_at_once(driver, "y", "escape", "p")
        assert driver.app.screen is driver.screen


async def test_keys_typed_at_once_after_one_that_changes_the_pane_go_to_the_new_one(opened):
    async with opened() as driver:
        await driver.press("j")
        tree, conversations = driver.screen.outline, driver.screen.conversations
        await type_at_once(driver, "tab", "k", "k")
        assert (conversations.cursor, tree.cursor) == (1, 1)
        await type_at_once(driver, "escape", "G", "l", "l", "t")
        assert conversations.cursor == 5
        assert driver.app.focused is driver.screen.steps
