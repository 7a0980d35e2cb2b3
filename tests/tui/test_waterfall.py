from __future__ import annotations

from dataclasses import replace

from tracer.testing import START_US, answer, exchange, text_stream
from tui.screens.waterfall import WaterfallScreen
from tui.timeline import timeline
from tui.waterfall import View, bar, ruler


async def screen(driver, *keys: str) -> WaterfallScreen:
    await driver.press(*keys, "w")
    assert isinstance(driver.app.screen, WaterfallScreen)
    return driver.app.screen


def drawn(screen: WaterfallScreen) -> list[str]:
    bars = screen.bars
    return [bars.render_line(y).text.rstrip() for y in range(bars.total)]


def row_of(driver):
    return driver.screen.outline.chosen


async def test_a_stream_has_its_request_its_steps_and_its_events(opened, database):
    async with opened(size=(80, 24)) as driver:
        shown = await screen(driver)
        lines = drawn(shown)
        assert [line[:24].strip() for line in lines] == ["▌", "POST /v1/interactions", "model_output [0]"]
        assert "░" in lines[1], "the wait for the first byte"
        assert "2 pieces" in lines[2]


async def test_stepping_through_events_shows_what_was_said_by_then(opened):
    async with opened() as driver:
        shown = await screen(driver)
        await driver.press("]")
        moment = shown.query_one("#moment")
        assert "#1 of" in moment.render_line(0).text
        await driver.press("4", "]")
        assert "step.delta" in moment.render_line(0).text
        assert moment.render_line(1).text.strip() == "Once ▏"
        await driver.press("]")
        assert moment.render_line(1).text.strip() == "Once upon▏"
        await driver.press("[")
        assert moment.render_line(1).text.strip() == "Once ▏"


async def test_playing_lets_recorded_time_pass_and_stops_at_the_end(opened):
    async with opened() as driver:
        shown = await screen(driver)
        shown.action_play()
        shown._clock.pause()
        assert shown.playing
        end = shown.bars.timeline.moments[-1].at_us
        shown.advance(end // 2)
        assert 0 < shown.at < len(shown.bars.timeline.moments) - 1
        shown.advance(end)
        assert not shown.playing
        assert shown.at == len(shown.bars.timeline.moments) - 1
        await driver.press("greater_than_sign")
        assert shown.speed == 5


async def test_zoom_and_pan_keep_within_the_recording(opened):
    async with opened() as driver:
        shown = await screen(driver)
        bars = shown.bars
        whole = bars.view
        await driver.press("i", "l")
        assert bars.view.end_us - bars.view.start_us == (whole.end_us - whole.start_us) // 2
        assert bars.view.start_us > 0
        await driver.press("l", "l", "l", "l", "l")
        assert bars.view.end_us == whole.end_us
        await driver.press("o", "o", "o")
        assert bars.view == whole


async def test_the_apps_own_tool_time_and_the_branch(opened):
    async with opened() as driver:
        shown = await screen(driver, "j", "j", "tab", "k")
        assert any("app runs lookup_order" in line and "59.0s outside" in line for line in drawn(shown))
        await driver.press("b")
        kinds = [span.kind for span in shown.bars.timeline.spans]
        assert kinds == ["turn", "app", "turn"]


async def test_polls_stand_on_one_line_and_a_gap_is_named():
    polls = [
        exchange(
            None, answer("v1_j", status="in_progress"), path="/v1/interactions/v1_j", at_us=START_US + n * 1_000_000
        )
        for n in range(6)
    ]
    shown = timeline(_whole(polls))
    assert [span.label for span in shown.spans] == ["GET x6 /v1/interactions/v1_j"]
    assert len(shown.spans[0].marks) == len(shown.moments) == 6
    stream = exchange({"input": "x", "stream": True}, text_stream("v1_s", ["a", "b"]), took_us=1_000_000)
    late = replace(stream.chunks[3], at_us=900_000)
    chunks = (*stream.chunks[:3], late, *(replace(chunk, at_us=950_000) for chunk in stream.chunks[4:]))
    gap = timeline(_whole([replace(stream, chunks=chunks)])).spans[-1]
    assert (gap.kind, gap.note) == ("gap", "525ms")


def _whole(exchanges):
    from types import SimpleNamespace

    return SimpleNamespace(exchanges=exchanges, row=SimpleNamespace(key="k", tools=""))


def test_bars_at_a_zoom():
    stream = exchange({"input": "x", "stream": True}, text_stream("v1_s", list("abcdef")), took_us=1_000_000)
    spans = timeline(_whole([stream])).spans

    def text(span, view, playhead=None):
        return "".join(segment.text for segment in bar(span, view, 80, playhead)).rstrip()

    view = View(0, 1_000_000)
    assert text(spans[0], view) == " POST /v1/interactions    ░░░░█████████████████████200 · 1.0s · first byte 83ms█"
    assert text(spans[1], view) == "   model_output [0]" + " " * 15 + "▁▁▁▁▁█▁▁▁█▁▁▁▁█▁▁▁█▁▁▁▁█▁▁▁█▁▁▁▁ 583ms"
    assert "".join(segment.text for segment in ruler(view, 80, 250_000)).startswith(" at 0.250s")
    assert text(spans[1], View(0, 100_000)) == "   model_output [0]"
