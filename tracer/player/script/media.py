"""Images, audio, video and documents of a script: from a file, from bytes, at an address, or made up."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, ClassVar, override

from pydantic import ValidationInfo, field_validator, model_validator

from tracer.events import JsonObject
from tracer.player import media, prompts
from tracer.player.ids import digest
from tracer.player.script.words import Words, mistake, shown
from tracer.player.turn import Turn

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/mov",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
}


class Media(Words):
    """`file` (its name, relative to the script), `data` (bytes, or base64) or `uri`; a small sample without any."""

    short: ClassVar = "file"
    kind: ClassVar[str]
    default_type: ClassVar[str]
    file: str | None = None
    data: str | None = None
    uri: str | None = None
    mime_type: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _bytes(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bytes):
            value = {"data": value}
        if isinstance(value, str):
            value = {"file": value}
        if isinstance(value, dict) and len({"file", "data", "uri"} & value.keys()) > 1:
            raise mistake("expected one of file, data and uri")
        if isinstance(value, dict) and isinstance(value.get("file"), str):
            read: Callable[[str], bytes] | None = (info.context or {}).get("read")
            if read is None:
                raise mistake("files can't be read here: give `data` or `uri`", "file")
            name = value["file"]
            known = {"mime_type": _TYPES.get(name.rpartition(".")[2].lower(), cls.default_type)}
            try:
                rest = {word: given for word, given in value.items() if word != "file"}
                return {**known, **rest, "data": read(name)}
            except OSError as error:
                raise mistake(f"expected a file that can be read, got {name!r}: {error.strerror}", "file") from error
        return value

    @field_validator("data", mode="before")
    @classmethod
    def _base64(cls, value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, str):
            try:
                base64.b64decode("".join(value.split()), validate=True)
            except (binascii.Error, ValueError) as error:
                raise mistake(f"expected base64, got {shown(value)}; a file's name goes to `file`") from error
            return "".join(value.split())
        return value

    def made(self, turn: Turn) -> list[JsonObject]:
        """One content."""
        content: JsonObject = {"type": self.kind, "mime_type": self.mime_type or self.default_type}
        if self.uri is not None:
            return [{**content, "uri": self.uri}]
        if self.data is not None:
            return [{**content, "data": self.data}]
        return [{"type": self.kind, **self.sample(digest(0, prompts.text_of(turn.input)))}]

    def sample(self, seed: bytes) -> JsonObject:
        """What is sent if the script names nothing."""
        return {"uri": f"https://example.com/{seed.hex()[:16]}", "mime_type": self.mime_type or self.default_type}


class Image(Media):
    """An image; a small PNG is drawn if the script names none."""

    kind: ClassVar = "image"
    default_type: ClassVar = "image/png"

    @override
    def sample(self, seed: bytes) -> JsonObject:
        return {"mime_type": "image/png", "data": media.png(seed)}


class Audio(Media):
    """Audio; a short tone if the script names none."""

    kind: ClassVar = "audio"
    default_type: ClassVar = "audio/wav"

    @override
    def sample(self, seed: bytes) -> JsonObject:
        return {"mime_type": "audio/wav", "data": media.wav(220 + seed[0] * 2)}


class Video(Media):
    """A video; an address that leads nowhere if the script names none."""

    kind: ClassVar = "video"
    default_type: ClassVar = "video/mp4"


class Document(Media):
    """A document; an address that leads nowhere if the script names none."""

    kind: ClassVar = "document"
    default_type: ClassVar = "application/pdf"
