"""The order and the guide characters of conversation trees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracer.tree import Node, arrange, lanes


def arranged(parents: dict[int, int | None]) -> list[Node[int]]:
    return arrange(parents, key=lambda row: row, parent=lambda row: parents[row], order=lambda row: (row,))


def drawn(parents: dict[int, int | None]) -> list[str]:
    return [f"{node.guide()}{node.row}" for node in arranged(parents)]


def test_a_tree_is_drawn_depth_first() -> None:
    assert drawn({1: None, 2: 1, 3: 2, 4: 1, 5: 4, 6: 1}) == [
        "1",
        "├─ 2",
        "│  └─ 3",
        "├─ 4",
        "│  └─ 5",
        "└─ 6",
    ]


def test_forks_and_children_are_counted() -> None:
    nodes = {node.row: node for node in arranged({1: None, 2: 1, 3: 1, 4: 3})}
    assert [(nodes[row].children, nodes[row].fork, nodes[row].depth) for row in (1, 2, 3, 4)] == [
        (2, True, 0),
        (0, False, 1),
        (1, False, 1),
        (0, False, 2),
    ]


def test_a_parent_that_is_elsewhere_leaves_a_root() -> None:
    assert drawn({5: 99, 3: None, 4: 3}) == ["3", "└─ 4", "5"]


def test_a_circle_is_cut_at_its_earliest_row() -> None:
    assert drawn({1: 3, 2: 1, 3: 2, 9: 9}) == ["9", "1", "└─ 2", "   └─ 3"]


def test_a_chain_of_ten_thousand_turns_does_not_recurse() -> None:
    nodes = arranged({row: row - 1 if row else None for row in range(10_000)})
    assert [node.depth for node in nodes] == list(range(10_000))
    assert {lane.head for lane in lanes(nodes)} == {""}


def test_in_lanes_only_a_fork_moves_to_the_right() -> None:
    nodes = arranged({1: None, 2: 1, 3: 2, 5: 3, 4: 2, 6: 4, 7: 6, 8: 6, 9: None})
    lines = [f"{lane.head}{node.row}" for lane, node in zip(lanes(nodes), nodes, strict=True)]
    assert lines == ["1", "2", "├─3", "│ 5", "╰─4", "  6", "  ├─7", "  ╰─8", "9"]


@given(st.dictionaries(st.integers(0, 30), st.none() | st.integers(0, 40)))
def test_every_row_comes_once_and_below_its_parent(parents: dict[int, int | None]) -> None:
    nodes = arranged(parents)
    assert sorted(node.row for node in nodes) == sorted(parents)
    place = {node.row: number for number, node in enumerate(nodes)}
    for node in nodes:
        if node.depth:
            above = parents[node.row]
            assert above is not None
            assert place[above] < place[node.row]
            assert nodes[place[above]].depth == node.depth - 1
