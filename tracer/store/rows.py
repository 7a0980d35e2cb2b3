"""The narrow rows that lists and trees are drawn from; whole records are read one at a time."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

FAILED = "(status IS 'failed' OR state IN ('error', 'interrupted', 'truncated'))"
RUNNING = "(state = 'in_flight' OR (state = 'complete' AND status IN ('in_progress', 'queued')))"
"""Conditions on the table `interaction`."""


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """One node of a conversation. Times in integer microseconds, money in billionths of `currency`."""

    seq: int
    rev: int
    key: str
    project: str
    run: str | None
    id: str | None
    parent_key: str | None
    root_key: str
    linked_by: str | None
    ghost: bool
    """A parent that was named but never seen: only key, id and links are known."""
    dialect: str
    model: str | None
    agent: str | None
    status: str | None
    state: str
    background: bool
    stream: bool
    started_at_us: int
    duration_us: int | None
    first_output_us: int | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    thought_tokens: int | None
    tool_use_tokens: int | None
    total_tokens: int | None
    cost_nano: int | None
    error_code: str | None
    polls: int
    retries: int
    hops: int
    tools: str
    """Names of the tools called, separated by spaces."""
    prompt: str
    """The start of what was asked, on one line."""
    answer: str
    """The start of the answer, on one line."""


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation: the tree under a root, summed up."""

    seq: int
    """Grows with creation; stable."""
    rev: int
    """Grows with every write to any of its interactions."""
    root_key: str
    project: str
    title: str
    interactions: int
    """Without ghosts."""
    failed: int
    running: int
    total_tokens: int
    cost_nano: int | None
    """Null if no interaction in it has a known cost."""
    started_at_us: int
    last_at_us: int
    models: str
    """Names of the models and agents, separated by spaces."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One start of `tracer run` or `tracer proxy`."""

    run: str
    project: str
    started_at_us: int
    ended_at_us: int | None
    command: tuple[str, ...]
    tags: dict[str, str]
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """All conversations of a project (or of all) summed up."""

    conversations: int
    interactions: int
    cost_nano: int | None
    """Null if no cost is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first of a list, as far as they are known."""

    seqs: array[int]
    """Conversations in the order of the list."""
    looked: int
    """Interactions, or sorted conversations, that were looked at until now."""
    done: bool = False
    """These are the first of all that match."""
    whole: bool = False
    """These are all that match."""
