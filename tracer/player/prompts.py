"""What a conversation says: its texts, and the names, places, numbers, facts and wishes in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tracer.events import JsonObject
from tracer.player.stream import Break

_FACT = re.compile(
    r"\bmy ((?:favou?rite )?[a-z]+(?: number)?) (?:is|was) ([^.,;!?\n]{1,80}?)(?=\s+and\b|[.,;!?\n]|\s*$)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?:[Ii] am|[Ii]['\u2019]m|[Cc]all me) ([A-Z][\w'-]*)")
_ASKED = re.compile(
    r"\b(?:what(?:['\u2019]s| is| was|s)?|tell me|do you (?:know|remember)|remember)"
    r" my ((?:favou?rite )?[a-z]+(?: number)?)\b",
    re.IGNORECASE,
)
_WHO_AM_I = re.compile(r"\bwho am i\b|\bwhat am i called\b", re.IGNORECASE)
_SMALL_TALK = re.compile(
    r"\s*(?:hi|hello|hey|thanks|thank you|ok|okay|bye|goodbye|good (?:morning|evening|night|day))\b"
    r"[\s\w]{0,12}[.!?]*\s*",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")
_LISTED = re.compile(r"\b(?:and|or|both|between)\b", re.IGNORECASE)
# Bounded, so that a text without an end to its word is read in time that grows with its length only.
_WORD = r"[A-Z][\w'\u2019-]{1,60}"
_NAME = rf"{_WORD}(?:(?:\s+|,){_WORD}){{0,4}}"
_PLACE_AFTER = re.compile(rf"(?:\b(?:in|at|for|of|from|to|near|and|or|between)|,)\s+({_NAME})")
_CAPITALISED = re.compile(rf"(?<!^)(?<![.!?]\s)\b({_NAME})")
_QUOTED = 300
_TROUBLE = re.compile(
    r"please (?:fail with (?P<status>[45]\d\d)(?P<times> once| twice)?|(?P<job>fail the job)|(?P<cut>break the stream)"
    r"|(?P<error>send an error in the stream)|(?P<pause>end the stream early)|(?P<refusal>refuse)"
    r"|(?P<early>stop early)|(?P<more>need a continuation)|(?P<budget>exceed the budget)"
    r"|(?P<queue>wait in the queue)|take (?P<polls>\d{1,6}) polls)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What magic words in a prompt ask for; see `MAGIC_WORDS`."""

    status: int | None = None
    times: int | None = None
    job: bool = False
    breaks: Break | None = None
    early: bool = False
    continuation: bool = False
    budget: bool = False
    queued: bool = False
    polls: int | None = None


MAGIC_WORDS: dict[str, str] = {
    "please fail with 429": "HTTP error (any 4xx or 5xx); `please fail with 500 once` or `twice`: then it succeeds",
    "please fail the job": "status `failed` with errors; in the background after its polls",
    "please break the stream": "the connection breaks half way",
    "please send an error in the stream": "an `error` event half way",
    "please end the stream early": "a stream ends well half way and the background job goes on: resume it",
    "please refuse": "refused by the content filter: HTTP 400, in a stream a bare error line",
    "please stop early": "status `incomplete`",
    "please need a continuation": "status `requires_continuation` with a token that the SDK answers by itself",
    "please exceed the budget": "status `budget_exceeded`",
    "please wait in the queue": "a background job that is `queued` at first",
    "please take 7 polls": "a background job that is done at its 7th get (3 without)",
}


def trouble_in(prompt: str) -> Trouble:
    """The trouble a prompt asks for."""
    trouble = Trouble()
    for found in _TROUBLE.finditer(prompt):
        trouble = Trouble(
            status=int(found["status"]) if found["status"] else trouble.status,
            times={" once": 1, " twice": 2}.get((found["times"] or "").lower(), trouble.times),
            job=trouble.job or bool(found["job"]),
            breaks=_breaks(found) or trouble.breaks,
            early=trouble.early or bool(found["early"]),
            continuation=trouble.continuation or bool(found["more"]),
            budget=trouble.budget or bool(found["budget"]),
            queued=trouble.queued or bool(found["queue"]),
            polls=int(found["polls"]) if found["polls"] else trouble.polls,
        )
    return trouble


def _breaks(found: re.Match[str]) -> Break | None:
    ways: tuple[Break, ...] = ("cut", "error", "refusal", "pause")
    return next((way for way in ways if found[way]), None)


def without_magic(prompt: str) -> str:
    """The prompt without its magic words."""
    return _TROUBLE.sub("", prompt).strip(" ,;:.-\n") or prompt


def contents(steps: Iterable[JsonObject], kind: str = "user_input") -> list[JsonObject]:
    """Every content object in the steps of a type."""
    found: list[JsonObject] = []
    for step in steps:
        if step.get("type") != kind:
            continue
        content = step.get("content")
        parts: list[Any] = content if isinstance(content, list) else [content]
        found += [part if isinstance(part, dict) else {"type": "text", "text": part} for part in parts if part]
    return found


def text_of(steps: Iterable[JsonObject], kind: str = "user_input") -> str:
    """The texts in the steps of a type, joined by line ends."""
    texts = [part.get("text") for part in contents(steps, kind) if part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def facts(text: str) -> dict[str, str]:
    """What somebody told about themselves: `{"name": "Alice"}`; later statements win."""
    told = {what.lower().replace("favourite", "favorite"): value.strip() for what, value in _FACT.findall(text)}
    for name in _NAMED.findall(text):
        told.setdefault("name", name)
    return told


def asked_fact(text: str) -> str | None:
    """Which fact about themselves somebody asks for: `name`."""
    if _WHO_AM_I.search(text):
        return "name"
    found = _ASKED.search(text)
    return found[1].lower().replace("favourite", "favorite") if found else None


def is_small_talk(text: str) -> bool:
    """A greeting, thanks or a statement about oneself: nothing that a tool could help with."""
    if _SMALL_TALK.fullmatch(text):
        return True
    return bool(facts(text) or asked_fact(text)) and "?" not in text.replace(_asked_part(text), "")


def _asked_part(text: str) -> str:
    found = _ASKED.search(text) or _WHO_AM_I.search(text)
    return text[found.start() :].partition("?")[0] + "?" if found else ""


def quoted(text: str) -> str:
    """A text on one line, shortened to fit into a sentence."""
    line = " ".join(text[:_QUOTED].split())
    return line if len(text) <= _QUOTED else f"{line} ..."


def urls(text: str) -> list[str]:
    """The URLs in a text, without the full stop after them."""
    return [url.rstrip(".,;:!?") for url in _URL.findall(text)]


def numbers(text: str) -> list[float]:
    """The numbers in a text, in order; `$1,200.50` is 1200.5."""
    return [float(number.replace(",", "")) for number in _NUMBER.findall(_URL.sub("", text))]


def places(text: str) -> list[str]:
    """The capitalised names in a text, those after a preposition first; each once. `Paris, France` is one of them."""
    if not _LISTED.search(text):
        text = re.sub(rf"({_WORD}), (?=[A-Z])", r"\1,", text)
    named = _PLACE_AFTER.findall(text) or _CAPITALISED.findall(text)
    return list(dict.fromkeys(name.strip().replace(",", ", ") for name in named))


def words(text: str) -> set[str]:
    """The words of a text or of an identifier, small, without a plural s and without fill words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", spaced)} - _FILL


_FILL = frozenset(
    re.findall(
        r"\w+",
        "the and for get set with what who how thi that from into are you your please can could would give tell "
        "all any one out use make call function tool thing something value user about using given current find "
        "need want have will some when where which then than them there here been being should also only",
    )
)
