"""The only door to the store.

Every read happens in a worker thread, and a thread has one reader of its own, so no key ever waits for SQLite. The
reads are split into lanes: a long query for the list can't hold up the rows that are in view.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from tracer.errors import StoreError
from tracer.store.filters import Filter
from tracer.store.rows import ConversationRow, Found, InteractionRow, Totals
from tracer.wire.exchange import Exchange
from tui.outline import Branch
from tui.source import Source

if TYPE_CHECKING:
    from tracer.context import Context
    from tracer.store.stats import Group

COURSE_POINTS = 16
"""Points of the course of a model's duration."""
MAX_TAILS = 12
TAIL_CHARACTERS = 400
RUNNING = frozenset({"in_progress", "queued"})
MAX_NEIGHBOURS = 16
"""How many children are read to find the results of an interaction's calls."""
KILLED_AFTER_US = 3_600_000_000
"""A run without an end and without a call for so long was killed, as far as the screen can tell."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was written since the last look; no rows if it was a run that began or ended."""

    rev: int
    rows: list[ConversationRow]
    gone: frozenset[int] = frozenset()
    """The `seq` of conversations that were deleted or became part of another."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the header says of all."""

    totals: Totals
    """Of the project."""
    recording: bool
    """The newest run has not ended, and this is no leftover of one that was killed."""
    elsewhere: int
    """Conversations of other projects; counted only if this one has none."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One interaction with what its neighbours in the tree know of its tool calls."""

    row: InteractionRow
    record: dict[str, Any] | None
    """None for a ghost, and for a row that vanished."""
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Call id -> the call, as the parent made it."""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Call id -> the result, as a child brought it back."""
    waits: dict[str, float | None] = field(default_factory=dict)
    """Call id -> milliseconds that the app took to answer it; None if the end of the turn is not known."""
    branch: Branch | None = None
    """Its line in the tree, with the sums of its branch."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The interaction that a screen is about, and the others of its conversation."""

    row: InteractionRow
    family: Sequence[InteractionRow] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that is known of one interaction."""

    row: InteractionRow
    record: dict[str, Any] | None
    exchanges: list[Exchange]


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, with its last words."""

    rev: int
    rows: list[InteractionRow]
    """The newest first."""
    tails: dict[str, str]
    """Key of a running one -> the end of its answer so far."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Everything there is, counted."""

    rev: int
    models: list[Group]
    """By model, or agent; the largest first."""
    days: list[Group]
    """The newest first; UTC."""
    course: dict[str | None, list[float | None]]
    """Model -> its mean duration in equal spans of its time."""


