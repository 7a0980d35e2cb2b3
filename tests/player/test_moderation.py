"""Judgements in structured output: what a text says decides them, and nothing that was said before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.player.ids import Mint
from tracer.player.moderation import harms
from tracer.player.rules import Rules
from tracer.player.schemas import Filler
from tracer.player.turn import Answer, Turn

STRINGS = {"type": "array", "items": {"type": "string"}}
GUIDE = {
    "type": "object",
    "properties": {"is_safe": {"type": "boolean"}, "categories": STRINGS, "confidence": {"type": "number"}},
    "required": ["is_safe", "categories", "confidence"],
}


def judged(text: str, schema: Any = GUIDE, before: str = "") -> Any:
    def user(said: str) -> dict[str, Any]:
        return {"type": "user_input", "content": [{"type": "text", "text": said}]}

    request = {"model": "m", "response_format": {"type": "text", "mime_type": "application/json", "schema": schema}}
    answer = Rules().answer(Turn(request, [user(text)], [user(before)] if before else [], Mint(1, "t")))
    assert isinstance(answer, Answer)
    return json.loads(answer.steps[-1]["content"][0]["text"])


@pytest.mark.parametrize(
    ("comment", "categories"),
    [
        ("What a lovely photo, thank you!", []),
        ("I hate broccoli, and this recipe is terrible.", []),
        ("You are terrible and I hate you.", ["harassment"]),
        ("I will kill you, idiot", ["harassment", "violence"]),
        ("You have won! Click here for 100 free money.", ["spam"]),
        ("My skill is painting, and the shooting star was bright.", []),
    ],
)
def test_a_comment_is_safe_or_not(comment: str, categories: list[str]) -> None:
    assert judged(f"Moderate: {comment}") == {
        "is_safe": not categories, "categories": categories, "confidence": 0.95,
    }  # fmt: skip


def test_what_was_said_before_is_not_judged() -> None:
    assert judged("Moderate: nice one", before="Moderate: I hate you")["is_safe"] is True
    assert judged("Moderate: great one", {"enum": ["positive", "negative"]}, before="awful") == "positive"


def test_other_names_of_the_same_judgement() -> None:
    fields = {name: {"type": "boolean"} for name in ("flagged", "isToxic", "approved", "in_stock")}
    schema = {"type": "object", "properties": fields}
    unsafe = {"flagged": True, "isToxic": True, "approved": False, "in_stock": True}
    safe = {"flagged": False, "isToxic": False, "approved": True, "in_stock": True}
    assert judged("Check: shut up", schema) == unsafe
    assert judged("Check: good morning to all", schema) == safe


def test_the_lists_beside_a_judgement_stay_within_their_schema() -> None:
    named = {"type": "array", "items": {"enum": ["violence", "other"]}}
    two = {**STRINGS, "minItems": 2}
    schema = {
        "type": "object",
        "properties": {
            "safe": {"type": "boolean"},
            "reasons": named,
            "flags": two,
            "labels": {**STRINGS, "maxItems": 0},
        },
    }
    assert judged("Check: I will kill you", schema)["reasons"] == ["violence"]
    assert judged("Check: you idiot", schema)["reasons"] == ["violence"]
    assert judged("Check: good day to all", schema)["reasons"] == []
    assert len(judged("Check: you idiot", schema)["flags"]) == 2
    assert judged("Check: you idiot", schema)["labels"] == []


def test_a_share_is_a_share_whatever_numbers_the_text_has() -> None:
    number = {"type": "object", "properties": {"confidence": {"type": "number"}, "total": {"type": "number"}}}
    assert Filler("The total is 108.5.").value(number) == {"confidence": 0.95, "total": 108.5}
    whole = {"type": "object", "properties": {"confidence": {"type": "number", "minimum": 2}}}
    assert Filler("It is 3").value(whole) == {"confidence": 3}


def test_harmless_words_that_contain_harmful_ones() -> None:
    assert harms("The bombastic murderer mystery: a skillful stabilizer, shut upward") == []
