"""What a transcript is made of: blocks, and the pieces of their bodies. Plain values; `transcript.py` draws them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tui import media

type Kind = Literal["user", "model", "thought", "call", "result", "error", "unknown", "note"]
type Form = Literal["markdown", "plain", "json", "code", "media", "citation", "structured"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a block; `text` is as it came and not yet cleaned."""

    form: Form
    text: str
    lead: str = ""
    """What stands before its first line, such as the arrow of a result."""
    failed: bool = False
    item: Mapping[str, Any] | None = None
    """The content of a `media`, the schema of a `structured` one."""
    language: str = ""
    """Of `code`."""
    at: str = ""
    """Where its value is in the record, as jq says it; empty if it isn't there."""


@dataclass(frozen=True, slots=True)
class Block:
    """One entry of the transcript."""

    kind: Kind
    title: str
    note: str = ""
    """Said beside the title, faintly."""
    parts: tuple[Part, ...] = ()
    answer_at: int | None = None
    """The first part of a call's result, which may stand beside the call."""
    failed: bool = False
    """What the note says is bad news."""

    @property
    def media(self) -> list[Mapping[str, Any]]:
        """What in it can be opened."""
        return [part.item for part in self.parts if part.form == "media" and part.item is not None]


def contents(content: Any, at: str = "") -> tuple[Part, ...]:
    """The contents of a step, whatever their shape, each text with the sources it cites; `at` is their jq path."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Part("markdown", content, at=at),)
    if not isinstance(content, list):
        return tuple(_content(content, at))
    places = (f"{at}[{place}]" if at else "" for place in range(len(content)))
    return tuple(part for item, place in zip(content, places, strict=False) for part in _content(item, place))


def _content(item: Any, at: str) -> Iterator[Part]:
    if not isinstance(item, dict):
        yield Part("json", dump(item), at=at)
    elif item.get("type") == "text" and isinstance(item.get("text"), str):
        yield Part("markdown", item["text"], at=at and f"{at}.text")
        yield from _citations(item["text"], item.get("annotations"))
    elif media.is_media(item):
        yield Part("media", media.named(item), item=item)
    else:
        yield Part("json", dump(item), at=at)


def _citations(text: str, annotations: Any) -> Iterator[Part]:
    said: dict[str, str] = {}
    for one in annotations if isinstance(annotations, list) else ():
        if not isinstance(one, dict) or one.get("type") in ("word_info", "speech_metadata"):
            continue
        names = ("title", "name", "file_name", "source")
        words = [next((str(one[name]) for name in names if one.get(name)), "")]
        words.append(next((str(one[name]) for name in ("url", "document_uri", "place_id") if one.get(name)), ""))
        if one.get("page_number") is not None:
            words.append(f"page {one['page_number']}")
        source = "  ".join(dict.fromkeys(word for word in words if word)) or dump(one)
        said.setdefault(source, _cited(text, one))
    for number, (source, cited) in enumerate(said.items(), 1):
        yield Part("citation", source + (f"  “{cited}”" if cited else ""), f"[{number}] ")


def _cited(text: str, annotation: Mapping[str, Any]) -> str:
    """The words that a citation belongs to: its indices count bytes, the end excluded."""
    start, end = annotation.get("start_index") or 0, annotation.get("end_index")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return ""
    words = " ".join(text.encode("utf-8", "replace")[start:end].decode("utf-8", "ignore").split())
    return words if len(words) <= 60 else words[:59] + "…"


def dump(value: Any) -> str:
    """JSON on one line if it is short, else indented."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 60 else json.dumps(value, ensure_ascii=False, indent=2)
