"""What waits in the journal stands in the header of every screen, until it is in the database."""

from __future__ import annotations

import time
from pathlib import Path

from tracer.capture.journal import JournalWriter
from tracer.capture.lag import Mark
from tracer.capture.tail import SetTail
from tracer.cli.tui_ import behind_of
from tracer.wire.frames import Opened
from tui.header import Behind, late

BEGUN = Opened(
    key="0" * 32, at_us=0, run="0" * 32, project="test", account=None, origin="http://127.0.0.1", method="POST",
    path="/v1/interactions", query=(), headers=(),
)  # fmt: skip


def read_to_its_end(folder: Path, name: str, seconds_ago: float) -> None:
    """As an ingester says it, once all is in the database."""
    tail = SetTail(folder, name)
    list(tail.news())
    Mark(folder, name).caught_up(time.time_ns() // 1000 - round(seconds_ago * 1e6), *tail.place())


async def test_the_header_says_how_far_the_database_is_behind(opened, tmp_path):
    folder = tmp_path / "story.db.journal"
    journal = JournalWriter(folder, report=lambda _: None)

    async with opened(behind=lambda: behind_of(folder)) as driver:

        async def look(screen: str = "#header") -> str:
            driver.app.look_behind()
            await driver.settle()
            return driver.text(screen)

        read_to_its_end(folder, journal.name, 75)
        assert "behind" not in await look()
        journal.append(BEGUN)
        assert "1m15 behind · " in await look()
        assert "bytes wait" in driver.text("#header")
        for key in ("L", "r"):
            await driver.press(key)
            bar = driver.app.screen.query_one("#header")
            assert "1m15 behind" in bar.text
        read_to_its_end(folder, journal.name, 0)
        await look()
        assert "behind" not in bar.text
        await driver.press("escape")
        assert "behind" not in driver.text("#header")
    journal.close()


def test_what_is_on_its_way_is_not_behind():
    assert late(None) == late(Behind(4_000, 0.4)) == late(Behind(0, 0.0)) == []
    assert "".join(segment.text for segment in late(Behind(3_500_000, 75.0))) == " 1m15 behind · 3.3 MB wait  "
