"""Where things are and how the project wants them: environment, `[tool.tracer]` in pyproject.toml, defaults."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import platformdirs

from tracer.errors import UsageError

DEFAULT_MAX_BODY = 64 * 1024 * 1024
DEFAULT_MAX_SIZE = "10G"
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for one start of the program."""

    project: str
    db: Path
    upstream: str | None = None
    """The upstream of the proxy if the project names one; else the user's base URL or the Gemini API."""
    tier: Literal["free", "paid"] | None = None
    prices: Path | None = None
    max_body: int = DEFAULT_MAX_BODY
    max_size: int | None = None
    """How large the database may be, in bytes, before the words of its oldest conversations make room."""
    scrub: tuple[str, ...] = ()
    capture: Literal["full", "metadata"] = "full"
    """`metadata` keeps no bodies: who called what, when, with which status and sizes."""
    power_safe: bool = False
    """Whether recordings are to survive a power cut too (`--durability power`)."""
    config_file: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def journal(self) -> Path:
        """The folder of journal segments that go into this database."""
        return self.db.with_name(self.db.name + ".journal")

    @property
    def account_key(self) -> Path:
        """The key of the hash that tells API keys apart; created 0600 on first use."""
        return data_folder() / "account.key"

    @property
    def ca_folder(self) -> Path:
        """The proxy's own certificate authority."""
        return data_folder() / "ca"


def data_folder() -> Path:
    """The user's data folder for this program (`TRACER_HOME` overrides it)."""
    override = os.environ.get("TRACER_HOME")
    return Path(override) if override else Path(platformdirs.user_data_dir("interactions-tracer", appauthor=False))


def load(*, db: str | None = None, folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a working folder. Raises UsageError for a config that can't be read or has a wrong value."""
    here = folder or Path.cwd()
    config_file, config = _config(here)
    known = {"project", "db", "upstream", "tier", "prices", "max_body", "max_size", "scrub", "capture"}
    wanted_db = db or environ.get("TRACER_DB") or config.get("db")
    if wanted_db and "://" in str(wanted_db):
        raise UsageError(f"the database {wanted_db!r} is a URL, but only SQLite files are supported: give a path")
    tier = config.get("tier")
    if tier not in (None, "free", "paid"):
        raise UsageError(f"[tool.tracer] tier is {tier!r} in {config_file}: it must be 'free' or 'paid'")
    capture = config.get("capture", "full")
    if capture not in ("full", "metadata"):
        raise UsageError(f"[tool.tracer] capture is {capture!r} in {config_file}: it must be 'full' or 'metadata'")
    base = config_file.parent if config_file else here
    db_path = Path(str(wanted_db)).expanduser() if wanted_db else data_folder() / "tracer.db"
    if wanted_db and not db_path.is_absolute():
        db_path = (here if db or environ.get("TRACER_DB") else base) / db_path
    return Settings(
        project=environ.get("TRACER_PROJECT") or config.get("project") or _project_name(here),
        db=db_path,
        upstream=config.get("upstream"),
        tier=cast("Literal['free', 'paid'] | None", tier),
        prices=base / str(config["prices"]) if "prices" in config else None,
        max_body=int(config.get("max_body", DEFAULT_MAX_BODY)),
        max_size=_max_size(config, config_file),
        scrub=_scrub(config, config_file),
        capture=cast("Literal['full', 'metadata']", capture),
        config_file=config_file,
        extra={name: value for name, value in config.items() if name not in known},
    )


@functools.lru_cache(maxsize=64)
def scrub_rules(folder: Path) -> tuple[str, ...]:
    """`[tool.tracer] scrub` of a folder's project, alone and cheaply: tests ask for it. Raises UsageError."""
    config_file, config = _config(folder)
    return _scrub(config, config_file)


def _scrub(config: Mapping[str, Any], config_file: Path | None) -> tuple[str, ...]:
    rules = config.get("scrub", [])
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise UsageError(f"[tool.tracer] scrub is {rules!r} in {config_file}: it must be a list of regular expressions")
    return tuple(rules)


def size_in_bytes(text: str) -> int | None:
    """`500M`, `2G`, `1.5GB` or a plain number as bytes; None for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)B?", text.strip().upper())
    return int(float(found[1]) * _SIZES[found[2]]) if found else None


def _max_size(config: Mapping[str, Any], file: Path | None) -> int | None:
    wanted = str(config.get("max_size", DEFAULT_MAX_SIZE))
    if wanted == "none":
        return None
    size = size_in_bytes(wanted)
    if not size:
        raise UsageError(f"[tool.tracer] max_size is {wanted!r} in {file}: it must be a size, such as '10G', or 'none'")
    return size


def _config(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} can't be read as TOML: {error}") from error
        section = document.get("tool", {}).get("tracer")
        return (file, section) if section is not None else (None, {})
    return None, {}


def _project_name(folder: Path) -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return folder.name or "root"
    url = answer.stdout.strip().rstrip("/")
    name = url.replace(":", "/").rsplit("/", 1)[-1].removesuffix(".git")
    return name or folder.name or "root"
