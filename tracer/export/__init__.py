"""An interaction in the words of other tools, one file per format: what the screen copies, the command prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.cassettes.jsonl import dump_line
from tracer.export.curl import curl
from tracer.export.jsonl import jsonl
from tracer.export.markdown import markdown
from tracer.export.python import python
from tracer.export.texts import answer, prompt
from tracer.wire import routes
from tracer.wire.exchange import Exchange

__all__ = ["FORMATS", "TEXTS", "create_of", "curl", "export", "jsonl", "markdown", "python"]

type Record = dict[str, Any]

FORMATS: dict[str, str] = {
    "jsonl": "jsonl",
    "markdown": "md",
    "curl": "sh",
    "python": "py",
    "exchanges": "jsonl",
    "prompt": "txt",
    "answer": "txt",
}
"""Format -> the suffix of its files."""
TEXTS: dict[str, Callable[[Record], str | None]] = {"prompt": prompt, "answer": answer}
"""Formats that are words and nothing else: copied as they are, printed with a line end."""

_OF_RECORDS: dict[str, Callable[[Record], str]] = {"jsonl": jsonl, "markdown": markdown}
_OF_CALLS: dict[str, Callable[[Exchange, Record], str]] = {"curl": lambda create, _: curl(create), "python": python}


def create_of(exchanges: Sequence[Exchange]) -> Exchange | None:
    """The call that began an interaction, the last attempt if it was repeated; None if it was not recorded."""
    creates = [exchange for exchange in exchanges if _is_create(exchange)]
    return creates[-1] if creates else None


def _is_create(exchange: Exchange) -> bool:
    route = routes.match(exchange.method, exchange.path, exchange.query)
    return route is not None and route.operation == "create"


def export(name: str, record: Record, exchanges: Callable[[], Sequence[Exchange]]) -> str | None:
    """An interaction in the format `name`, ending in a newline; None if there is no such text, or if that needs the
    call that began it and it was not recorded. `exchanges` is asked only by formats that need them."""
    if name in TEXTS:
        text = TEXTS[name](record)
        return None if text is None else f"{text}\n"
    if name in _OF_RECORDS:
        return _OF_RECORDS[name](record)
    if name == "exchanges":
        return "".join(f"{dump_line(exchange)}\n" for exchange in exchanges())
    create = create_of(exchanges())
    return None if create is None else _OF_CALLS[name](create, record)
