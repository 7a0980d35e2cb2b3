"""What workers report. A worker never touches a widget: it posts one of these, and one handler changes the screen."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from tracer.store.filters import Filter
from tracer.store.rows import ConversationRow, Found
from tui.data import Changes, Detail, Overview, Subject
from tui.outline import Branch


@dataclass
class ListLoaded(Message):
    """Which conversations match."""

    where: Filter | None
    seqs: array[int]
    """In the order of the list."""
    again: bool
    """The same question as before, asked again after writes."""
    first: Found | None = None
    """Only the first page as far as it is known, to be there at once; more follows."""
    rows: Sequence[ConversationRow] = ()
    """Those of it that come with it, since none of them is in memory yet."""


@dataclass
class OverviewLoaded(Message):
    """Sums for the header."""

    overview: Overview


@dataclass
class PageLoaded(Message):
    """Rows for a page of the list."""

    seqs: Sequence[int]
    rows: list[ConversationRow]


@dataclass
class TreeLoaded(Message):
    """A conversation's tree."""

    root_key: str
    nodes: list[Branch]
    matching: set[str] | None = None
    """Keys for which the filter holds; None without a filter."""


@dataclass
class DetailLoaded(Message):
    """An interaction, whole."""

    detail: Detail


@dataclass
class StoreChanged(Message):
    """Something was written."""

    changes: Changes


@dataclass
class ValuesLoaded(Message):
    """With what a name of the filter language can be completed."""

    name: str
    values: list[str]


@dataclass
class ReadFailed(Message):
    """The database could not be read; `text` says why."""

    text: str


@dataclass
class Go(Message):
    """Another screen is wanted: `raw`, `waterfall`, `live`."""

    where: str
    subject: Subject | None


@dataclass
class Marked(Message):
    """An interaction was chosen for a comparison: the first waits, the second opens it."""

    subject: Subject
