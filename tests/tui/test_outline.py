"""Trees with sums, and chains of turns folded into a line."""

from __future__ import annotations

import pytest
from drawn import ask, chain, node, said, write

from tracer.testing import START_US, answer, exchange
from tracer.wire.exchange import Exchange
from tui.outline import folded, outline
from tui.widgets import tree


def shown(branches) -> list[str]:
    return [f"{branch.row.key}+{len(branch.hidden)}" if branch.hidden else branch.row.key for branch in branches]


def test_sums_go_from_the_root_and_onward():
    rows = [*chain(0, 3), *chain(10, 11, "1"), node("x", "3", 20, state="error", status=None)]
    by_key = {branch.row.key: branch for branch in outline(rows)}
    assert [by_key["1"].so_far.turns, by_key["11"].so_far.turns, by_key["x"].so_far.turns] == [2, 4, 5]
    assert [by_key[key].onward.turns for key in ("0", "1", "2", "10", "x")] == [7, 6, 3, 2, 1]
    assert (by_key["0"].onward.tokens, by_key["0"].onward.cost_nano, by_key["0"].onward.priced) == (60, 6 * 10**9, 6)
    assert [by_key[key].onward.failed for key in ("0", "2", "10", "x")] == [1, 1, 0, 1]


def test_a_ghost_adds_nothing():
    rows = [node("lost", ghost=True, status=None), node("a", "lost", 1, total_tokens=5)]
    assert outline(rows)[0].onward.turns == outline(rows)[1].so_far.turns == 1


def test_a_long_chain_is_one_line_between_its_ends():
    assert shown(folded(outline(chain(0, 9)))) == ["0", "1+8", "9"]
    assert shown(folded(outline(chain(0, 5)))) == ["0", "1", "2", "3", "4", "5"]


def test_forks_failures_and_running_turns_are_never_hidden():
    rows = [*chain(0, 20), node("fork", "6", 30)]
    rows[13] = node("13", "12", 13, state="error", status=None)
    rows[14] = node("14", "13", 14, status="in_progress")
    assert shown(folded(outline(rows))) == ["0", "1+5", "6", "7", "8+5", "13", "14", "15+5", "20", "fork"]


def test_what_must_be_seen_stays():
    assert shown(folded(outline(chain(0, 12)), {"6"})) == ["0", "1+5", "6", "7+5", "12"]


@pytest.mark.parametrize("width", [34, 54, 75])
def test_a_folded_chain_says_how_many_from_where_to_where_and_what_they_took(width):
    line = folded(outline(chain(0, 9)))[1]
    first, second = said(tree.folded_line(line, width)), said(tree.folded_sums(line, width))
    assert len(first) == len(second) == width
    assert first.startswith(" ⋯ 8 turns  1")
    assert second.startswith(" │  … 8")
    assert second.endswith("Σ 80  $8.00 ")


async def test_a_wide_tree_has_a_folded_chain_on_one_line(opened, tmp_path):
    write(tmp_path / "chain.db", *turns(12))
    async with opened(tmp_path / "chain.db") as driver:
        await driver.press("tab", "plus")
        line = driver.text("#tree").splitlines()[1]
        assert line.startswith(" ⋯ 10 turns  Turn 1")
        assert "… Turn 10 " in line
        assert line.endswith(" Σ 410  $0.0028")


def test_a_branch_says_at_its_beginning_what_it_took_and_what_failed_in_it():
    rows = [*chain(0, 2), *chain(10, 12, "0"), node("x", "12", 20, state="error", status=None)]
    root, *_ = branches = outline(rows)
    begins = next(branch for branch in branches if branch.row.key == "10")
    assert said(tree.first_line(root, 40)).endswith(f"{tree.FORK} 2  ✖ 1 ")
    assert said(tree.first_line(begins, 40)).endswith("  ✖ 1 ")
    assert "Σ 30 $3.00" in said(tree.second_line(begins, 60, 0))
    assert "Σ" not in said(tree.second_line(branches[1], 30, 0))


def test_a_job_is_one_line_with_what_it_took_so_far():
    job = node("job", status="in_progress", state="complete", polls=40, retries=1, hops=2, agent="deep-research")
    line = said(tree.second_line(outline([job])[0], 70, 125_000_000))
    assert "40 polls 1 retry 2 hops" in line
    assert "2m05" in line
    assert said(tree.one_line(outline([job])[0], 100, 125_000_000)).count("40 polls") == 1


def turns(count: int) -> list[Exchange]:
    return [
        exchange(
            ask(f"Turn {n}", f"v1_{n - 1}" if n else None), answer(f"v1_{n}", text="x"), at_us=START_US + n * 10**7
        )
        for n in range(count)
    ]


async def test_z_folds_and_opens_chains_with_the_cursor_on_its_turn(opened, tmp_path):
    write(tmp_path / "chain.db", *turns(12))
    async with opened(tmp_path / "chain.db") as driver:
        tree_pane = driver.screen.outline
        await driver.press("tab")
        assert (driver.prompt, tree_pane.total, len(tree_pane.family)) == ("Turn 11", 3, 12)
        await driver.press("k")
        assert driver.prompt == "Turn 1"
        assert "Σ" in driver.text("#tree")
        await driver.press("enter")
        assert (driver.prompt, tree_pane.total) == ("Turn 1", 12)
        await driver.press("4", "j", "z")
        assert (driver.prompt, tree_pane.total) == ("Turn 5", 12)
        await driver.press("z")
        assert (driver.prompt, tree_pane.total) == ("Turn 1", 3)
        await driver.press("enter", "enter")
        assert driver.screen.focused is driver.screen.steps
