"""The keys that work here: those of the focused pane first; typing narrows them down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from tui.text import cut, fit
from tui.theme import S
from tui.widgets.tree import FORK
from tui.widgets.virtual_list import VirtualList
from tui.witness import Witness

KEYS_WIDTH = 22
TEXTUALS = {"screen.copy_text", "quit", "app.focus_next", "app.focus_previous"}
"""Keys that Textual brings and that do what others here do, or nothing."""
_DIRECTION = re.compile(r"\(-?[\d.]+\)$|^app\.")
"""What tells actions apart that stand on one line: the next and the one before."""


class Row(NamedTuple):
    """A line of the help: keys and what they do, or (without keys) the title of those below it."""

    keys: str
    does: str
    section: str


BESIDE_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Filter",
        (
            ("status:failed", "by what the service said: completed, failed, requires_action …"),
            ("model: agent: tool:", "a part of the name of one"),
            ("latency:5s..", "durations, also cost:0.01.. and tokens:1000..2000"),
            ("is:failed", "running, background, stream, fork, root …"),
            ("has:thought", "tool, error, retry, poll …"),
            ("since:2h run:@last", "how old, which start of the proxy"),
            ('not:model:pro "words"', "the opposite; words anywhere in what was said"),
        ),
    ),
    (
        "Signs",
        (
            ("● ◐ ○", "done, running, queued"),
            ("◆", "waits for the result of a tool"),
            ("✖ ◍ ◒", "failed or cancelled, cut off, incomplete"),
            ("◌", "named as a parent but never recorded"),
            (f"{FORK} 2", "a fork: two interactions continue from here"),
        ),
    ),
    ("Mouse", (("click", "choose a row, or a pane by its title; twice: open it; on ▸ ▾: fold"), ("wheel", "scroll"))),
)


def keys_of(screen: Screen[None], pane: VirtualList, title: str, everywhere: set[str]) -> list[Row]:
    """Every key that works while `pane` has the keyboard, the nearest first; keys of one action stand together.
    `title` names the screen, `everywhere` the actions that all screens have."""
    moving = actions_of(VirtualList)
    here = pane.TITLE or pane.title
    sections: dict[str, dict[str, list[ActiveBinding]]] = {here: {}, title: {}, "Move": {}, "Everywhere": {}}
    for active in screen.active_bindings.values():
        action = active.binding.action
        if not active.binding.description or action in TEXTUALS:
            continue
        if active.node is pane:
            section = "Move" if action in moving and action not in actions_of(type(pane)) else here
        else:
            section = "Everywhere" if action in everywhere else title
        sections[section].setdefault(_DIRECTION.sub("", action), []).append(active)
    rows = []
    for section, actions in sections.items():
        for group in actions.values():
            keys = " ".join(screen.app.get_key_display(active.binding) for active in group).replace("⏎", "↵")
            does = " / ".join(dict.fromkeys(active.binding.description for active in group))
            rows.append(Row(keys, does, section))
        if section == "Move":
            rows.append(Row("5j 12G", "a number repeats what follows it, or is the row to go to", section))
    return rows + [Row(keys, does, section) for section, lines in BESIDE_KEYS for keys, does in lines]


def actions_of(kind: type[DOMNode]) -> set[str]:
    """The actions that a class itself binds."""
    own: Iterable[BindingType] = kind.__dict__.get("BINDINGS", ())
    return {binding.action for binding in own if isinstance(binding, Binding)}


class KeyList(VirtualList):
    """The rows, each section under its title."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__()
        self._all = rows
        self.rows: list[Row] = []
        self.narrow("")

    def narrow(self, words: str) -> None:
        """Only rows that hold every word."""
        wanted = words.lower().split()
        self.rows, section = [], None
        for row in self._all:
            if all(word in f"{row.keys} {row.does}".lower() for word in wanted):
                if row.section != section:
                    self.rows += [*([Row("", "", "")] if self.rows else []), Row("", row.section, row.section)]
                    section = row.section
                self.rows.append(row)
        self.set_total(len(self.rows))
        self.cursor = -1  # nothing is chosen here

    def draw(self, index: int, part: int, width: int) -> list[Segment]:
        """Keys and meaning, or a title."""
        row = self.rows[index]
        if not row.keys:
            return [Segment(" " + cut(row.does, width - 1), S.bright)]
        room = max(KEYS_WIDTH, min(len(row.keys) + 1, width // 2))
        return [Segment("  " + fit(row.keys, room), S.key), Segment(cut(row.does, width - room - 2), S.plain)]

    def blank(self, y: int, width: int) -> list[Segment]:
        """Nothing fits the words."""
        return [Segment("  no key does that", S.muted)] if y == 0 else []


class HelpScreen(Witness, ModalScreen[None]):
    """The keys over the dimmed screen; esc, enter and ? close them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,question_mark", "dismiss_help", "close", show=False, priority=True),
        Binding("down,ctrl+n", "scroll(1)", show=False, priority=True),
        Binding("up,ctrl+p", "scroll(-1)", show=False, priority=True),
        Binding("pagedown,ctrl+d", "scroll(15)", show=False, priority=True),
        Binding("pageup,ctrl+u", "scroll(-15)", show=False, priority=True),
    ]

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        """The line to type into, and the keys."""
        with Vertical(id="keys"):
            yield Input(placeholder="type to search the keys; esc closes")
            keys = KeyList(self._rows)
            keys.can_focus = False
            yield keys

    def on_resize(self, event: events.Resize) -> None:
        """As tall as there is room for, whatever is typed."""
        keys = self.query_one(KeyList)
        keys.styles.height = min(len(keys.rows), max(4, event.size.height - 7))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Fewer rows."""
        self.query_one(KeyList).narrow(event.value)

    def action_dismiss_help(self) -> None:
        """Close."""
        self.dismiss()

    def action_scroll(self, step: int) -> None:
        """More of them on a small terminal."""
        self.query_one(KeyList).scroll_relative(y=step, animate=False)
