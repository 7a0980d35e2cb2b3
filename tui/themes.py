"""Dark, light and plain: everything is drawn in the dark theme's colours, and they are exchanged on the way out.

So a pane knows one set of styles, what it keeps in memory survives a change of theme, and plain terminals need no
second drawing: there a row under the cursor is reversed, and colours are the terminal's own sixteen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import color as textual_color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

from tui import theme as dark
from tui.theme import DARK_THEME

LIGHT = {
    dark.BACKGROUND: "#fdfdfb",
    dark.SURFACE: "#f2f3f5",
    dark.RAISED: "#e7eaf0",
    dark.IDLE: "#e9ecf1",
    dark.CURSOR: "#cfe0fb",
    dark.LINE: "#cdd3dd",
    dark.FAINT: "#687285",
    dark.MUTED: "#4d576a",
    dark.TEXT: "#1c2330",
    dark.BRIGHT: "#000000",
    dark.BLUE: "#1557c4",
    dark.GREEN: "#17703a",
    dark.AMBER: "#8a5000",
    dark.RED: "#b82424",
    dark.VIOLET: "#6a38c2",
    dark.TEAL: "#006b64",
    dark.MONEY: "#6f5900",
    dark.REMOVED: "#fae0e0",
    dark.ADDED: "#dbf2e0",
}
GREYS = {
    dark.BACKGROUND: "#121212",
    dark.SURFACE: "#1c1c1c",
    dark.RAISED: "#262626",
    dark.IDLE: "#262626",
    dark.CURSOR: "#3a3a3a",
    dark.LINE: "#444444",
    dark.FAINT: "#8a8a8a",
    dark.MUTED: "#a8a8a8",
    dark.REMOVED: "#5f0000",
    dark.ADDED: "#005f00",
    LIGHT[dark.BACKGROUND]: "#ffffff",
    LIGHT[dark.SURFACE]: "#eeeeee",
    LIGHT[dark.RAISED]: "#e4e4e4",
    LIGHT[dark.IDLE]: "#e4e4e4",
    LIGHT[dark.CURSOR]: "#afd7ff",
    LIGHT[dark.LINE]: "#c6c6c6",
    LIGHT[dark.REMOVED]: "#ffd7d7",
    LIGHT[dark.ADDED]: "#d7ffd7",
}
"""Of the 256 colours that older terminals have, the nearest to a dark blue is a loud one: these are theirs exactly."""
PLAIN = {
    dark.FAINT: "bright_black",
    dark.LINE: "bright_black",
    dark.BLUE: "bright_blue",
    dark.GREEN: "green",
    dark.AMBER: "yellow",
    dark.RED: "red",
    dark.VIOLET: "magenta",
    dark.TEAL: "cyan",
    dark.MONEY: "yellow",
}
"""What is not named has the terminal's own foreground or background."""
_MARKS = {
    dark.CURSOR: Style(reverse=True),
    dark.IDLE: Style(underline=True),
    dark.SURFACE: Style(underline=True),
    dark.REMOVED: Style(strike=True),
    dark.ADDED: Style(underline=True),
}
"""What stands for a background that a plain terminal can't show."""
_DEFAULT = Color.default()
_BADGES = {dark.GREEN, dark.AMBER, dark.BLUE}


class Exchange(LineFilter):
    """Colours of the dark theme -> those of another."""

    def __init__(self, colours: Mapping[str, str], *, plain: bool = False) -> None:
        super().__init__(enabled=bool(colours))
        self._colours = {key: Color.parse(value) for key, value in colours.items()}
        self._plain = plain
        self._known: dict[Style, Style] = {}

    def apply(self, segments: list[Segment], background: textual_color.Color) -> list[Segment]:
        """The same text in the other colours."""
        return [Segment(text, style and self._exchanged(style), control) for text, style, control in segments]

    def _exchanged(self, style: Style) -> Style:
        known = self._known.get(style)
        if known is None:
            known = self._known[style] = self._to_plain(style) if self._plain else self._to_colours(style)
        return known

    def _to_colours(self, style: Style) -> Style:
        return style + Style.from_color(self._colour(style.color), self._colour(style.bgcolor))

    def _colour(self, colour: Color | None) -> Color | None:
        return None if colour is None else self._colours.get(colour.name, colour)

    def _to_plain(self, style: Style) -> Style:
        below = "" if style.bgcolor is None else style.bgcolor.name
        if below in _BADGES:
            return style + Style(color="black", bgcolor=self._colours[below].name)
        shown = _DEFAULT if below == dark.CURSOR else self._named(style.color)
        kept = _DEFAULT if style.bgcolor is None or style.bgcolor.is_default or style.bgcolor.triplet else style.bgcolor
        return style + Style.from_color(shown, kept) + _MARKS.get(below, Style())

    def _named(self, colour: Color | None) -> Color:
        if colour is None or colour.name in self._colours:
            return _DEFAULT if colour is None else self._colours[colour.name]
        return _DEFAULT if colour.triplet else colour


@dataclass(frozen=True, slots=True)
class Look:
    """A theme by the name that a user gives it."""

    name: str
    theme: Theme
    colours: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False

    def exchange(self, color_system: str | None) -> Exchange:
        """What brings the drawn colours into this theme, on a terminal with as many colours as Rich says it has."""
        if self.plain or color_system != "256":
            return Exchange(self.colours, plain=self.plain)
        return Exchange({**GREYS, **{drawn: GREYS.get(shown, shown) for drawn, shown in self.colours.items()}})


def _light(colour: str) -> str:
    return LIGHT[colour]


LIGHT_THEME = Theme(
    name="tracer-light",
    primary=_light(dark.BLUE),
    secondary=_light(dark.VIOLET),
    accent=_light(dark.TEAL),
    success=_light(dark.GREEN),
    warning=_light(dark.AMBER),
    error=_light(dark.RED),
    foreground=_light(dark.TEXT),
    background=_light(dark.BACKGROUND),
    surface=_light(dark.SURFACE),
    panel=_light(dark.RAISED),
    dark=False,
    variables={
        "line": _light(dark.LINE),
        "muted": _light(dark.MUTED),
        "faint": _light(dark.FAINT),
        "input-cursor-background": _light(dark.BLUE),
        "input-cursor-foreground": _light(dark.BACKGROUND),
        "input-selection-background": f"{_light(dark.BLUE)} 30%",
    },
)
_ANSI = BUILTIN_THEMES["ansi-dark"]
PLAIN_THEME = replace(
    _ANSI,
    name="tracer-plain",
    primary="ansi_bright_blue",
    variables={
        **_ANSI.variables,
        "line": "ansi_bright_black",
        "muted": "ansi_default",
        "faint": "ansi_bright_black",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
    },
)
LOOKS = {
    look.name: look
    for look in (
        Look("dark", DARK_THEME),
        Look("light", LIGHT_THEME, LIGHT),
        Look("plain", PLAIN_THEME, PLAIN, plain=True),
    )
}


def fitting(environ: Mapping[str, str], color_system: str | None) -> str:
    """The theme for a terminal whose user has not chosen one.

    `COLORFGBG` ends in the number of the background's colour; few terminals set it, but those that do are right.
    """
    if "NO_COLOR" in environ or color_system in (None, "standard"):
        return "plain"
    return "light" if environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"
