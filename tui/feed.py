"""Reads that the screen asked for: each runs as a worker and posts what it found, or why it could not."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from textual.dom import DOMNode
from textual.message import Message
from textual.worker import Worker

from tracer.errors import StoreError
from tracer.store.filters import Filter
from tracer.store.rows import InteractionRow
from tui.data import Door
from tui.messages import (
    DetailLoaded,
    ListLoaded,
    OverviewLoaded,
    PageLoaded,
    ReadFailed,
    StoreChanged,
    TreeLoaded,
    ValuesLoaded,
)
from tui.outline import Branch, outline
from tui.pages import PAGE

DEBOUNCE_SECONDS = 0.04
"""How long a cursor rests before what it is on is read."""


class Feed:
    """Starts workers at `target`. A newer request of the same kind replaces one that still runs."""

    def __init__(self, target: DOMNode, door: Door, now_us: Callable[[], int]) -> None:
        self._target = target
        self._door = door
        self._now_us = now_us
        self._looking = False

    def load_list(self, where: Filter | None, *, again: bool = False) -> None:
        """Which conversations match -> ListLoaded: of the first page as they are found, then of all."""

        async def read() -> Message | None:
            if not again:
                async with aclosing(self._door.first_conversations(where, PAGE)) as first:
                    async for found, rows in first:
                        whole = found.whole and self._door.watching
                        self._target.post_message(ListLoaded(where, found.seqs, again, None if whole else found, rows))
                        if whole:
                            return None
            # Before the list, so that nothing written in between is missed.
            await self._door.start_watching()
            return ListLoaded(where, await self._door.conversation_seqs(where), again)

        self._start(read, "list")

    def load_overview(self) -> None:
        """Sums over all conversations -> OverviewLoaded."""

        async def read() -> Message:
            return OverviewLoaded(await self._door.overview(self._now_us()))

        self._start(read, "overview")

    def load_values(self, name: str) -> None:
        """What a name of the filter language can be -> ValuesLoaded."""

        async def read() -> Message:
            return ValuesLoaded(name, await self._door.values(name))

        self._start(read, "values", exclusive=False)

    def load_page(self, seqs: array[int]) -> None:
        """Rows -> PageLoaded."""

        async def read() -> Message:
            return PageLoaded(seqs, await self._door.conversations(seqs))

        self._start(read, "page", exclusive=False)

    def load_tree(self, root_key: str, where: Filter | None = None, *, rested: bool = False) -> None:
        """A conversation -> TreeLoaded; at once if the cursor has `rested`."""

        async def read() -> Message:
            await asyncio.sleep(0 if rested else DEBOUNCE_SECONDS)
            rows, matching = await self._door.tree(root_key, where)
            return TreeLoaded(root_key, outline(rows), matching)

        self._start(read, "tree")

    def load_detail(self, branch: Branch, family: list[InteractionRow], *, rested: bool = False) -> None:
        """An interaction -> DetailLoaded; at once if the cursor has `rested`."""

        async def read() -> Message:
            await asyncio.sleep(0 if rested else DEBOUNCE_SECONDS)
            return DetailLoaded(await self._door.detail(branch, family))

        self._start(read, "detail")

    def look(self) -> None:
        """What was written since the last look -> StoreChanged, nothing if nothing was or a look still runs."""

        async def read() -> Message | None:
            try:
                changes = await self._door.changes()
            finally:
                self._looking = False
            return None if changes is None else StoreChanged(changes)

        # Never cancelled half-way: a look moves the mark from which the next one reads.
        if not self._looking:
            self._looking = True
            self._start(read, "look", exclusive=False)

    def _start(self, read: Callable[[], Awaitable[Message | None]], group: str, *, exclusive: bool = True) -> None:
        # A function, not a coroutine: a worker that is replaced before it starts would leave that unawaited.
        async def work() -> None:
            await self._report(read)

        _: Worker[None] = self._target.run_worker(work, group=group, exclusive=exclusive)

    async def _report(self, read: Callable[[], Awaitable[Message | None]]) -> None:
        try:
            found = await read()
        except StoreError as error:
            found = ReadFailed(str(error))
        if found is not None:
            self._target.post_message(found)
