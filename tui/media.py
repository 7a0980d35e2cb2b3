"""Images, audio, video and documents in steps: named, drawn where a terminal can show colours, and as files to open."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from tui.text import clean, size

PICTURE_COLUMNS = 56
PICTURE_ROWS = 14
MAX_PIXELS = 50_000_000
"""A picture that claims more is not decoded."""
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_SUFFIXES = {"audio/wav": ".wav", "audio/l16": ".pcm", "image/webp": ".webp", "image/jpeg": ".jpg"}

type Item = Mapping[str, Any]


def is_media(item: Item) -> bool:
    """Whether a content carries or names something that is no text."""
    return item.get("data") is not None or item.get("uri") is not None


def named(item: Item) -> str:
    """Type, mime type, size, own name and address, as far as they are known."""
    words = [str(item.get("type")), str(item.get("mime_type") or "")]
    if isinstance(item.get("data"), str):
        padding = item["data"][-2:].count("=")
        words.append(size(len(item["data"]) * 3 // 4 - padding))
    words += [str(item[name]) for name in ("name", "resolution", "uri") if item.get(name)]
    if item.get("sample_rate"):
        words.append(f"{item['sample_rate']} Hz")
    return "  ".join(word for word in words if word)


def contents(item: Item) -> bytes | None:
    """What a content carries; None if it carries nothing that can be decoded."""
    data = item.get("data")
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, altchars=b"-_" if "-" in data or "_" in data else None)
    except (binascii.Error, ValueError):
        return None


def address(item: Item) -> str | None:
    """Where a content is that can be opened in a browser."""
    uri = item.get("uri")
    return uri if isinstance(uri, str) and uri.startswith(("https://", "http://")) else None


def file_name(item: Item, body: bytes) -> str:
    """A name for its file, the same for the same content."""
    mime = str(item.get("mime_type") or "").partition(";")[0].strip().lower()
    suffix = _SUFFIXES.get(mime) or mimetypes.guess_extension(mime) or ".bin"
    kind = str(item.get("type"))
    return f"{kind if kind.isalpha() else 'media'}-{sha256(body).hexdigest()[:12]}{suffix}"


def picture(item: Item, columns: int) -> list[list[Segment]]:
    """An image in half blocks, two pixels a cell; nothing if it is none, or Pillow is not installed."""
    data = item.get("data")
    mime = str(item.get("mime_type") or "")
    if not isinstance(data, str) or (item.get("type") != "image" and not mime.startswith("image/")):
        return []
    return _half_blocks(data, max(8, min(columns, PICTURE_COLUMNS)))


@lru_cache(maxsize=16)
def _half_blocks(data: str, columns: int) -> list[list[Segment]]:
    try:
        from PIL import Image
    except ImportError:
        return []
    body = contents({"data": data})
    if body is None:
        return []
    try:
        with Image.open(BytesIO(body), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return []
            image.draft("RGB", (columns * 2, PICTURE_ROWS * 4))
            small = image.convert("RGBA")
            small.thumbnail((columns, PICTURE_ROWS * 2))
            ground = Image.new("RGBA", small.size, (14, 17, 23, 255))
            ground.alpha_composite(small)
            pixels = ground.convert("RGB").tobytes()
            width, height = small.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return []  # damaged: its name and size are shown all the same
    rows = [[tuple(pixels[3 * at : 3 * at + 3]) for at in range(y * width, (y + 1) * width)] for y in range(height)]
    below = [(14, 17, 23)] * width
    return [
        [_cell(top, bottom) for top, bottom in zip(rows[y], rows[y + 1] if y + 1 < height else below, strict=True)]
        for y in range(0, height, 2)
    ]


def _cell(top: tuple[int, ...], bottom: tuple[int, ...]) -> Segment:
    red, green, blue = top
    return Segment("▀", Style(color=Color.from_rgb(red, green, blue), bgcolor=Color.from_rgb(*bottom)))


def one_line(item: Item) -> str:
    """Its name for a menu."""
    return clean(named(item))
