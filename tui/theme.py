"""The colours: the dark Textual theme, and the Rich styles that line widgets draw with (other themes: `themes.py`).

Green is done, amber runs, red failed, violet thinks, teal is a tool, blue is where the keyboard is.
"""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme

BACKGROUND = "#0e1117"
SURFACE = "#151a23"
RAISED = "#1b2230"
IDLE = "#1b2231"
"""The cursor's row while the keyboard is elsewhere."""
CURSOR = "#233049"
LINE = "#273042"
FAINT = "#74819b"
MUTED = "#8f9cb3"
TEXT = "#d7deea"
BRIGHT = "#ffffff"
BLUE = "#7cb3ff"
GREEN = "#6fd08c"
AMBER = "#f0b45b"
RED = "#f27a7a"
VIOLET = "#b99cf5"
TEAL = "#5cc9c0"
MONEY = "#c9b478"
REMOVED = "#33191f"
ADDED = "#16301f"

DARK_THEME = Theme(
    name="tracer",
    primary=BLUE,
    secondary=VIOLET,
    accent=TEAL,
    success=GREEN,
    warning=AMBER,
    error=RED,
    foreground=TEXT,
    background=BACKGROUND,
    surface=SURFACE,
    panel=RAISED,
    dark=True,
    variables={
        "line": LINE,
        "muted": MUTED,
        "faint": FAINT,
        "input-cursor-background": BLUE,
        "input-selection-background": f"{BLUE} 30%",
    },
)


class S:
    """The styles of drawn text, named by what they say."""

    ground = Style(bgcolor=BACKGROUND)
    title_ground = Style(bgcolor=SURFACE)
    bar_ground = Style(bgcolor=RAISED)
    plain = Style(color=TEXT)
    bright = Style(color=BRIGHT, bold=True)
    strong = Style(color=TEXT, bold=True)
    muted = Style(color=MUTED)
    faint = Style(color=FAINT)
    line = Style(color=LINE)
    ghost = Style(color=FAINT, italic=True)
    key = Style(color=BLUE, bold=True)
    focus = Style(color=BLUE)
    done = Style(color=GREEN)
    running = Style(color=AMBER)
    failed = Style(color=RED)
    failed_strong = Style(color=RED, bold=True)
    thought = Style(color=VIOLET)
    thought_text = Style(color=MUTED, italic=True)
    tool = Style(color=TEAL)
    tool_strong = Style(color=TEAL, bold=True)
    user = Style(color=BLUE, bold=True)
    model = Style(color=GREEN, bold=True)
    money = Style(color=MONEY)
    cursor = Style(bgcolor=CURSOR)
    cursor_idle = Style(bgcolor=IDLE)
    found = Style(color=BACKGROUND, bgcolor=AMBER)
    playhead = Style(bgcolor=CURSOR, bold=True)
    removed = Style(color=RED, bgcolor=REMOVED)
    added = Style(color=GREEN, bgcolor=ADDED)
    live = Style(color=BACKGROUND, bgcolor=GREEN, bold=True)
    badge = Style(color=BACKGROUND, bgcolor=AMBER, bold=True)
    follow = Style(color=BACKGROUND, bgcolor=BLUE, bold=True)


_GLYPHS: dict[str, tuple[str, Style]] = {
    "completed": ("●", S.done),
    "in_progress": ("◐", S.running),
    "queued": ("○", S.running),
    "requires_action": ("◆", S.tool),
    "requires_continuation": ("◆", S.muted),
    "incomplete": ("◒", S.running),
    "budget_exceeded": ("◒", S.failed),
    "failed": ("✖", S.failed),
    "cancelled": ("✖", S.muted),
}


def glyph(status: str | None, state: str, *, ghost: bool = False) -> tuple[str, Style]:
    """The sign of an interaction: what the service said, or else what became of the transport."""
    if ghost:
        return "◌", S.ghost
    if state == "error":
        return "✖", S.failed
    if state in ("interrupted", "truncated"):
        return "◍", S.failed
    if status is None:
        return ("◐", S.running) if state == "in_flight" else ("·", S.muted)
    return _GLYPHS.get(status, ("·", S.muted))
