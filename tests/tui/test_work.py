"""A key costs what is in view, not what is in the database: rows read and lines drawn are counted, not timed."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace
from threading import Event

import pytest
from drawn import ask, write

from tracer.errors import StoreError
from tracer.store.rows import ConversationRow, Found, Totals
from tracer.testing import START_US, answer, exchange
from tui.pages import PAGE
from tui.widgets.conversations import ConversationList
from tui.widgets.virtual_list import VirtualList

MANY = 50_000
ROW = ConversationRow(
    seq=0,
    rev=1,
    root_key="",
    project="test",
    title="",
    interactions=1,
    failed=0,
    running=0,
    total_tokens=10,
    cost_nano=1,
    started_at_us=0,
    last_at_us=0,
    models="gemini-3.5-flash",
)


class ManyConversations:
    """50,000 conversations that count how often they are read."""

    def __init__(self, work: Counter[str]) -> None:
        self.work = work

    def data_version(self):
        return 1

    def last_rev(self):
        return 1

    def conversation_seqs(self, where, project, stop=None):
        self.work["lists"] += 1
        return array("q", range(MANY, 0, -1))

    def first_conversations(self, where, project, limit):
        self.work["first pages"] += 1
        yield Found(array("q", range(MANY, MANY - limit, -1)), limit, done=True)

    def conversations(self, seqs):
        self.work["rows"] += len(seqs)
        return [replace(ROW, seq=seq, root_key=f"{seq:032}", title=f"Conversation {seq}") for seq in seqs]

    def conversations_since(self, rev, project):
        return []

    def totals(self, project):
        return Totals(MANY, MANY, 1)

    def runs(self, project, limit):
        return []

    def tree(self, root_key):
        self.work["trees"] += 1
        return []

    def matching(self, where, root_key):
        return set()

    def close(self):
        pass


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counted: Counter[str] = Counter()
    draw = ConversationList.render_line

    def counting(self, y):
        counted["lines"] += 1
        return draw(self, y)

    monkeypatch.setattr(ConversationList, "render_line", counting)
    return counted


async def test_opening_reads_two_pages_at_most(opened, work):
    async with opened(source=lambda: ManyConversations(work)) as driver:
        assert driver.screen.conversations.total == MANY
        assert "50,000 conversations" in driver.text("#header")
        assert work["rows"] <= 2 * PAGE
        assert work["lines"] <= 5 * 48


@pytest.mark.parametrize(
    ("key", "lines", "rows"),
    [
        ("j", 4, 0),
        ("pagedown", 2 * 45, PAGE),
        ("ctrl+d", 2 * 45, PAGE),
        ("G", 4 * 45, 2 * PAGE),
    ],
)
async def test_a_key_draws_and_reads_what_comes_into_view(opened, work, key, lines, rows):
    async with opened(source=lambda: ManyConversations(work)) as driver:
        work.clear()
        await driver.press(key)
        assert work["lines"] <= lines
        assert work["rows"] <= rows
        assert driver.screen.conversations.chosen_row is not None


async def test_a_hurried_cursor_reads_one_tree(opened, work):
    async with opened(source=lambda: ManyConversations(work)) as driver:
        work.clear()
        driver.screen.conversations.action_digit(9)
        for _ in range(20):
            driver.screen.conversations.action_move(1)
        await driver.settle()
        assert work["trees"] == 1
        assert driver.title == f"Conversation {MANY - 28}"


async def test_the_first_page_needs_no_list_of_all(opened, work):
    class Slow(ManyConversations):
        def conversation_seqs(self, where, project, stop=None):
            released.wait(10)
            return super().conversation_seqs(where, project)

    released = Event()
    try:
        async with opened(source=lambda: Slow(work), wait=False) as driver:
            while driver.screen.conversations.chosen_row is None:
                await driver.pilot.pause()
            assert work["lists"] == 0
            assert driver.screen.conversations.total == PAGE
            await driver.pilot.press("j")
            released.set()
            await driver.settle()
            assert driver.screen.conversations.total == MANY
            assert driver.title == f"Conversation {MANY - 1}"
    finally:
        released.set()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Lines drawn of each pane, by its id."""
    counted: Counter[str] = Counter()
    draw = VirtualList.render_line

    def counting(self, y):
        counted[self.id] += 1
        return draw(self, y)

    monkeypatch.setattr(VirtualList, "render_line", counting)
    return counted


