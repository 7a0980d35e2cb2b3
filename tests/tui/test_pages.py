from __future__ import annotations

from array import array
from types import SimpleNamespace

from tui.pages import KEPT, PAGE, Pages


def rows(seqs):
    return [SimpleNamespace(seq=seq, version=1) for seq in seqs]


def test_a_page_is_asked_for_once_and_kept():
    pages = Pages()
    pages.replace(array("q", range(1000, 0, -1)))
    wanted = pages.wanted(300)
    assert list(wanted) == list(range(1000 - PAGE, 1000 - 2 * PAGE, -1))
    assert pages.wanted(301) is None
    pages.put(wanted, rows(wanted))
    assert pages.row(300).seq == 700
    assert pages.wanted(300) is None


def test_a_row_that_vanished_is_not_asked_for_again():
    pages = Pages()
    pages.replace(array("q", [3, 2, 1]))
    wanted = pages.wanted(0)
    pages.put(wanted, rows([3, 1]))
    assert pages.row(1) is None
    assert pages.wanted(1) is None


def test_rows_outlive_another_list():
    pages = Pages()
    pages.replace(array("q", [3, 2, 1]))
    pages.put(pages.wanted(0), rows([3, 2, 1]))
    pages.replace(array("q", [4, 3, 2, 1]))
    assert pages.row(3).seq == 1
    assert list(pages.wanted(0)) == [4, 3, 2, 1]


def test_no_more_than_the_limit_is_in_memory():
    pages = Pages()
    pages.replace(array("q", range(KEPT * 2, 0, -1)))
    for index in range(0, KEPT * 2, PAGE):
        wanted = pages.wanted(index)
        pages.put(wanted, rows(wanted))
    assert sum(pages.row(index) is not None for index in range(len(pages))) == KEPT
    assert pages.row(len(pages) - 1) is not None
    assert pages.row(0) is None
