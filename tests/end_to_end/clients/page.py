"""`docs/clients.md`: the table of clients, with the reasons of the cells that are empty."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rows import ROWS, WAYS

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[2] / "docs" / "clients.md"
HEAD = """# Clients

Real packages of real clients, each in an environment of its own, against the emulator: once directly and once through
the proxy. `yes` says that

- the client printed the same both times;
- the same bytes crossed: every call, its head fields as they were written and its body, of requests as the service got
  them and of answers as the client got them. Not compared are `date` and `host`, where the pieces of a body were
  divided, and in `resume` and `cut`, how much of an answer came before and after the break;
- the record of each call says what the client said: ids, statuses, texts, links, exchanges, polls, retries.

"""
WRITTEN = """
Written by `make matrix` from programs, checks and versions with the digest `{}`; the tests check that they are the same
still, and run the rows of curl, @google/genai and google-genai that are quick.
"""
LAST = """
`langchain-google-genai` and `pydantic-ai` call generateContent: their calls reach the service unchanged and make no
record. `429`: the answer is 429 twice; clients that ask again by themselves do, and one record has every attempt.
`cut`: the connection breaks in the middle of a stream. `resume`: the client goes on with a stream that it left,
@ai-sdk/google by itself with one that broke, agno with one that ended before its job. `cancel` of @ai-sdk/google: the
app aborts a job. `background` of google-adk: its deferred tier. `fork` and `404` of google-adk and agno: a session that
begins with events or messages of another. @ai-sdk/google sends a function's result inside a `user_input`, which its
records count as unknown. @google/genai 3 runs with Node 22 from the package `node`.
"""


def digest() -> str:
    """Of everything that decides a cell, but the tracer."""
    sources = [FOLDER / name for name in ("rows.py", "checks.py", "crossed.py", "tap.py", "neighbours.py")]
    sources += sorted((FOLDER / "apps").iterdir())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources if path.is_file())).hexdigest()[:12]


def expected() -> dict[str, dict[str, str]]:
    """What the table says if every cell holds."""
    return {
        row.name: {way: f"- {row.cannot[way]}" if way in row.cannot else "yes" for way in row.ways}
        for row in ROWS.values()
    }


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
    return HEAD + "\n".join(lines) + "\n" + LAST + WRITTEN.format(digest())
