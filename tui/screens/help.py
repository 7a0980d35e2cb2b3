"""Every key, on one page."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.theme import S
from tui.widgets.tree import FORK

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Move",
        (
            ("j k  ↓ ↑", "a row down, up; a number before it repeats: 5j"),
            ("g G", "first, last row; 12G goes to row 12"),
            ("^d ^u  PgDn PgUp", "half a page, a page"),
            ("h l  ← →", "the pane to the left, to the right"),
            ("tab shift+tab", "the next pane, the one before"),
            ("↵", "open: list → tree → interaction"),
            ("esc", "back; in the list, lift the filter"),
        ),
    ),
    (
        "Interaction",
        (
            ("↵ space", "open or fold the block under the cursor"),
            ("{ }", "block before, next block"),
            ("t", "open or fold every thought"),
        ),
    ),
    (
        "Screens",
        (
            ("r", "raw HTTP; W beside the record, [ ] exchange, c x fold, open all"),
            ("w", "waterfall; i o zoom, [ ] event, space plays, < > speed, b branch"),
            ("C", "context: what the model had, growth and cached share of each turn"),
            ("d d", "diff of two interactions; } { next, last difference, x swaps"),
            ("L", "live and statistics"),
        ),
    ),
    (
        "Take away",
        (
            ("y", "copy: id, prompt, answer, JSON, Markdown, curl, program, jq path"),
            ("e", "export to a file here: JSON lines, Markdown, curl, program"),
            ("v E", "open in $PAGER, in $EDITOR"),
            (": ^p", "every command, found by what it does"),
        ),
    ),
    (
        "Find and follow",
        (
            ("/", 'filter, such as status:failed tool:search latency:5s.. "words"'),
            ("F", "follow the recording; moving by hand ends it"),
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
    ("Panes", (("+", "this pane alone, and back"), ("-", "three panes, two, one; it stays so"))),
    ("Mouse", (("click wheel", "choose a row (twice: open it), scroll"),)),
    ("Leave", (("q", "quit"),)),
)


class HelpScreen(ModalScreen[None]):
    """The keys over the dimmed screen; any of ?, esc, q and enter closes them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss_help", "close", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def compose(self) -> ComposeResult:
        """The table."""
        with VerticalScroll(id="keys"):
            yield Static(key_table())

    def action_dismiss_help(self) -> None:
        """Close."""
        self.dismiss()

    def action_scroll(self, step: int) -> None:
        """A line on a small terminal."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)


def key_table() -> Text:
    """The keys in groups."""
    text = Text()
    for title, keys in KEYS:
        text.append(f"{title}\n", S.bright)
        for key, does in keys:
            text.append(f"  {key:<17}", S.key)
            text.append(f"{does}\n", S.plain)
        text.append("\n")
    text.rstrip()
    return text
