"""The key of the hash that tells API keys apart: one 0600 file of this user."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tracer.errors import JournalError

_BYTES = 32


def load_account_key(path: Path) -> bytes:
    """The key, made on first use. Raises JournalError if the file can be neither read nor made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written apart and linked into place, so that two first starts at once agree on one key.
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, secrets.token_bytes(_BYTES))
            finally:
                os.close(descriptor)
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise JournalError(f"the account key {str(path)!r} can't be used: {error.strerror}") from error
    if len(key) < _BYTES:
        raise JournalError(f"the account key {str(path)!r} is damaged: delete it, and a new one is made")
    return key
