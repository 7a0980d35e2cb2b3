"""What can be taken from an interaction, and how to say truthfully where it went."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from tracer.export import FORMATS, TEXTS, export
from tui.data import Whole

COPY: tuple[tuple[str, str], ...] = (
    ("i", "id"),
    ("p", "prompt"),
    ("a", "answer"),
    ("j", "record as JSON"),
    ("m", "Markdown"),
    ("c", "curl command"),
    ("g", "google-genai program"),
)
"""Key -> what it copies."""
EXPORT: tuple[tuple[str, str], ...] = (
    ("j", "record as JSON lines"),
    ("m", "Markdown"),
    ("c", "curl command"),
    ("g", "google-genai program"),
    ("t", "test with its cassette, of this turn and those that led to it"),
    ("s", "the same, and of every turn that continues it"),
)
"""Key -> what it writes."""
_TEXTS = {"p": "prompt", "a": "answer"}
_FORMATS = {"m": "markdown", "c": "curl", "g": "python"}
MAX_OSC52 = 74_994
"""Characters that terminals are known to take in one OSC 52 sequence (xterm's limit, base64 undone)."""


def copied(key: str, whole: Whole) -> str | None:
    """What a key of the copy menu means for an interaction; None if there is no such thing."""
    record = whole.record
    if key == "i":
        return whole.row.id or whole.row.key
    if record is None:
        return None
    if key == "j":
        return json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    if key in _TEXTS:
        return TEXTS[_TEXTS[key]](record)
    return export(_FORMATS[key], record, lambda: whole.exchanges)


def exported(key: str, whole: Whole) -> tuple[str, str] | None:
    """Text and file suffix for a key of the export menu."""
    if whole.record is None:
        return None
    name = "jsonl" if key == "j" else _FORMATS[key]
    text = export(name, whole.record, lambda: whole.exchanges)
    return None if text is None else (text, FORMATS[name])


def clipboard(text: str, folder: Path | None, send: Callable[[str], None]) -> str:
    """Send a text to the terminal's clipboard and keep it in a file; returns the truth about both."""
    said = []
    if len(text) <= MAX_OSC52:
        send(text)
        said.append("sent to the terminal's clipboard (OSC 52; no terminal says whether it took it)")
    if folder is not None:
        try:
            said.append(f"is in {write(folder / 'copied.txt', text)}")
        except OSError as error:
            said.append(f"could not be written to {folder}: {error.strerror}")
    return "; ".join(said) if said else "too long for the terminal's clipboard, and there is no folder for a file"


def new_file(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a file that was not there before. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.{suffix}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return path
    raise FileExistsError(f"too many files like {stem}")


def write(path: Path, content: str | bytes) -> Path:
    """Put a text or bytes into a file that only its owner can read. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileNotFoundError):
        path.unlink()
    body = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
    return path


def opened(item: Mapping[str, Any], folder: Path | None) -> str:
    """Hand an image, audio, video or document to the desktop's own program; returns what became of it."""
    from tui import media

    body = media.contents(item)
    target = media.address(item) if body is None else None
    if body is not None and folder is not None:
        try:
            target = str(write(folder / media.file_name(item, body), body))
        except OSError as error:
            return f"could not be written to {folder}: {error.strerror}"
    if target is None:
        return f"there is nothing here to open: {media.named(item)}"
    program = next((found for name in ("xdg-open", "open") if (found := shutil.which(name))), None)
    if program is None or not _has_desktop():
        return f"no desktop to open it on: it is {'in' if body is not None else 'at'} {target}"
    try:
        nothing = subprocess.DEVNULL
        process = subprocess.Popen([program, target], stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError as error:
        return f"{program!r} could not be started ({error.strerror}): it is {target}"
    Thread(target=process.wait, daemon=True).start()  # or its end would be nobody's
    return f"opened with {Path(program).name}: {target}"


def _has_desktop() -> bool:
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def pager() -> list[str]:
    """The command that shows a file page by page."""
    return shlex.split(os.environ.get("PAGER", "")) or ["less"]


def editor() -> list[str]:
    """The command that opens a file to edit."""
    return shlex.split(os.environ.get("VISUAL", "") or os.environ.get("EDITOR", "")) or ["vi"]
