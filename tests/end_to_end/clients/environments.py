"""Environments of the clients: made once with uv or npm, then kept in `.cache/clients`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rows import Row

REPOSITORY = Path(__file__).parents[3]
CACHE = REPOSITORY / ".cache" / "clients"
PROGRAMS = Path(__file__).parent / "apps"


class Missing(Exception):
    """Something that a client needs is not on this machine."""


def command(row: Row, patience: float) -> list[str]:
    """How the row's program is started; makes its environment, in `patience` seconds a step, if there is none yet."""
    program = PROGRAMS / row.program
    if row.program.endswith(".mjs"):
        node = shutil.which("node")
        if node is None or shutil.which("npm") is None:
            raise Missing("node and npm are not installed")
        folder = _made(row, lambda folder: _npm(folder, row.node, patience))
        # A client may bring a newer one as a package.
        node = shutil.which("node", path=str(folder / "node_modules" / ".bin")) or node
        # A module finds its packages beside itself.
        copied = folder / row.program
        copied.write_text(program.read_text())
        return [node, str(copied), *row.arguments]
    if row.arguments == ("curl",) and shutil.which("curl") is None:
        raise Missing("curl is not installed")
    python = (
        _made(row, lambda folder: _venv(folder, row.python, patience)) / "bin" / "python"
        if row.python
        else sys.executable
    )
    return [str(python), str(program), *row.arguments]


def _made(row: Row, make) -> Path:
    digest = hashlib.sha256(f"{row.packages}{sys.version}".encode()).hexdigest()[:12]
    folder = CACHE / f"{row.packages[0].strip('@').replace('/', '-').replace('[', '-').replace(']', '')}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "ready").touch()
    return folder


def _venv(folder: Path, packages: tuple[str, ...], patience: float) -> None:
    uv = os.environ.get("UV") or shutil.which("uv") or str(REPOSITORY / ".tools" / "bin" / "uv")
    if not Path(uv).exists():
        raise Missing("uv is not installed")
    _run(patience, uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    _run(patience, uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages)


def _npm(folder: Path, packages: tuple[str, ...], patience: float) -> None:
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    _run(patience, "npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), *packages)


def _run(patience: float, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"{command[0]} was not done with its packages after {patience:g} s") from None
    if done.returncode:
        raise Missing(f"{' '.join(command[:3])} failed: {done.stderr.strip().splitlines()[-1:]}")
