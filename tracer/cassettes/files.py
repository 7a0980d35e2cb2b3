"""Cassettes on disk: read whole, written whole or not at all, one writer at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets as randomness
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tracer.cassettes import format as cassette_format
from tracer.cassettes import media
from tracer.cassettes.scrub import refuse_secrets
from tracer.errors import CassetteError
from tracer.wire.exchange import Exchange


def load(path: Path) -> list[Exchange]:
    """The exchanges of a cassette file; none if there is no file. Raises CassetteError if it can't be read."""
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Exchange], dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return [], {}
    except (OSError, UnicodeDecodeError) as error:
        raise CassetteError(f"{path} can't be read: {error}; restore it, or delete it and record it again") from error
    return cassette_format.read(text, str(path)) if text.strip() else ([], {})


def update(
    path: Path,
    change: Callable[[list[Exchange]], Sequence[Exchange]],
    *,
    secrets: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
    inline: bool = False,
) -> list[Exchange]:
    """Replace a cassette by what `change` makes of its exchanges; returns what it holds then. `values` are stored too.

    Large media go into files beside it unless they are to be `inline`, as plain vcrpy needs them.

    Processes that update the same cassette wait for each other. A crash, a damaged file or a refusal leaves the old
    file as it was. Raises CassetteError.
    """
    with _only_writer(path):
        old, stored = _read(path)
        exchanges = list(change(old))
        text, beside = cassette_format.write(exchanges, {**stored, **(values or {})}, inline=inline)
        refuse_secrets(text, exchanges, secrets, str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _keep_media(path, beside)
            _replace(path, text.encode())
            _drop_media(path, beside)
        except OSError as error:
            raise CassetteError(f"{path} can't be written: {error}") from error
    return exchanges


def _keep_media(path: Path, beside: Mapping[str, bytes]) -> None:
    folder = media.folder_of(path)
    for place in media.missing(folder, beside):
        folder.mkdir(exist_ok=True)
        _replace(place, beside[place.name])


def _drop_media(path: Path, beside: Mapping[str, bytes]) -> None:
    folder = media.folder_of(path)
    for file in media.unused(folder, beside):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{randomness.token_hex(4)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    # The lock lies outside the user's repository, where a cassette's folder is.
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    lock = Path(tempfile.gettempdir()) / f"interactions-tracer-{os.getuid()}-{name}.lock"
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
