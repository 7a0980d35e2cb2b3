from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.errors import ReplayMiss
from tracer.player.matching import IdMap
from tracer.player.misses import words_changed
from tracer.player.reply import Call
from tracer.player.tape import Tape
from tracer.testing import answer, exchange
from tracer.wire.exchange import Exchange

ASKED = {"model": "gemini-3.5-flash", "input": "Write a long poem about the rivers."}


def create(body: dict[str, Any], **more: Any) -> Exchange:
    return exchange(body, answer("v1_1"), **more)


def miss(tape: Tape, body: dict[str, Any], *, sdk: str | None = None) -> str:
    headers = (("x-goog-api-client", f"google-genai-sdk/{sdk} gl-python/3.13"),) if sdk else ()
    with pytest.raises(ReplayMiss) as raised:
        tape.answer(Call("POST", "/v1/interactions", (), headers, json.dumps(body).encode()), 0)
    return str(raised.value)


def test_whole_text() -> None:
    recorded = create({**ASKED, "tools": [{"type": "google_search"}]})
    asked = {**ASKED, "input": ASKED["input"].replace("rivers", "lakes"), "previous_interaction_id": "v1_7"}
    assert miss(Tape([recorded], source="a.yaml", remedy="record it: pytest a.py"), asked) == (
        "a.yaml holds no recording of POST /v1/interactions\n"
        "  nearest is recording 1 of 1, which differs first at input[0].content[0].text\n"
        '    recorded: "Write a long poem about the rivers."\n'
        '    asked:    "Write a long poem about the lakes."\n'
        "    words:    Write a long poem about the [-rivers-]{+lakes+}.\n"
        "  and at tools, previous_interaction_id\n"
        "  no recording gives the id 'v1_7': it comes from somewhere else than this cassette\n"
        "  record it: pytest a.py"
    )


def test_ids_are_explained() -> None:
    chain = [create(ASKED), create({**ASKED, "input": "And the lakes?", "previous_interaction_id": "v1_1"})]
    further = {**ASKED, "input": "And the sea?", "previous_interaction_id": "v1_1"}
    assert "the id 'v1_1' is recorded, but the answer that gives it was not asked for" in miss(Tape(chain), further)
    ids = IdMap()
    ids.issue("v1_1", "v1_new")
    asked = {**further, "previous_interaction_id": "v1_new"}
    assert "the id 'v1_new' that was asked for stands for the recorded 'v1_1'" in miss(Tape(chain, ids=ids), asked)


@pytest.mark.parametrize(("recorded", "asking"), [("1.75.0", "3.4.0"), ("2.34.0", "1.75.0")])
def test_other_sdk_generation_is_named(recorded: str, asking: str) -> None:
    headers = (("X-Goog-Api-Client", f"google-genai-sdk/{recorded} gl-python/3.13"),)
    text = miss(Tape([create(ASKED, request_headers=headers)]), ASKED, sdk=asking)
    assert text.startswith(
        f"the cassette was recorded with google-genai {recorded[:-2]}, and google-genai {asking[:-2]} "
    )


def test_same_generation_plays() -> None:
    headers = (("user-agent", "google-genai-sdk/2.34.0"),)
    tape = Tape([create(ASKED, request_headers=headers)])
    call = Call("POST", "/v1/interactions", (), (("user-agent", "google-genai-sdk/3.4.0"),), json.dumps(ASKED).encode())
    assert tape.answer(call, 0).status == 200


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Hi", "Ho", ""),
        ("My name is Alice.", 4, ""),
        ("one two three four", "one two three four five", "one two three four{+ five+}"),
        ("a b\nc d", "a c d", r"a [-b\n-]c d"),
        (" ".join("abcdefghijklmnop") + " x", " ".join("abcdefghijklmnop") + " y", "…k l m n o p [-x-]{+y+}"),
    ],
)
def test_words(old: Any, new: Any, words: str) -> None:
    assert words_changed(old, new) == words