class Door:
    """Async reads of one database and project; `close` ends the threads."""

    def __init__(self, open_source: Callable[[], Source], project: str | None) -> None:
        self.project = project
        self._query = _Lane("query", open_source)
        self._rows = _Lane("rows", open_source)
        self._detail = _Lane("detail", open_source)
        self._watch = _Lane("watch", open_source)
        self._version: int | None = None
        self._rev = 0

    async def conversation_seqs(self, where: Filter | None) -> array[int]:
        """The `seq` of every matching conversation, in the order of the list; who stops waiting for it ends it."""
        unwanted = Event()
        try:
            return await self._query.run(lambda source: source.conversation_seqs(where, self.project, unwanted.is_set))
        finally:
            unwanted.set()

    async def first_conversations(
        self, where: Filter | None, limit: int
    ) -> AsyncGenerator[tuple[Found, list[ConversationRow]]]:
        """The first of them, as far as they are known, again and again, and the rows of those that came first. Others'
        reads pass in between."""
        steps: Generator[Found] | None = None
        has_rows = False

        def step(source: Source) -> tuple[Found, list[ConversationRow]] | None:
            # All in one turn of the thread: the screen has work of its own meanwhile.
            nonlocal steps, has_rows
            steps = steps or source.first_conversations(where, self.project, limit)
            found = next(steps, None)
            if found is None:
                return None
            rows = [] if has_rows else source.conversations(found.seqs[:limit])
            has_rows |= bool(rows)
            return found, rows

        try:
            while (now := await self._query.run(step)) is not None:
                yield now
        finally:
            self._query.later(lambda: steps.close() if steps else None)

    async def find(self, text: str) -> tuple[int, InteractionRow]:
        """The conversation and the interaction that an id means. Raises StoreError if there is none."""
        return await self._detail.run(lambda source: _find(source, text, self.project))

    async def values(self, name: str) -> list[str]:
        """With what a filter's `name:` can be completed."""
        return await self._rows.run(lambda source: source.values(name, self.project))

    async def overview(self, now_us: int) -> Overview:
        """The sums over all conversations; reads every row of them."""
        return await self._watch.run(lambda source: _overview(source, self.project, now_us))

    async def conversations(self, seqs: Sequence[int]) -> list[ConversationRow]:
        """The rows of these conversations."""
        return await self._rows.run(lambda source: source.conversations(seqs))

    async def tree(self, root_key: str, where: Filter | None = None) -> tuple[list[InteractionRow], set[str] | None]:
        """Every interaction of a conversation by start time, and which of them match a filter (None without one)."""
        return await self._detail.run(
            lambda source: (source.tree(root_key), None if where is None else source.matching(where, root_key))
        )

    async def detail(self, branch: Branch, family: Sequence[InteractionRow]) -> Detail:
        """The record of a turn, with the calls its parent made and the results its children brought."""
        return await self._detail.run(lambda source: _detail(source, branch, family))

    async def whole(self, key: str) -> Whole:
        """An interaction as it is now, with its record (None for a ghost) and its exchanges."""
        return await self._detail.run(
            lambda source: Whole(source.interaction(key), _record(source, key), source.exchanges(key))
        )

    async def context(self, key: str) -> Context:
        """What the model had when it answered. Raises StoreError for what was never recorded."""
        return await self._detail.run(lambda source: source.context(key))

    async def running(self, before: Running | None) -> Running:
        """What runs now; `before` again if nothing was written since."""
        return await self._detail.run(lambda source: _running(source, self.project, before))

    async def counted(self, before: Counted | None) -> Counted:
        """Everything counted, which takes seconds for a million; `before` again if nothing was written since."""
        return await self._query.run(lambda source: _counted(source, self.project, before))

    @property
    def watching(self) -> bool:
        """Whether `changes` speaks of everything that is written from now on."""
        return self._version is not None

    async def start_watching(self) -> None:
        """From here on `changes` speaks of what is written; only the first call counts."""
        await self._watch.run(self._start_watching)

    def _start_watching(self, source: Source) -> None:
        if self._version is None:
            self._version, self._rev = source.data_version(), source.last_rev()

    async def changes(self) -> Changes | None:
        """What was written since the last call, None if nothing was; costs microseconds then."""
        return await self._watch.run(self._changes)

    def _changes(self, source: Source) -> Changes | None:
        version = source.data_version()
        if version == self._version:
            return None
        self._version = version
        before, rev = self._rev, source.last_rev()
        rows = [] if rev == before else source.conversations_since(before, self.project)
        gone = frozenset() if rev == before else frozenset(source.gone_since(before, self.project))
        self._rev = max([rev, *(row.rev for row in rows)])
        return Changes(self._rev, rows, gone - {row.seq for row in rows})

    async def close(self) -> None:
        """Close every reader in its own thread, then end the threads."""
        await asyncio.gather(*(lane.close() for lane in (self._query, self._rows, self._detail, self._watch)))


