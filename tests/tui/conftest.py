"""A database with one conversation of each kind, and a screen over it that answers when everything is read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import WorkerCancelled

from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange, Outcome
from tui.app import TracerApp
from tui.header import Facts
from tui.screens.conversations import ConversationsScreen, Start

MINUTE = 60_000_000
NOW_US = START_US + 60 * MINUTE

type Settle = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTC, and no cursor that blinks."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(Input, "cursor_blink", False)


def ask(text: Any, previous: str | None = None, **fields: Any) -> dict[str, Any]:
    link = {} if previous is None else {"previous_interaction_id": previous}
    return {"model": "gemini-3.5-flash", "input": text, **link, **fields}


def story() -> list[Exchange]:
    """Oldest first: a ghost's child, a job with polls, a failure, a tool loop, a chat with a fork, a running stream."""

    def at(minute: int) -> dict[str, int]:
        return {"at_us": START_US + minute * MINUTE}

    job = {"id": "v1_job", "object": "interaction", "status": "in_progress", "agent": "deep-research"}
    call = function_call("call_1", "lookup_order", order_id=417)
    thought = {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Look it up first."}]}
    poll = {"path": "/v1/interactions/v1_job"}
    quota = {"error": {"code": "rate_limit_exceeded", "message": "Quota exceeded."}}
    return [
        exchange(ask("What about the logo?", "v1_lost"), answer("v1_found", text="It is blue."), **at(0)),
        exchange({"agent": "deep-research", "input": "Compare heat pumps", "background": True}, job, **at(5)),
        exchange(None, job, **poll, **at(6)),
        exchange(None, answer("v1_job", text="# Heat pumps", agent="deep-research", model=None), **poll, **at(7)),
        exchange(ask("Draw a floor plan"), quota, status=429, **at(10)),
        exchange(
            ask("Where is order 417?"),
            answer("v1_call", status="requires_action", steps=[thought, call]),
            **at(15),
        ),
        exchange(
            ask([function_result("call_1", "lookup_order", {"status": "shipped"})], "v1_call"),
            answer("v1_told", text="It is **shipped**."),
            **at(16),
        ),
        exchange(ask("Plan Lisbon"), answer("v1_a", text="Alfama."), **at(20)),
        exchange(ask("With children", "v1_a"), answer("v1_b", text="Oceanarium."), **at(21)),
        exchange(ask("Shorter", "v1_b"), answer("v1_c", text="- Sea"), **at(22)),
        exchange(ask("In German", "v1_b"), answer("v1_d", text="Ozeanarium."), **at(23)),
        exchange(
            ask("Tell a story", stream=True),
            text_stream("v1_s", ["Once ", "upon"], ended=False),
            outcome=Outcome.OPEN,
            **at(30),
        ),
    ]


def write(path: Path, *exchanges: Exchange) -> None:
    with Writer(path) as writer:
        writer.apply(exchanges)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "story.db"
    with Writer(path) as writer:
        writer.begin_run("0" * 32, "test", START_US, ["python", "app.py"], {})
    write(path, *story())
    return path


class Driver:
    """A running screen, its keys, and waiting until it has read all it wants."""

    def __init__(self, app: TracerApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.screen: ConversationsScreen = app.first_screen

    async def settle(self) -> None:
        """Until no worker runs and nothing is left to draw; a worker's end may start the next one."""
        quiet = 0
        while quiet < 2:
            busy = any(not worker.is_finished for worker in self.app.workers)
            with suppress(WorkerCancelled):  # a newer request replaced it
                await self.app.workers.wait_for_complete()
            await self.pilot.pause()
            quiet = 0 if busy else quiet + 1

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        names = {" ": "space", ":": "colon", '"': "quotation_mark", ".": "full_stop", "_": "underscore"}
        await self.press(*(names.get(character, character) for character in text))

    async def look(self) -> None:
        """What the timer does four times a second."""
        self.screen.feed.look()
        await self.settle()

    @property
    def titles(self) -> list[str]:
        rows = [self.screen.conversations.pages.row(index) for index in range(self.screen.conversations.total)]
        return [row.title if row else "?" for row in rows]

    @property
    def title(self) -> str | None:
        row = self.screen.conversations.chosen_row
        return row.title if row else None

    @property
    def prompt(self) -> str | None:
        row = self.screen.outline.chosen
        return row.prompt if row else None

    @property
    def transcript(self) -> str:
        lines = ("".join(segment.text for segment in line.segments).rstrip() for line in self.screen.steps.lines)
        return "\n".join(lines)

    def text(self, selector: str) -> str:
        """What a part of the screen shows."""
        widget = self.screen.query_one(selector)
        return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


@pytest.fixture
def opened(database: Path) -> Callable[..., Any]:
    """`async with opened() as driver`: the screen over the database, no timer running."""

    @asynccontextmanager
    async def run(
        path: Path = database,
        *,
        size: tuple[int, int] = (160, 48),
        project: str | None = "test",
        source: Callable[[], Any] | None = None,
        start: Start | None = None,
        follow: bool = False,
        wait: bool = True,
        folder: Path | None = None,
        theme: str | None = "dark",
        behind: Callable[[], tuple[int, float]] | None = None,
        notice: str = "",
    ) -> AsyncIterator[Driver]:
        app = TracerApp(
            source or (lambda: Reader(path)),
            Facts(path.name, project),
            start=start,
            follow=follow,
            now_us=lambda: NOW_US,
            poll_seconds=None,
            folder=folder,
            theme=theme,
            behind=behind,
            notice=notice,
        )
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            if wait:
                await driver.settle()
            yield driver

    return run