@pytest.mark.parametrize(
    ("keys", "pane", "lines"),
    [
        (("tab", "z"), "tree", 4),
        (("tab", "tab"), "steps", 2),
        (("tab", "r"), "right", 2),
        (("tab", "w"), "bars", 2),
        (("tab", "C"), "turns", 2),
        (("tab", "C", "tab"), "had", 2),
        (("L",), "live", 2),
    ],
)
async def test_a_move_within_the_view_draws_two_rows_in_every_pane(opened, tmp_path, drawn, keys, pane, lines):
    text = "\n\n".join(f"Paragraph {n}" for n in range(200))
    turns = [
        exchange(
            ask(f"Turn {n}", f"v1_{n - 1}" if n else None), answer(f"v1_{n}", text=text), at_us=START_US + n * 10**7
        )
        for n in range(40)
    ]
    write(tmp_path / "work.db", *turns)
    async with opened(tmp_path / "work.db") as driver:
        await driver.press(*keys)
        await driver.press("g")
        drawn.clear()
        driver.app.screen.focused.action_move(1)
        await driver.pilot.pause()
        assert drawn[pane] == lines
        assert sum(drawn.values()) <= lines + 48  # and the steps of the turn, once the cursor rests


async def test_a_large_body_draws_what_is_in_view(opened, tmp_path, drawn):
    body = {"id": "v1_l", "object": "interaction", "numbers": list(range(50_000))}
    write(tmp_path / "large.db", exchange(ask("Large"), body))
    async with opened(tmp_path / "large.db") as driver:
        await driver.press("r")
        view = driver.app.screen.query_one("#right")
        assert view.total > 50_000
        for key in ("pagedown", "G", "g", "j", "enter"):
            drawn.clear()
            await driver.press(key)
            assert sum(drawn.values()) <= 4 * 48, key


class Searched(ManyConversations):
    """A filter of which something is known now and then, and a whole list that comes only when nobody waits for it."""

    def __init__(self, work, told: Event, stopped: Event) -> None:
        super().__init__(work)
        self.told, self.stopped = told, stopped

    def first_conversations(self, where, project, limit):
        if where is None:
            yield from super().first_conversations(where, project, limit)
            return
        yield Found(array("q"), 5_000)
        self.told.wait(10)
        yield Found(array("q", [70, 60]), 25_000)
        yield Found(array("q", [70, 60, 50]), 45_000)

    def conversation_seqs(self, where, project, stop=None):
        if where is not None and stop is not None:
            while not stop():
                self.stopped.wait(0.01)
            self.stopped.set()
            raise StoreError("interrupted")
        return super().conversation_seqs(where, project)


async def test_a_filter_says_what_it_looked_at_until_it_finds_something(opened, work):
    told, stopped = Event(), Event()
    async with opened(source=lambda: Searched(work, told, stopped)) as driver:
        screen, conversations = driver.screen, driver.screen.conversations
        await driver.pilot.press("j")
        screen.filter_by("is:fork")
        while conversations.total:
            await driver.pilot.pause()
        assert "0 so far, 5,000 looked at" in driver.text("#header")
        assert "Nothing among 5,000 yet." in driver.text("#list")
        told.set()
        while conversations.total < 3:
            await driver.pilot.pause()
        assert "3 so far, 45,000 looked at" in driver.text("#header")
        await driver.pilot.press("j")
        while conversations.chosen_row is None:
            await driver.pilot.pause()
        assert (conversations.cursor, driver.title) == (1, "Conversation 60")
        screen.filter_by("")
        await driver.settle()
        assert stopped.is_set(), "who asks for another list waits for no other"
        assert conversations.total == MANY
        assert "50,000 conversations" in driver.text("#header")
        assert "failed" not in driver.text("#hints")


async def test_the_first_page_brings_its_rows(opened, work):
    async with opened(source=lambda: ManyConversations(work)) as driver:
        work.clear()
        driver.screen.filter_by("is:failed")
        await driver.settle()
        assert (work["first pages"], work["lists"]) == (1, 1)
        assert work["rows"] <= 2 * PAGE
        assert work["lines"] <= 6 * 48


async def test_another_pane_takes_the_keyboard_without_drawing_the_rows_again(opened, drawn):
    async with opened() as driver:
        drawn.clear()
        await driver.press("tab")
        assert drawn["list"] <= 2
        assert drawn["tree"] <= 2
        assert drawn["steps"] == 0


@pytest.mark.parametrize("key", ["r", "w", "C", "L", "d"])
async def test_a_screen_over_the_first_one_is_not_drawn_again_while_nothing_happens(opened, monkeypatch, key):
    async with opened() as driver:
        await driver.press(*("d", "j", "d") if key == "d" else key)
        assert driver.app.screen is not driver.app.first_screen
        drawn: list[object] = []
        monkeypatch.setattr(driver.app, "_display", lambda screen, renderable: drawn.append(renderable))
        for _ in range(3):
            driver.app.first_screen.feed.look()
            await driver.settle()
        assert drawn == []


async def test_the_first_screen_has_the_size_that_the_terminal_got_meanwhile(opened):
    async with opened() as driver:
        await driver.press("r")
        await driver.pilot.resize_terminal(80, 24)
        await driver.press("escape")
        assert driver.app.screen is driver.app.first_screen
        assert driver.app.screen.conversations.outer_size.width == 80
