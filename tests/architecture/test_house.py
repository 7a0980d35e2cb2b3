"""The house keeps its own rules: costs of imports, sizes, the map."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.cli.main import VERBS

HEAVY = ("mitmproxy", "textual", "vcr", "httpx", "httpx2", "sqlite_utils", "pydantic", "uvicorn", "genai_prices")


def heavy_imports(repository: Path, statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) & set(HEAVY)


def test_package_root_imports_nothing_heavy(repository: Path) -> None:
    assert heavy_imports(repository, "import tracer") == set()


def test_help_imports_nothing_heavy(repository: Path) -> None:
    assert heavy_imports(repository, "from tracer.cli.main import run; run(['--help'])") == set()


def test_plugin_imports_nothing_heavy(repository: Path) -> None:
    assert heavy_imports(repository, "import interactions_tracer_plugin") == set()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_stands_in_the_readme(repository: Path, verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", verb, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert f"tracer {verb}" in done.stdout
    assert f"`{verb}" in (repository / "README.md").read_text()


@pytest.mark.parametrize("package", ["tracer", "tui"])
def test_modules_and_functions_stay_small(repository: Path, package: str) -> None:
    modules = list((repository / package).rglob("*.py"))
    assert modules
    for module in modules:
        text = module.read_text()
        assert text.count("\n") <= 400, f"{module} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 80, f"{module}: {node.name} is too long"


def test_architecture_names_every_room(repository: Path) -> None:
    page = (repository / "ARCHITECTURE.md").read_text()
    rooms = {path.stem for path in (repository / "tracer").iterdir() if path.suffix == ".py" or path.is_dir()}
    rooms -= {"__init__", "__main__", "__pycache__", "py"}
    assert {room for room in rooms if f"`{room}`" not in page} == set()
