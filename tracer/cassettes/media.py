"""Media beside a cassette: what is above 64 KB stands in a file of its own, named by its hash, so that the YAML stays
readable.

    chat.interactions.yaml
    chat.interactions.media/7b0f…c2.png

In the body there is a mark instead, `interactions-tracer:media:7b0f…c2.png`, in the place of a base64 text or of a
whole binary body. Marks count only where the cassette's metadata names the file: a text that looks like one is a text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from tracer.errors import CassetteError

SHORTEST = 64 * 1024
"""Bytes; smaller media stay in the YAML."""

_MARK = b"interactions-tracer:media:"
_BASE64 = re.compile(rb'"([A-Za-z0-9+/_-]{%d,}={0,2})"' % (SHORTEST * 4 // 3))
_NAMED = re.compile(rb'"interactions-tracer:media:(urlsafe:)?([0-9a-f]{32}\.\w{1,5})"')
_WHOLE = re.compile(rb"interactions-tracer:media:([0-9a-f]{32}\.\w{1,5})")
_FILE = re.compile(r"[0-9a-f]{32}\.\w{1,5}")
_KINDS = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
    (b"ID3", "mp3"),
    (b"OggS", "ogg"),
)

type Fetch = Callable[[str], bytes]
"""From the name of a file to its content."""


def taken_out(body: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The body with marks, and the files that they stand for; only what comes back exactly is taken out."""
    if len(body) <= SHORTEST:
        return body, {}
    if not _is_text(body):
        name = _name(body)
        return _MARK + name.encode(), {name: body}
    files: dict[str, bytes] = {}

    def mark(found: re.Match[bytes]) -> bytes:
        for prefix, decode, encode in (
            (b"", base64.b64decode, base64.b64encode),
            (b"urlsafe:", base64.urlsafe_b64decode, base64.urlsafe_b64encode),
        ):
            try:
                content = decode(found[1])
            except binascii.Error:
                continue
            if encode(content) == found[1]:
                files[name := _name(content)] = content
                return b'"' + _MARK + prefix + name.encode() + b'"'
        return found[0]

    return _BASE64.sub(mark, body), files


def put_back(body: bytes, named: Collection[str], fetch: Fetch) -> bytes:
    """The body with the files that its marks stand for; `named` are those that the cassette's metadata names."""
    if not named or _MARK not in body:
        return body
    whole = _WHOLE.fullmatch(body)
    if whole and whole[1].decode() in named:
        return fetch(whole[1].decode())

    def content(found: re.Match[bytes]) -> bytes:
        name = found[2].decode()
        if name not in named:
            return found[0]
        encode = base64.urlsafe_b64encode if found[1] else base64.b64encode
        return b'"' + encode(fetch(name)) + b'"'

    return _NAMED.sub(content, body)


def folder_of(cassette: Path) -> Path:
    """Where a cassette's files are."""
    return cassette.with_suffix(".media")


def fetch_from(cassette: Path) -> Fetch:
    """Reads a cassette's files. What it returns raises CassetteError for one that is gone or was changed."""

    def fetch(name: str) -> bytes:
        file = folder_of(cassette) / name
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CassetteError(
                f"{cassette} needs {file}, which can't be read ({error.strerror}): restore it, or record again"
            ) from error
        if _name(content).partition(".")[0] != name.partition(".")[0]:
            raise CassetteError(f"{file} is not what {cassette} was recorded with: restore it, or record again")
        return content

    return fetch


def missing(folder: Path, files: Iterable[str]) -> Iterator[Path]:
    """The paths of files that are not there yet."""
    return (folder / name for name in files if not (folder / name).exists())


def unused(folder: Path, used: Collection[str]) -> list[Path]:
    """Files of this kind in a cassette's folder that it does not name any more."""
    if not folder.is_dir():
        return []
    return [file for file in folder.iterdir() if _FILE.fullmatch(file.name) and file.name not in used]


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _name(content: bytes) -> str:
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), "bin")
    return f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.{kind}"
