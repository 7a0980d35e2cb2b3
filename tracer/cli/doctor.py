"""`tracer doctor`: what stands between an app and its records."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit
from tracer.cli.recording import load_settings

if TYPE_CHECKING:
    from tracer.settings import Settings

type Verdict = Literal["ok", "note", "bad"]

_PORT = 8080
_EXTRAS = {"proxy": "mitmproxy", "tui": "textual"}
_CLIENTS = ("google-genai", "httpx", "httpx2", "litellm")
_BASE_URLS = ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GEMINI_API_BASE")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_FIRST = {"google-genai": (1, 55)}
_LARGE = 1 << 30
_LARGE_LOG = 64 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it."""

    about: str
    verdict: Verdict
    text: str


@click.command
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: about, verdict (ok, note, bad), text.")
@click.option("--port", type=click.IntRange(1, 65535), default=_PORT, show_default=True, help="The port to look at.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
def command(as_json: bool, port: int, db: str | None) -> int:
    """Look for what could keep calls from being recorded. Changes nothing.

    The port, the certificate authority, SDKs (Python and Node) and extras of this environment, variables that lead
    elsewhere, the disk, the database and the journal beside it, and other packages that are called `tracer` or `tui`.
    Exit code 1 if something is bad.
    """
    settings = load_settings(db, None)
    bad = False
    for finding in _findings(settings, port):
        bad = bad or finding.verdict == "bad"
        if as_json:
            output.write_json({"about": finding.about, "verdict": finding.verdict, "text": finding.text})
        else:
            output.write(f"{finding.verdict:<5} {finding.about:<12} {finding.text}")
    return Exit.FAILED if bad else Exit.DONE


def _findings(settings: Settings, port: int) -> Iterator[Finding]:
    yield from _modules()
    yield from _packages()
    yield from _environment()
    yield _port(port)
    yield _authority(settings.ca_folder / "mitmproxy-ca-cert.pem")
    yield from _database(settings)
    yield _journal(settings.journal)


def _modules() -> Iterator[Finding]:
    here = Path(__file__).resolve().parents[2]
    for name in ("tracer", "tui"):
        searched = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        for folder in (Path.cwd(), *map(Path, searched)):
            for found in (folder / f"{name}.py", folder / name / "__init__.py"):
                if found.is_file() and not found.resolve().is_relative_to(here):
                    text = f"{str(found)!r} hides our package for programs started there: rename it"
                    yield Finding("modules", "bad", text)
        owners = importlib.metadata.packages_distributions().get(name, [])
        if strangers := sorted(set(owners) - {"interactions-tracer"}):
            yield Finding("modules", "bad", f"{', '.join(strangers)} brings another package {name!r}: uninstall it")


def _packages() -> Iterator[Finding]:
    for extra, module in _EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            remedy = f"pip install 'interactions-tracer[{extra}]'"
            yield Finding("extras", "note", f"{extra!r} is not installed ({remedy})")
        else:
            yield Finding("extras", "ok", f"{extra!r} is installed ({module} {importlib.metadata.version(module)})")
    for name in _CLIENTS:
        try:
            yield _client(name, importlib.metadata.version(name), "in this environment")
        except importlib.metadata.PackageNotFoundError:
            continue
    yield from _node()


def _client(name: str, version: str, where: str) -> Finding:
    first = _FIRST.get(name)
    if first and tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < first:
        least = ".".join(map(str, first))
        return Finding("sdk", "note", f"{name} {version} {where} has no Interactions API: {least} is the first with it")
    return Finding("sdk", "ok", f"{name} {version} {where}")


def _node() -> Iterator[Finding]:
    for folder in (Path.cwd(), *Path.cwd().parents):
        package = folder / "node_modules" / "@google" / "genai" / "package.json"
        try:
            version = str(json.loads(package.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield _client("@google/genai", version, f"in {str(folder)!r}")
        break
    if (node := shutil.which("node")) is None:
        return
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return
    major, minor, *_ = [*map(int, re.findall(r"\d+", said)), 0, 0]
    if (major, minor) < (22, 21) or major == 23:
        text = f"node {said.strip()} does not heed NODE_USE_ENV_PROXY: `run --forward` needs 22.21, 24 or later for it"
        yield Finding("sdk", "note", text)


def _environment() -> Iterator[Finding]:
    for name in _BASE_URLS:
        if value := os.environ.get(name):
            # A gateway's URL may hold a password.
            shown = re.sub(r"//[^/@]*@", "//[redacted]@", value)
            yield Finding("environment", "note", f"{name}={shown} is set: it becomes the upstream of `tracer run`")
    for name in _TRUST:
        if (value := os.environ.get(name)) and not Path(value).is_file():
            yield Finding("environment", "bad", f"{name} names {value!r}, which is no file: nothing would be trusted")
    for name in _PROXIES:
        if os.environ.get(name):
            # Its value may hold a password.
            yield Finding("environment", "note", f"{name} is set: the service is asked through it")
    if not (os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY")):
        yield Finding("environment", "note", "no GEMINI_API_KEY: `tracer emulate -- CMD` needs none")


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding("port", "note", f"127.0.0.1:{port} can't be had ({error.strerror}): give another --listen")
    return Finding("port", "ok", f"127.0.0.1:{port} is free")


def _authority(path: Path) -> Finding:
    if not path.exists():
        return Finding("ca", "ok", f"{str(path)!r} is made on first use")
    key = path.with_name("mitmproxy-ca.pem")
    if key.exists() and key.stat().st_mode & 0o077:
        return Finding("ca", "bad", f"others can read {str(key)!r}: chmod 600, or delete the folder for a new one")
    if importlib.util.find_spec("cryptography") is not None:
        from cryptography import x509

        try:
            until = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            return Finding("ca", "bad", f"{str(path)!r} can't be read ({error}): delete the folder for a new one")
        if until < datetime.now(UTC):
            return Finding("ca", "bad", f"{str(path)!r} has expired: delete the folder for a new one")
        return Finding("ca", "ok", f"{str(path)!r} is valid until {until:%Y-%m-%d}")
    return Finding("ca", "ok", f"{str(path)!r}")


def _database(settings: Settings) -> Iterator[Finding]:
    yield _room(settings)
    path = settings.db
    from tracer.errors import StoreError
    from tracer.store.schema import open_for_reading

    if not path.exists():
        yield Finding("database", "ok", f"{str(path)!r} is made on first use")
        return
    try:
        connection = open_for_reading(path)
    except StoreError as error:
        yield Finding("database", "bad", str(error))
        return
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    finally:
        connection.close()
    if said != "ok":
        yield Finding("database", "bad", f"{str(path)!r} is damaged ({said}): move it away, a new one is made")
        return
    size = path.stat().st_size
    limit = f" of at most {settings.max_size / 1e6:.0f}" if settings.max_size else ""
    large = ": `tracer prune --older-than 30d` makes it smaller" if size > _LARGE else ""
    yield Finding("database", "note" if large else "ok", f"{str(path)!r} is sound, {size / 1e6:.1f}{limit} MB{large}")
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size > _LARGE_LOG:
        text = (
            f"its log has {log.stat().st_size / 1e6:.0f} MB: a program that reads it for long keeps it from shrinking"
        )
        yield Finding("database", "note", text)
    if path.stat().st_mode & 0o077:
        yield Finding("database", "bad", f"others can read {str(path)!r}: chmod 600")


def _room(settings: Settings) -> Finding:
    there = next(folder for folder in settings.db.parents if folder.is_dir())
    free = shutil.disk_usage(there).free
    verdict: Verdict = "ok" if free > _LARGE else "note"
    return Finding("disk", verdict, f"{free / 1e9:.1f} GB are free for {str(settings.db.parent)!r}")


def _journal(folder: Path) -> Finding:
    from tracer.capture.lag import behind
    from tracer.capture.segments import set_names

    names = set_names(folder) if folder.is_dir() else []
    damaged = len(list(folder.glob("*.damaged"))) if names else 0
    if not names:
        return Finding("journal", "ok", "nothing is left in it")
    size = sum(path.stat().st_size for path in folder.iterdir())
    beside = f", {damaged} damaged segments" if damaged else ""
    lag = behind(folder)
    late = f", {lag.bytes / 1e6:.1f} MB of it for {lag.seconds:.0f} s" if lag.bytes else ""
    text = (
        f"{len(names)} sets wait in it, {size / 1e6:.1f} MB{late}{beside}: "
        "`tracer recover` brings in what no process owns"
    )
    return Finding("journal", "note", text)
