"""What a test's marker says, where its cassette is, and the command that runs this test again."""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

SUFFIX = ".interactions.yaml"
_LONGEST_NAME = 180
_WORDS = {"polls": ("collapse", "as_recorded"), "other_hosts": ("pass", "record", "block")}


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """The marker's arguments: those nearest to the test win, `ignore` adds up over module, class and function."""
    merged: dict[str, Any] = {}
    ignore: list[str] = []
    for marker in reversed(list(item.iter_markers("interactions"))):
        try:
            arguments = _signature(*marker.args, **marker.kwargs)
        except TypeError as error:
            pytest.fail(f"@pytest.mark.interactions: {str(error).replace('_signature()', 'it')}", pytrace=False)
        ignore += arguments.pop("ignore", ())
        merged |= arguments
    for name, words in _WORDS.items():
        if merged.get(name, words[0]) not in words:
            listed = " or ".join([", ".join(map(repr, words[:-1])), repr(words[-1])])
            pytest.fail(f"@pytest.mark.interactions: {name} is {merged[name]!r}: it must be {listed}", pytrace=False)
    return {**merged, "ignore": ignore}


def _signature(cassette: str | None = None, **arguments: Any) -> dict[str, Any]:
    for name in arguments.keys() - {"ignore", "polls", "errors", "other_hosts"}:
        raise TypeError(f"it has no argument {name!r}: cassette, ignore, polls, errors and other_hosts are known")
    return arguments if cassette is None else {"cassette": cassette, **arguments}


def cassette_folder(config: pytest.Config, file: Path) -> Path:
    """The folder of the cassettes of the tests in a file."""
    if chosen := config.getini("interactions_cassette_dir"):
        folder: Path = config.rootpath / chosen
        return folder / file.parent.relative_to(config.rootpath) if file.is_relative_to(config.rootpath) else folder
    return file.parent / "cassettes"


def cassette_path(item: pytest.Item, name: str | None = None) -> Path:
    """Where a test's cassette is: in the test's own file, or in one that `name` gives and other tests may share.

    A name ending in `.yaml` is a path beside the test file; any other stands in the cassette folder.
    """
    if name and name.endswith((".yaml", ".yml")):
        return item.path.parent / name
    folder = cassette_folder(item.config, item.path)
    if name:
        return folder / f"{name}{SUFFIX}"
    own_name = ".".join(item.nodeid.split("::", 1)[-1].split("::"))
    return folder / item.path.stem / f"{escaped(own_name)}{SUFFIX}"


def again(item: pytest.Item, mode: str) -> str:
    """The command that records just this test in a mode."""
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    rest = item.nodeid.partition("::")[2]
    return f"pytest {shlex.quote(f'{file}::{rest}' if rest else file)} --interactions-record={mode}"


def escaped(name: str) -> str:
    """A test's name as a file name on any system; long ones are cut and told apart by a hash."""
    escaped = quote(name, safe="[]-_.,=+@")
    if len(escaped) <= _LONGEST_NAME:
        return escaped
    return f"{escaped[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
