"""The commands that are typed after a colon: their names, what they can be given, and the action each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.errors import UsageError
from tui.completion import Completion, of_words


@dataclass(frozen=True, slots=True)
class Command:
    """`action` as Textual's bindings have it; `{}` in it stands for what was given."""

    does: str
    action: str
    words: tuple[str, ...] = ()
    """What it can be given, if that is a choice."""
    free: str = ""
    """What it is given, if that is no choice; empty if nothing may follow."""


COPIES = {
    "id": "i",
    "prompt": "p",
    "answer": "a",
    "json": "j",
    "markdown": "m",
    "curl": "c",
    "program": "g",
    "jq": "q",
    "value": "x",
}
EXPORTS = {"jsonl": "j", "markdown": "m", "curl": "c", "program": "g", "test": "t", "tests": "s"}
COMMANDS = {
    "conversations": Command("the conversations", "home"),
    "raw": Command("raw HTTP", "go('raw')"),
    "waterfall": Command("the waterfall", "go('waterfall')"),
    "context": Command("what the model had, turn by turn", "go('context')"),
    "live": Command("what runs, and statistics", "go('live')"),
    "diff": Command("mark for a diff, or diff with what is marked", "mark"),
    "open": Command("an interaction by its id", "open_id({!r})", free="an id, a key or the beginning of one"),
    "filter": Command("filter the conversations", "filter_by({!r})", free="a filter; nothing lifts it"),
    "search": Command("search in the pane", "search_for({!r})", free="words"),
    "copy": Command("copy", "copy_as({!r})", tuple(COPIES)),
    "export": Command("write into the working folder", "export_as({!r})", tuple(EXPORTS)),
    "pager": Command("open in $PAGER", "pager"),
    "editor": Command("open the record in $EDITOR", "editor"),
    "follow": Command("follow the recording, or stop", "follow"),
    "layout": Command("so many panes", "panes({})", ("1", "2", "3")),
    "theme": Command("colours", "wear({!r})", ("dark", "light", "plain")),
    "keys": Command("every key that works here", "help"),
    "quit": Command("leave", "app.quit"),
}


def complete(text: str, cursor: int) -> Completion:
    """The name of a command, then what it can be given."""
    name, space, _ = text[:cursor].partition(" ")
    if not space:
        return of_words(text, cursor, 0, tuple(COMMANDS))
    found = [command for known, command in COMMANDS.items() if known.startswith(name)]
    return of_words(text, cursor, len(name) + 1, found[0].words if len(found) == 1 else ())


def action_of(text: str) -> str:
    """The action that a typed command is; any unambiguous beginning of a name will do, and a number is a row.

    Raises UsageError with the place of the mistake after a line end.
    """
    name, _, given = text.strip().partition(" ")
    given = given.strip()
    if name.isdigit():
        return f"row({int(name)})"
    command = COMMANDS[_named(name)]
    if not command.words and not command.free:
        if given:
            raise UsageError(f"nothing can follow {name!r}\n{len(name) + 1}")
        return command.action
    if command.words:
        given = _one_of(given, command.words, len(name) + 1)
    return command.action.format(given)


def _named(name: str) -> str:
    if name in COMMANDS:
        return name
    return _one_of(name, tuple(COMMANDS), 0)


def _one_of(typed: str, words: Sequence[str], at: int) -> str:
    found = [word for word in words if word.startswith(typed)] if typed else []
    if typed in words:
        return typed
    if len(found) != 1:
        which = f"which of {', '.join(found)}?" if found else f"there are {', '.join(words)}"
        raise UsageError(f"{typed!r}: {which}\n{at}" if typed else f"{which}\n{at}")
    return found[0]
