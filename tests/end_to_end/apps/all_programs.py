"""Runs every program in the folder named on the command line, each with an API key of its own.

Prints one JSON object: for each program its key, what it printed and the error that ended it, if one did.
"""

import contextlib
import io
import json
import os
import runpy
import sys
from pathlib import Path

told = {}
for program in sorted(Path(sys.argv[1]).glob("*.py")):
    key = os.environ["GEMINI_API_KEY"] = f"guide-{program.stem}-key"
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(str(program), run_name="__main__")
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    told[program.stem] = {"key": key, "printed": printed.getvalue(), "error": error}
print(json.dumps(told))
