"""Whole screens as golden text, with a fixed clock, database and theme: snapshots/NAME.txt, one line a row.

`TRACER_GOLDEN=write pytest tests/tui/test_snapshots.py` writes them anew; look at the difference before committing.
Those of a theme are kept with their colours (`cat` shows them).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.segment import Segment

SNAPSHOTS = Path(__file__).parent / "snapshots"
WIDE, SMALL = (160, 48), (80, 24)
SCREENS = {
    "conversations": ("j", "j", "tab", "k"),
    "raw": ("j", "r"),
    "waterfall": ("w", "right_square_bracket", "right_square_bracket", "right_square_bracket"),
    "diff": ("j", "tab", "d", "k", "d"),
    "live": ("L",),
    "context": ("j", "C"),
}
OTHERS = {
    "fork": (SMALL, ("j", "enter")),
    "thoughts": (SMALL, ("j", "j", "enter", "k", "enter", "t")),
    "record": (SMALL, ("j", "r", "W", "plus")),
    "filter": (SMALL, ("slash", *"is", "colon", *"f")),
    "mistake": (SMALL, ("slash", *"is", "colon", *"odd", "enter")),
    "nothing": (SMALL, ("slash", *"model", "colon", *"none", "enter")),
    "command": (SMALL, ("colon", *"theme", "space")),
    "copy": (SMALL, ("j", "y")),
    "export": (SMALL, ("j", "e")),
    "palette": (SMALL, ("ctrl+p", *"wat")),
    "help": (SMALL, ("question_mark",)),
    "ghost": (SMALL, ("G", "enter", "k", "enter")),
}
CASES = {
    **{f"{name}-{w}x{h}": ((w, h), keys, "text") for name, keys in SCREENS.items() for w, h in (WIDE, SMALL)},
    **{name: (size, keys, "text") for name, (size, keys) in OTHERS.items()},
    **{f"theme-{look}": (SMALL, ("j", "enter"), look) for look in ("dark", "light", "plain")},
}


def drawn(driver, *, coloured: bool) -> str:
    lines = []
    for strip in driver.app.screen._compositor.render_strips():
        text = "".join(_coloured(segment) if coloured else segment.text for segment in strip)
        lines.append(text if coloured else text.rstrip())
    return "\n".join(lines) + "\n"


def _coloured(segment: Segment) -> str:
    return segment.style.render(segment.text, color_system=ColorSystem.TRUECOLOR) if segment.style else segment.text


@pytest.mark.parametrize("name", CASES)
async def test_the_screen_is_as_it_was(opened, name, tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.cwd", lambda: Path("/home/me/app"))
    size, keys, look = CASES[name]
    async with opened(size=size, theme="dark" if look == "text" else look) as driver:
        await driver.press(*keys[:1])  # the tree of another conversation is there before it is looked into
        await driver.press(*keys[1:])
        shown = drawn(driver, coloured=look != "text")
    golden = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("TRACER_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")
