"""Runs every example, one after the other: `python examples`."""

import runpy
import sys
from pathlib import Path

PROGRAMS = ("failure", "research", "stream", "tools", "chat")

for program in PROGRAMS:
    try:
        runpy.run_path(str(Path(__file__).with_name(f"{program}.py")), run_name="__main__")
    except Exception as error:
        print(f"{program}: {type(error).__name__}: {error}", file=sys.stderr)
