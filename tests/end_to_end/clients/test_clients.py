"""The rows of the matrix that are quick; `make matrix` runs them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MATRIX = Path(__file__).parent / "matrix.py"
PAGE = Path(__file__).parents[3] / "docs" / "clients.md"

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["curl", "@google/genai 2.32.0"])
def test_row_of_the_matrix(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(MATRIX), "--rows", name, "--json", "--patience", "60"],
        capture_output=True, text=True, timeout=240, check=False, cwd=MATRIX.parent,
    )  # fmt: skip
    (cells,) = json.loads(done.stdout or "[{}]").values()
    if missing := {cell for cell in cells.values() if cell.startswith("- ")}:
        pytest.skip(f"{name}: {', '.join(missing)}")
    assert {way: cell for way, cell in cells.items() if cell != "yes"} == {}
    assert f"| {name} |{' yes |' * len(cells)}\n" in PAGE.read_text()


def test_page_has_every_row_and_a_reason_for_every_empty_cell() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import rows, json; print(json.dumps({n: r.cannot for n, r in rows.ROWS.items()}))"],
        capture_output=True, text=True, timeout=60, check=True, cwd=MATRIX.parent,
    )  # fmt: skip
    page = PAGE.read_text()
    assert "**no**" not in page
    for name, cannot in json.loads(listed.stdout).items():
        assert f"\n| {name} | yes | yes |" in page
        for way, reason in cannot.items():
            assert any(line.startswith(f"- {name}: ") and way in line and reason in line for line in page.splitlines())
