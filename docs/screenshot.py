"""Draw the screen as a picture: python docs/screenshot.py [DATABASE] [--size 140x30] [-o docs/screen.png].

With `--all`, every screen at 80x24 and 160x48 goes into docs/screens/, for docs/tui.md.

Without a database, what `tracer demo` records is shown. The screen runs headless, takes the keys given with `--keys`
(as Textual names them), and is exported as SVG; that becomes a PNG of twice the size. Needs the `tui` extra, cairosvg
(dependency group `lint`) and the font DejaVu Sans Mono (Debian package fonts-dejavu-core).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import cairosvg

from tracer.store.reader import Reader
from tui.app import TracerApp
from tui.header import Facts
from tui.themes import LOOKS

FONT = "DejaVu Sans Mono"
SCREENS = {
    "conversations": "tab k",
    "waterfall": "j j w 1 8 ]",
    "raw": "j r",
    "diff": "tab k d j d",
    "live": "L",
}
"""Name -> the keys that lead there from the start of the demo."""
SIZES = ((80, 24), (160, 48))
LIGHT = "tab k T"
"""One picture of the other theme, small."""


async def draw(database: Path, size: tuple[int, int], keys: list[str], project: str | None, theme: str = "dark") -> str:
    """The screen as SVG, once everything that it reads is there."""
    with Reader(database) as reader:
        newest = reader.conversations(reader.conversation_seqs(None, project)[:1])
    # Two minutes after the last write, so that the ages say something.
    last_us = newest[0].last_at_us if newest else 0
    app = TracerApp(
        lambda: Reader(database),
        Facts(database.name, project),
        now_us=lambda: last_us + 120_000_000,
        poll_seconds=None,
        theme=theme,
    )
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot.pause)
        for key in keys:
            await pilot.press(key)
            await settle(app, pilot.pause)
        return app.export_screenshot(title=f"tracer tui · {database.name}")


async def settle(app: TracerApp, pause: Callable[[], Awaitable[None]]) -> None:
    """Wait until no worker runs and every message is handled."""
    for _ in range(6):
        await app.workers.wait_for_complete()
        await pause()


def to_png(svg: str, target: Path, scale: float = 2.0) -> None:
    """Write a picture; the web font of the SVG is replaced by an installed one, or columns would drift."""
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    cairosvg.svg2png(svg.encode(), write_to=str(target), scale=scale)


def main() -> None:
    """Read the arguments, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path, nargs="?")
    parser.add_argument("--size", default="140x30", help="columns x rows")
    parser.add_argument("--keys", default="tab", help="keys to press first, separated by spaces: 'j j enter t'")
    parser.add_argument("--project", help="only this project (default: all)")
    parser.add_argument("--theme", default="dark", choices=list(LOOKS))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/screen.png"))
    parser.add_argument("--all", action="store_true", help="every screen, into docs/screens/")
    arguments = parser.parse_args()
    columns, rows = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or recorded_demo(Path(folder) / "demo.db")
        if arguments.all:
            draw_all(database)
            return
        svg = asyncio.run(draw(database, (columns, rows), arguments.keys.split(), arguments.project, arguments.theme))
    to_png(svg, arguments.output)


def draw_all(database: Path) -> None:
    """Every screen at both sizes; small files, for there are eleven."""
    folder = Path(__file__).parent / "screens"
    folder.mkdir(exist_ok=True)
    for name, keys in SCREENS.items():
        for columns, rows in SIZES:
            svg = asyncio.run(draw(database, (columns, rows), keys.split(), "demo"))
            to_png(svg, folder / f"{name}-{columns}x{rows}.png", 1.0)
    columns, rows = SIZES[0]
    svg = asyncio.run(draw(database, (columns, rows), LIGHT.split(), "demo"))
    to_png(svg, folder / f"light-{columns}x{rows}.png", 1.0)


def recorded_demo(database: Path) -> Path:
    """The database after `tracer demo`."""
    demo = [sys.executable, "-m", "tracer", "demo", "--no-screen", "--db", str(database)]
    subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
    return database


if __name__ == "__main__":
    main()
