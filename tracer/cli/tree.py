"""`tracer tree`: conversations as trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer.cli import output, rendering
from tracer.cli.diagnostics import Exit, say
from tracer.cli.scope import elsewhere, now_us, open_reader, read_filter, scoped
from tracer.errors import StoreError

if TYPE_CHECKING:
    from tracer.store.reader import Reader
    from tracer.store.rows import ConversationRow, InteractionRow
    from tracer.tree import Node

DEFAULT_LIMIT = 20
PROMPT_CELLS = 72
"""Cells of a prompt where there is no terminal to fill."""
MIN_PROMPT_CELLS = 36
"""Cells of a prompt before facts make room for it."""


@click.command("tree", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("wanted", metavar="[ID | FILTER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Whole records in the tree's order, one JSON object a line.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Conversations; 0: all.",
)
@scoped
def command(
    wanted: tuple[str, ...], as_json: bool, limit: int, db: str | None, project: str | None, all_projects: bool
) -> int:
    """Show the conversations of the project as trees, the newest last; with ID only the one it is in.

    ID is any unique prefix of a key or id, or @last. A FILTER is that of `tracer list`: conversations with a turn that
    it holds for are shown whole. A chain of turns stays in its column, a fork branches off; Σ is what a branch took.

    \b
      ● completed  ◐ running  ◌ queued  ◆ waits for the app  ✗ failed  ⊘ cancelled  ▲ incomplete or cut
      ○ was only named as previous_interaction_id and never recorded
    """
    reader, scope = open_reader(db, project, all_projects)
    with reader:
        chosen = _chosen(reader, wanted, scope, limit)
        if not chosen:
            say(f"tracer: no conversation found; {elsewhere(reader, scope)}")
            return Exit.FAILED
        for place, conversation in enumerate(reversed(chosen)):
            nodes = _nodes(reader, conversation)
            if as_json:
                for node in nodes:
                    if not node.row.ghost:
                        output.write_json(reader.record(node.row.key))
            else:
                blank = [""] if place else []
                output.write("\n".join([*blank, _headline(conversation, all_projects), *_lines(nodes)]))
    return Exit.DONE


def _chosen(reader: Reader, wanted: tuple[str, ...], scope: str | None, limit: int) -> list[ConversationRow]:
    unknown: StoreError | None = None
    if len(wanted) == 1 and ":" not in wanted[0]:
        try:
            return reader.conversations_of(reader.interaction(reader.resolve(wanted[0], scope)).root_key)
        except StoreError as error:
            unknown = error  # then it is a word to search for
    where = read_filter(wanted)
    scope = None if where.any_project else scope
    found = reader.conversations(reader.conversation_seqs(where, scope)[: limit or None])
    if unknown is not None and not found:
        raise unknown
    return found


def _nodes(reader: Reader, conversation: ConversationRow) -> list[Node[InteractionRow]]:
    from tracer import tree

    return tree.conversation(reader.tree(conversation.root_key))


def _headline(conversation: ConversationRow, with_project: bool) -> str:
    said = [
        f"{conversation.interactions} interaction{'' if conversation.interactions == 1 else 's'}",
        f"{conversation.failed} failed" if conversation.failed else "",
        f"{conversation.running} running" if conversation.running else "",
        f"{rendering.count(conversation.total_tokens)} tokens" if conversation.total_tokens else "",
        rendering.money(conversation.cost_nano) if conversation.cost_nano is not None else "",
        rendering.age(conversation.last_at_us, now_us()),
    ]
    where = f"{rendering.one_line(conversation.project)}: " if with_project else ""
    return f"── {where}{', '.join(filter(None, said))}"


def _lines(nodes: list[Node[InteractionRow]]) -> list[str]:
    from tracer.tree import from_here, lanes

    available = rendering.line_width()
    lines: list[str] = []
    forks = {node.row.key for node in nodes if node.fork}
    for node, guide, sums in zip(nodes, lanes(nodes), from_here(nodes, _numbers), strict=True):
        row = node.row
        head = f"{guide.head}{rendering.glyph(row.status, row.state, ghost=row.ghost)} "
        prompt, facts = _prompt(row), _facts(row)
        if row.parent_key in forks and sums[0] > 1:
            facts["branch"] = _branch(*sums)
        room = PROMPT_CELLS
        if available is not None:
            wanted = min(MIN_PROMPT_CELLS, rendering.width(prompt))
            while (room := available - rendering.width(head + _joined(facts)) - 2) < wanted and _drop_one(facts):
                pass
        lines.append(f"{head}{rendering.cut(prompt, max(12, room))}  {_joined(facts)}".rstrip())
    return lines


def _prompt(row: InteractionRow) -> str:
    if row.ghost:
        return f"{rendering.one_line(row.id or '')} (never recorded)"
    return rendering.one_line(row.prompt) or (f"→ {rendering.one_line(row.answer)}" if row.answer else "(no input)")


def _facts(row: InteractionRow) -> dict[str, str]:
    facts = {
        "status": "" if row.status == "completed" or row.ghost else rendering.status_word(row.status, row.state),
        "error": rendering.one_line(row.error_code or ""),
        "model": rendering.one_line(row.agent or row.model or ""),
        "tools": rendering.one_line(row.tools and f"→ {row.tools}"),
        "tokens": "" if row.total_tokens is None else f"{rendering.count(row.total_tokens)} tok",
        "cost": "" if row.cost_nano is None else rendering.money(row.cost_nano),
        "duration": "" if row.duration_us is None else rendering.duration(row.duration_us),
        "key": "" if row.ghost else row.key[: rendering.SHORT_KEY],
    }
    return {name: text for name, text in facts.items() if text}


def _numbers(row: InteractionRow) -> tuple[int, ...]:
    known = row.cost_nano is not None
    return (0, 0, 0, 0) if row.ghost else (1, row.total_tokens or 0, row.cost_nano or 0, known)


def _branch(turns: int, tokens: int, cost_nano: int, priced: int) -> str:
    cost = f", {rendering.money(cost_nano)}" if priced else ""
    return f"Σ {turns} turns, {rendering.count(tokens)} tok{cost}"


def _joined(facts: dict[str, str]) -> str:
    return " · ".join(facts.values())


def _drop_one(facts: dict[str, str]) -> bool:
    """On a narrow terminal the prompt says more than the numbers."""
    return any(facts.pop(name, None) for name in ("duration", "cost", "tokens", "model", "branch", "tools"))
