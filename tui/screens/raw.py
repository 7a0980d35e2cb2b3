"""Raw HTTP: request and response side by side, or the exchange beside the normalised record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from tracer.wire.exchange import Exchange
from tui.data import Door, Subject, Whole
from tui.document import Document
from tui.raw import record_document, request_document, response_document
from tui.screens.page import PageScreen
from tui.text import clean
from tui.theme import S
from tui.widgets.bars import Bar, HintBar, PaneTitle
from tui.widgets.document import DocumentView
from tui.widgets.search_bar import SearchBar

if TYPE_CHECKING:
    from tui.app import TracerApp

BESIDE_FROM = 120
"""Columns from which two documents stand side by side; below, one above the other."""


class RawScreen(PageScreen):
    """Every exchange of an interaction, one at a time."""

    NAME = "raw"
    AUTO_FOCUS = "#right"
    PANES = ("left", "right")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("W", "wire", "the exchange beside the record, or as it crossed", show=False),
        Binding("minus", "layout", "layout: side by side, one above the other", show=False),
        Binding("left_square_bracket", "exchange(-1)", "exchange before", show=False),
        Binding("right_square_bracket", "exchange(1)", "next exchange", show=False),
    ]

    def __init__(self, door: Door, subject: Subject) -> None:
        super().__init__(door, subject)
        self.at = 0
        """Which exchange."""
        self.normalised = False
        self._shown: tuple[int, bool] | None = None
        self._last_pane = "right"

    def compose(self) -> ComposeResult:
        """Two documents between the bars."""
        yield Bar(id="header")
        with Container(id="sides"):
            for name, title in (("left", "Request"), ("right", "Response")):
                view = DocumentView(title, id=name)
                with Vertical(classes="side", id=f"{name}-side"):
                    yield PaneTitle(view)
                    yield view
        yield SearchBar()
        yield HintBar(id="hints")

    def on_resize(self) -> None:
        """Side by side or one above the other."""
        stacked = cast("TracerApp", self.app).memory.stacked
        self.query_one("#sides").set_class(self.size.width < BESIDE_FROM if stacked is None else stacked, "-stacked")

    def action_layout(self) -> None:
        """The other way round, from now on."""
        sides = self.query_one("#sides")
        cast("TracerApp", self.app).memory.keep_stacked(not sides.has_class("-stacked"))
        self.on_resize()
        stacked = sides.has_class("-stacked")
        self.say(f"{'one above the other' if stacked else 'side by side'}; it stays so")

    async def fill(self, whole: Whole, *, same: bool) -> None:
        """Parse in a thread, for a body may have megabytes."""
        self.at = min(self.at, max(0, len(whole.exchanges) - 1))
        wanted = (self.at, self.normalised)
        left, right = await asyncio.to_thread(self._documents, whole, *wanted)
        same = same and wanted == self._shown
        self._shown = wanted
        titles = ("Exchange", "Record") if self.normalised else ("Request", "Response")
        for name, document, title in zip(self.PANES, (left, right), titles, strict=True):
            self.query_one(f"#{name}", DocumentView).show(document, title, same=same)

    @staticmethod
    def _documents(whole: Whole, at: int, normalised: bool) -> tuple[Document, Document]:
        exchange: Exchange | None = whole.exchanges[at] if whole.exchanges else None
        request = Document() if exchange is None else request_document(exchange)
        response = Document() if exchange is None else response_document(exchange)
        if not normalised:
            return request, response
        record = Document() if whole.record is None else record_document(whole.record)
        return joined(request, response), record

    def facts(self) -> Sequence[Segment]:
        """Which exchange this is."""
        if self.whole is None or not self.whole.exchanges:
            return [Segment(" nothing crossed " if self.whole else " reading … ", S.muted)]
        exchange = self.whole.exchanges[self.at]
        number = f"[ {self.at + 1} of {len(self.whole.exchanges)} ] " if len(self.whole.exchanges) > 1 else ""
        return [Segment(f" {number}{clean(exchange.method)} {exchange.status or exchange.outcome} ", S.muted)]

    def action_wire(self) -> None:
        """Request and response as they crossed, or both beside the record made of them."""
        self.normalised = not self.normalised
        self._again()
        self.say("the exchange beside the record" if self.normalised else "as it crossed")

    def action_exchange(self, step: int) -> None:
        """Another exchange: a poll, a retry, a resume."""
        if self.whole is None or not self.whole.exchanges:
            return
        step *= self.pane.take_count() or 1
        self.at = max(0, min(self.at + step, len(self.whole.exchanges) - 1))
        self._again()

    def extra_copies(self) -> list[tuple[str, str, str]]:
        """The value under the cursor, and how jq finds it."""
        view = self.query_one(f"#{self._last_pane}", DocumentView)
        if not view.total or view.document.nodes[view.place].kind not in ("open", "close", "value"):
            return []
        path = view.document.path(view.place)
        return [("q", "jq path", path), ("x", "value under the cursor", view.document.text(view.place))]

    def paper(self, whole: Whole) -> tuple[str, str]:
        """The body with the keyboard, whole."""
        if not whole.exchanges:
            return "", "txt"
        exchange = whole.exchanges[min(self.at, len(whole.exchanges) - 1)]
        body = exchange.request_body if self._last_pane == "left" else exchange.response_body
        return body.decode("utf-8", "replace"), "json" if body[:1] in (b"{", b"[") else "txt"

    def _again(self) -> None:
        async def work() -> None:
            if self.whole is not None:
                await self.fill(self.whole, same=True)
                self.say(self._said)

        self.work(work, "whole")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The document that had the keyboard last is the one to search."""
        if event.widget.id in self.PANES:
            self._last_pane = event.widget.id
        super().on_descendant_focus(event)


def joined(first: Document, second: Document) -> Document:
    """Two documents, one after the other."""
    shift = len(first.nodes)
    nodes = [*first.nodes, *(node._replace(end=node.end + shift) for node in second.nodes)]
    return Document(nodes, {*first.folded, *(at + shift for at in second.folded)})
