"""A screen that is one pane between the bars."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.search_bar import SearchBar
from tui.widgets.virtual_list import VirtualList


def one_pane(view: VirtualList) -> ComposeResult:
    """What such a screen is composed of: header, the pane with its title, the search, the keys."""
    yield Bar(id="header")
    with Vertical():
        yield PaneTitle(view)
        yield view
    yield SearchBar()
    yield HintBar(id="hints")
