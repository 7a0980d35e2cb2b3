"""The effective context: what the model had when it answered, turn by turn and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Vertical

from tracer.errors import StoreError
from tui.data import Detail, Subject, Whole
from tui.had import before_it, settings, titles, turn_line
from tui.screens.page import PageScreen
from tui.text import count
from tui.theme import S
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.search_bar import SearchBar
from tui.widgets.steps import StepsPane
from tui.widgets.virtual_list import Hint, VirtualList

if TYPE_CHECKING:
    from tracer.context import Context


class TurnsPane(VirtualList):
    """The turns on the way from the root; the last is the interaction itself."""

    TITLE = "Turns"
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("j k", "turns"),
        ("↵", "its context"),
        ("tab", "what the model had"),
        ("r w", "raw, waterfall"),
        ("y e", "copy, export"),
        ("esc", "back"),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.context: Context | None = None

    def show(self, context: Context) -> None:
        """Another context; the cursor is on the interaction that it is about."""
        self.context = context
        self.set_total(len(context.turns))
        self.move_to(self.total - 1)

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """A turn."""
        assert self.context is not None
        return turn_line(self.context, index, width)

    def column_titles(self, width: int) -> str:
        """Names over the columns."""
        return titles(width)


class HadPane(StepsPane):
    """Every step that stood before the answer, below what was sent beside them."""

    TITLE = "What the model had"

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.context: Context | None = None

    def head(self, detail: Detail, width: int) -> list[list[Segment]]:
        """Settings in place of the figures of an interaction."""
        return [] if self.context is None else settings(self.context, width)


class ContextScreen(PageScreen):
    """Turns above, steps below."""

    NAME = "context"
    AUTO_FOCUS = "#turns"
    PANES = ("turns", "had")

    def compose(self) -> ComposeResult:
        """Two panes between the bars."""
        yield Bar(id="header")
        turns, had = TurnsPane(id="turns"), HadPane(id="had")
        with Vertical(id="turns-side"):
            yield PaneTitle(turns)
            yield turns
        with Vertical(id="had-side"):
            yield PaneTitle(had)
            yield had
        yield SearchBar()
        yield HintBar(id="hints")

    async def fill(self, whole: Whole, *, same: bool) -> None:
        """Read the way from the root."""
        try:
            context = await self.door.context(self.subject.row.key)
        except StoreError as error:
            self.say(str(error))
            return
        turns, had = self.query_one(TurnsPane), self.query_one(HadPane)
        turns.show(context)
        had.context = context
        had.show(before_it(Detail(whole.row, whole.record), context))

    def facts(self) -> Sequence[Segment]:
        """How much there was before the answer."""
        context = self.query_one(TurnsPane).context
        if context is None:
            return [Segment(" reading … ", S.muted)]
        tokens = context.turns[-1].input_tokens
        said = f" {_number(len(context.turns), 'turn')} · {_number(len(context.steps()), 'step')} "
        return [Segment(said + (f"· {count(tokens)} tokens " if tokens else ""), S.muted)]

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """The context of an earlier turn."""
        context = self.query_one(TurnsPane).context
        if message.sender.id != "turns" or context is None:
            return
        key = context.turns[message.index].key
        row = next((row for row in self.subject.family if row.key == key), None)
        if row is not None and key != self.subject.row.key:
            self.subject, self.whole = Subject(row, self.subject.family), None
            self.load()


def _number(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
