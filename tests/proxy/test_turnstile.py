"""Dear steps take turns while bodies stream, in the order in which they came."""

from __future__ import annotations

import asyncio

import pytest

from tracer.proxy.turnstile import Turnstile

PATIENCE = 20


async def turns_of(turnstile: Turnstile, number: int) -> list[int]:
    """In which turn of the loop each of that many got its passage, in the order in which they got it."""
    turn = 0
    passed: list[tuple[int, int]] = []

    async def step(which: int) -> None:
        await turnstile.passage()
        passed.append((which, turn))

    tasks = [asyncio.create_task(step(which)) for which in range(number)]
    async with asyncio.timeout(PATIENCE):
        while len(passed) < number:
            await asyncio.sleep(0)
            turn += 1
    await asyncio.gather(*tasks)
    assert [which for which, _ in passed] == list(range(number))
    return [at for _, at in passed]


async def test_nobody_waits_while_nothing_streams() -> None:
    assert set(await turns_of(Turnstile(), 20)) == {0}


async def test_a_few_a_turn_while_something_streams() -> None:
    turnstile = Turnstile()
    turnstile.begin_stream()
    turns = await turns_of(turnstile, 20)
    assert max(turns.count(turn) for turn in turns) <= 2
    turnstile.end_stream()
    for _ in range(4):
        await asyncio.sleep(0)
    assert set(await turns_of(turnstile, 20)) == {0}


async def test_the_end_of_the_last_stream_lets_all_through() -> None:
    turnstile = Turnstile()
    turnstile.begin_stream()
    waiting = [asyncio.create_task(turnstile.passage()) for _ in range(50)]
    await asyncio.sleep(0)
    turnstile.end_stream()
    for _ in range(4):
        await asyncio.sleep(0)
    assert all(each.done() for each in waiting)


async def test_who_is_cancelled_passes_and_learns_of_it_where_it_waits_next() -> None:
    turnstile = Turnstile()
    turnstile.begin_stream()
    seen: list[str] = []

    async def step() -> None:
        await turnstile.passage()
        seen.append("passed")
        await asyncio.Event().wait()
        seen.append("never")

    others = [asyncio.create_task(turnstile.passage()) for _ in range(9)]
    task = asyncio.create_task(step())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE)
    assert seen == ["passed"]
    await asyncio.wait_for(asyncio.gather(*others), PATIENCE)
