"""What the screen needs of `tracer.store.reader.Reader`; tests put others in its place."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tracer.store.filters import Filter
from tracer.store.rows import ConversationRow, Found, InteractionRow, RunRow, Totals
from tracer.wire.exchange import Exchange

if TYPE_CHECKING:
    from tracer.context import Context
    from tracer.store.stats import Group


class Source(Protocol):
    """Reads of one thread's connection."""

    def data_version(self) -> int:
        """A number that changes when another connection wrote."""
        ...

    def last_rev(self) -> int:
        """The highest `rev` written."""
        ...

    def conversation_seqs(
        self, where: Filter | None, project: str | None, stop: Callable[[], bool] | None = None
    ) -> array[int]:
        """The `seq` of every conversation, in the order of the list; StoreError once `stop` says yes."""
        ...

    def first_conversations(self, where: Filter | None, project: str | None, limit: int) -> Generator[Found]:
        """The first of them, as far as they are known, again and again."""
        ...

    def matching(self, where: Filter, root_key: str) -> set[str]:
        """The keys of a conversation's interactions for which a filter holds."""
        ...

    def conversations(self, seqs: Sequence[int]) -> list[ConversationRow]:
        """The rows of these, in this order; those that are gone are left out."""
        ...

    def conversations_since(self, rev: int, project: str | None) -> list[ConversationRow]:
        """The conversations written to after `rev`."""
        ...

    def gone_since(self, rev: int, project: str | None) -> array[int]:
        """The conversations that were deleted or became part of another after `rev`."""
        ...

    def totals(self, project: str | None) -> Totals:
        """Counts and cost of a project."""
        ...

    def interactions(
        self, where: Filter | None, project: str | None, limit: int | None, offset: int
    ) -> list[InteractionRow]:
        """Interactions, newest first."""
        ...

    def values(self, name: str, project: str | None) -> list[str]:
        """What a name of the filter language can be, the most frequent first."""
        ...

    def resolve(self, text: str, project: str | None) -> str:
        """The key that the beginning of an id or key means."""
        ...

    def conversations_of(self, root_key: str) -> list[ConversationRow]:
        """The conversation of a root, one row for each project."""
        ...

    def stats(self, by: str, where: Filter | None, project: str | None) -> list[Group]:
        """Interactions counted by what they have in common."""
        ...

    def course(self, by: str, buckets: int, project: str | None) -> dict[str | None, list[float | None]]:
        """For each group the mean duration in equal spans of its time."""
        ...

    def running(self, project: str | None, rev: int) -> list[InteractionRow]:
        """Interactions of which more may come, of those written after a `rev`."""
        ...

    def runs(self, project: str | None, limit: int | None) -> list[RunRow]:
        """Starts of the proxy, newest first."""
        ...

    def tree(self, root_key: str) -> list[InteractionRow]:
        """Every interaction of a conversation by start time."""
        ...

    def record(self, key: str) -> dict[str, Any]:
        """The whole record of one interaction."""
        ...

    def interaction(self, key: str) -> InteractionRow:
        """The row of one interaction."""
        ...

    def exchanges(self, key: str) -> list[Exchange]:
        """The exchanges of an interaction, by start, with bodies and chunk times."""
        ...

    def context(self, key: str) -> Context:
        """What the model had when it answered this."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
