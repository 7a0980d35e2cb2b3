"""What the model had, on the screen."""

from __future__ import annotations

from drawn import ask, said, write
from rich.cells import cell_len

from tracer.context import effective
from tracer.normalize import normalize
from tracer.testing import START_US, answer, exchange, function_call, function_result
from tui.had import settings, turn_line

TOOLS = [{"type": "function", "name": "lookup_order"}]


def usage(tokens: int, cached: int) -> dict[str, int]:
    return {"total_input_tokens": tokens, "total_cached_tokens": cached, "total_tokens": tokens}


def turns(*cached: int):
    return [
        exchange(
            ask(f"Question {n}", f"v1_{n - 1}" if n else None, **({} if n else {"tools": TOOLS})),
            answer(f"v1_{n}", text=f"Answer {n}", usage=usage(100 * (n + 1), amount)),
            at_us=START_US + n * 10_000_000,
        )
        for n, amount in enumerate(cached)
    ]


def context_of(*exchanges):
    return effective([normalize([one]).model_dump(by_alias=True, mode="json") for one in exchanges])


def test_a_turn_tells_growth_and_cached_share_and_names_a_lost_cache():
    context = context_of(*turns(0, 100, 0, 300))
    lines = [said(turn_line(context, place, 100)) for place in range(4)]
    assert [cell_len(line) for line in lines] == [100] * 4
    assert [line.split()[:6] for line in lines[1:]] == [
        ["2", "Question", "1", "200", "+100", "50%"],
        ["3", "Question", "2", "300", "+100", "lost"],
        ["4", "Question", "3", "400", "+100", "75%"],
    ]
    assert lines[3].count("█") == 18
    assert lines[3].count("░") == 6
    assert cell_len(said(turn_line(context, 0, 60))) == 60


def test_what_was_not_sent_again_is_said():
    shown = [said(line).strip() for line in settings(context_of(*turns(0, 0)), 80)]
    assert shown[:2] == ["Sent in this turn", "nothing but the input"]
    assert shown[3] == "Not sent again: the model did not have it"
    assert shown[4].startswith("tools  [{")
    assert shown[4].endswith("last in turn 1")
    later = context_of(exchange(ask("More", "v1_lost"), answer("v1_a", text="x")))
    assert any("Earlier turns were not recorded" in said(line) for line in settings(later, 80))


def test_a_turn_that_brought_results_says_how_long_the_app_took():
    call = function_call("c", "lookup_order", id=1)
    first = exchange(ask("Where?"), answer("v1_0", status="requires_action", steps=[call]))
    second = exchange(
        ask([function_result("c", "lookup_order", {})], "v1_0"), answer("v1_1", text="x"), at_us=START_US + 1_640_000
    )
    assert "⚙ lookup_order 640ms" in said(turn_line(context_of(first, second), 1, 100))


async def test_the_screen_shows_turns_steps_and_earlier_contexts(opened, tmp_path):
    write(tmp_path / "c.db", *turns(0, 100, 200))
    async with opened(tmp_path / "c.db") as driver:
        await driver.press("tab", "C")
        screen = driver.app.screen
        assert screen.NAME == "context"
        assert "3 turns · 5 steps · 300 tokens" in screen.query_one("#header").text
        had = screen.query_one("#had")
        text = "\n".join("".join(part.text for part in line.segments) for line in had.lines)
        assert text.count("Question") == 3
        assert "Answer 1" in text
        assert "Answer 2" not in text
        await driver.press("k", "enter")
        assert "2 turns · 3 steps" in screen.query_one("#header").text
        await driver.press("escape")
        assert driver.app.screen is driver.screen


async def test_a_ghost_has_no_context(opened):
    async with opened() as driver:
        await driver.press("G", "tab", "g", "C")
        assert driver.app.screen is driver.screen
        assert "nothing to show of it" in driver.text("#hints")