class _Lane:
    """A thread and its reader, opened with the first read."""

    def __init__(self, name: str, open_source: Callable[[], Source]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"tui-{name}")
        self._open = open_source
        self._source: Source | None = None

    async def run[T](self, read: Callable[[Source], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, read)

    def later(self, do: Callable[[], None]) -> None:
        """In this thread, once what is being read there is; never, if it is closed."""
        with suppress(RuntimeError):
            self._pool.submit(do)

    def _read[T](self, read: Callable[[Source], T]) -> T:
        if self._source is None:
            self._source = self._open()
        return read(self._source)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        self._pool.shutdown(wait=False)

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


def _find(source: Source, text: str, project: str | None) -> tuple[int, InteractionRow]:
    row = source.interaction(source.resolve(text, project))
    return source.conversations_of(row.root_key)[0].seq, row


def _running(source: Source, project: str | None, before: Running | None) -> Running:
    rev = source.last_rev()
    if before is not None and before.rev == rev:
        return before
    # What runs was written to lately, or ran at the last look.
    running = {row.key: row for row in source.running(project, 0 if before is None else before.rev)}
    for row in before.rows if before else ():
        now = _row(source, row.key) if row.key not in running else None
        if now is not None and is_running(now):
            running[now.key] = now
    rows = sorted(running.values(), key=lambda row: -row.started_at_us)
    return Running(rev, rows, {row.key: _tail(source, row.key) for row in rows[:MAX_TAILS]})


def _counted(source: Source, project: str | None, before: Counted | None) -> Counted:
    rev = source.last_rev()
    if before is not None and before.rev == rev:
        return before
    days = source.stats("day", None, project)[::-1]
    return Counted(rev, source.stats("model", None, project), days, source.course("model", COURSE_POINTS, project))


def _tail(source: Source, key: str) -> str:
    record = _record(source, key)
    return ((record or {}).get("output_text") or "")[-TAIL_CHARACTERS:]


def _row(source: Source, key: str) -> InteractionRow | None:
    try:
        return source.interaction(key)
    except StoreError:
        return None


def is_running(row: InteractionRow) -> bool:
    """Whether more of it may come."""
    return row.state == "in_flight" or (row.state == "complete" and row.status in RUNNING)


def _overview(source: Source, project: str | None, now_us: int) -> Overview:
    totals = source.totals(project)
    elsewhere = source.totals(None).conversations if project is not None and not totals.conversations else 0
    return Overview(totals, _recording(source, project, now_us), elsewhere)


def _recording(source: Source, project: str | None, now_us: int) -> bool:
    runs = source.runs(project, 1)
    if not runs or runs[0].ended_at_us is not None:
        return False
    last_us = max([runs[0].started_at_us, *(row.started_at_us for row in source.interactions(None, project, 1, 0))])
    return now_us - last_us < KILLED_AFTER_US


def _detail(source: Source, branch: Branch, family: Sequence[InteractionRow]) -> Detail:
    row = branch.row
    record = None if row.ghost else _record(source, row.key)
    if record is None:
        return Detail(row, None, branch=branch)
    calls: dict[str, dict[str, Any]] = {}
    results: dict[str, dict[str, Any]] = {}
    waits: dict[str, float | None] = {}
    by_key = {other.key: other for other in family}
    wanted = {str(step.get("call_id")) for step in record["input"] if _is_result(step)}
    parent = by_key.get(row.parent_key or "")
    for _ in range(MAX_NEIGHBOURS):
        if parent is None or parent.ghost or not wanted - calls.keys():
            break
        before = _record(source, parent.key)
        for step in before["output"] if before else ():
            if str(step.get("type", "")).endswith("_call") and str(step.get("id")) in wanted:
                calls.setdefault(str(step["id"]), step)
        waits |= _waits(before, record)
        parent = by_key.get(parent.parent_key or "")
    if row.tools:
        children = [other for other in family if other.parent_key == row.key]
        for child in children[:MAX_NEIGHBOURS]:
            after = _record(source, child.key)
            for step in after["input"] if after else ():
                if _is_result(step):
                    results.setdefault(str(step.get("call_id")), step)
            waits = _waits(record, after) | waits
    if row.stream and row.tools:
        from tui.served import has_served, served  # as above

        waits |= served(source.exchanges(row.key)) if has_served(record) else {}
    return Detail(row, record, calls, results, waits, branch)


def _waits(made: dict[str, Any] | None, answered: dict[str, Any] | None) -> dict[str, float | None]:
    if made is None or answered is None:
        return {}
    from tracer.context import tool_times  # pydantic comes with it, and the first screen does without

    return {one.call_id: one.ms for one in tool_times(made, answered)}


def _is_result(step: dict[str, Any]) -> bool:
    return str(step.get("type", "")).endswith("_result")


def _record(source: Source, key: str) -> dict[str, Any] | None:
    try:
        return source.record(key)
    except StoreError:
        return None
