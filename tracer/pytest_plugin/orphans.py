"""Cassettes that no test asks for: of tests that were renamed or taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tracer.pytest_plugin.naming import SUFFIX, cassette_folder, cassette_path, marker_arguments


def survey(config: pytest.Config, items: Sequence[pytest.Item]) -> dict[str, list[str]]:
    """What a collection tells: the cassettes in use, the test files, and the cassette folders; plain data."""
    used = [
        str(cassette_path(item, marker_arguments(item).get("cassette")))
        for item in items
        if item.get_closest_marker("interactions") is not None
    ]
    files = {item.path for item in items}
    folders = {str(cassette_folder(config, file)) for file in files}
    return {"used": sorted(set(used)), "files": sorted(map(str, files)), "folders": sorted(folders)}


def find(config: pytest.Config, told: Iterable[dict[str, list[str]]]) -> list[Path]:
    """The cassettes in these folders that nobody uses.

    Those of fixtures are not judged: which there are is known only when they are made. Nor are cassettes of test files
    that exist but were not collected this time, and shared ones then.
    """
    used: set[str] = set()
    files: set[Path] = set()
    folders: set[Path] = set()
    for survey in told:
        used |= set(survey["used"])
        files |= {Path(name) for name in survey["files"]}
        folders |= {Path(name) for name in survey["folders"]}
    patterns = config.getini("python_files")
    orphans: list[Path] = []
    for folder in sorted(folders):
        tests = {file for file in files if cassette_folder(config, file) == folder}
        beside = {found for file in tests for pattern in patterns for found in file.parent.glob(pattern)}
        left_out = {file.stem for file in beside - tests}
        for cassette in sorted(folder.rglob(f"*{SUFFIX}")):
            below = cassette.relative_to(folder).parts
            judged = not left_out if len(below) == 1 else below[0] not in left_out
            judged = judged and not cassette.name.startswith("fixture.")
            if judged and str(cassette) not in used and not _is_elsewhere(folder, cassette, folders):
                orphans.append(cassette)
    return orphans


def _is_elsewhere(folder: Path, cassette: Path, folders: set[Path]) -> bool:
    return any(other != folder and other.is_relative_to(folder) and cassette.is_relative_to(other) for other in folders)
