"""The rows of the matrix that are quick; `make matrix` runs them all."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

MATRIX = Path(__file__).parent / "matrix.py"

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["curl", "@google/genai 2.32.0", "google-genai 3.4.0 async"])
def test_row_of_the_matrix(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(MATRIX), "--rows", name, "--json", "--patience", "60"],
        capture_output=True, text=True, timeout=240, check=False, cwd=MATRIX.parent,
    )  # fmt: skip
    (cells,) = json.loads(done.stdout or "[{}]").values()
    if missing := {cell for cell in cells.values() if cell.startswith("- ")}:
        pytest.skip(f"{name}: {', '.join(missing)}")
    assert {way: cell for way, cell in cells.items() if cell != "yes"} == {}


def test_page_is_what_the_matrix_of_now_writes_if_every_cell_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(MATRIX.parent)
    page = importlib.import_module("page")
    assert page.PAGE.read_text() == page.text(page.expected()), "run `make matrix`"
    shown = page.text({**page.expected(), "curl": {"plain": "it was recorded"}})
    assert "| curl | **no** | - |" in shown


def test_a_part_of_the_matrix_does_not_replace_the_page() -> None:
    done = subprocess.run(
        [sys.executable, str(MATRIX), "--rows", "curl", "--write"],
        capture_output=True, text=True, timeout=60, check=False, cwd=MATRIX.parent,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--write needs every row" in done.stderr
