"""`docs/clients.md`: the table of clients, with the reasons of the cells that are empty."""

from __future__ import annotations

from pathlib import Path

from rows import WAYS

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
HEAD = """# Clients

Real packages of real clients, each in an environment of its own, against the emulator: once directly and once through
the proxy. `yes` says that the client printed the same both times, and that the record of each call says what the client
said: ids, statuses, texts, links, exchanges, polls, retries. Plain HTTP clients compare the bytes of answers too.

Written by `make matrix`; the tests check the rows that they run.

"""
LAST = """
`langchain-google-genai` and `pydantic-ai` call generateContent: their calls reach the service unchanged and make no
record. `429`: the answer is 429 twice; clients that ask again by themselves do, and one record has every attempt.
`cut`: the connection breaks in the middle of a stream. @ai-sdk/google sends a function's result inside a `user_input`,
which its records count as unknown. @google/genai 3 needs Node 22 or newer.
"""


def line(name: str, cells: dict[str, str]) -> str:
    """A row of the table; empty cells carry no footnote yet."""
    shown = [_shown(cells.get(way)) for way in WAYS]
    return f"| {name} | {' | '.join(shown)} |"


def _shown(cell: str | None) -> str:
    if cell is None or cell.startswith("- "):
        return "-"
    return "yes" if cell == "yes" else "**no**"


def text(table: dict[str, dict[str, str]]) -> str:
    """The whole page."""
    lines = [f"| client | {' | '.join(WAYS)} |", f"| --- |{' --- |' * len(WAYS)}"]
    lines += [line(name, cells) for name, cells in table.items()]
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, cells in table.items():
        for way, cell in cells.items():
            if cell.startswith("- "):
                reasons.setdefault((name, cell[2:]), []).append(way)
    lines += ["", "Empty cells:", ""]
    lines += [f"- {name}: {', '.join(ways)}: {reason}." for (name, reason), ways in reasons.items()]
    return HEAD + "\n".join(lines) + "\n" + LAST
