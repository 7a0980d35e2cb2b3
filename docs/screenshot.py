"""Draw the screen of a database as a picture: python docs/screenshot.py DATABASE [--size 160x48] [-o docs/screen.png].

The screen runs headless, takes the keys given with `--keys` (as Textual names them), and is exported as SVG; that
becomes a PNG of twice the size. Needs the `tui` extra, cairosvg (dependency group `lint`) and the font DejaVu Sans
Mono (Debian package fonts-dejavu-core).
"""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

import cairosvg

from tracer.store.reader import Reader
from tui.app import TracerApp
from tui.header import Facts

FONT = "DejaVu Sans Mono"


async def draw(database: Path, size: tuple[int, int], keys: list[str], project: str | None) -> str:
    """The screen as SVG, once everything that it reads is there."""
    with Reader(database) as reader:
        newest = reader.conversations(reader.conversation_seqs(None, project)[:1])
    last_us = newest[0].last_at_us if newest else 0
    # Two minutes after the last write, so that the ages say something.
    app = TracerApp(
        lambda: Reader(database), Facts(database.name, project), now_us=lambda: last_us + 120_000_000, poll_seconds=None
    )
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot.pause)
        for key in keys:
            await pilot.press(key)
            await settle(app, pilot.pause)
        return app.export_screenshot(title=f"tracer tui · {database.name}")


async def settle(app: TracerApp, pause) -> None:  # noqa: ANN001
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
    parser.add_argument("database", type=Path)
    parser.add_argument("--size", default="160x48", help="columns x rows")
    parser.add_argument("--keys", default="", help="keys to press first, separated by spaces: 'j j enter t'")
    parser.add_argument("--project", help="only this project")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/screen.png"))
    arguments = parser.parse_args()
    columns, rows = map(int, arguments.size.split("x"))
    svg = asyncio.run(draw(arguments.database, (columns, rows), arguments.keys.split(), arguments.project))
    to_png(svg, arguments.output)


if __name__ == "__main__":
    main()
