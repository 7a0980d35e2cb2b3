"""Whatever an answer, a prompt, a name or a header holds: nothing that drives a terminal reaches the screen."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracer.identity import storable
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call, function_result, text_stream
from tracer.wire.exchange import Exchange

ESCAPES = (
    "\x1b[2J\x1b]0;owned\x07\x1b]52;c;aGk=\x07\x9b31m\x90q\x9c\x08\x7f\r\x0b\x0c"
    "\u202egnp\u2066x\u2069\u200f\u2028\ufeff\U000e0041"
)
PANES = {
    "conversations": (),
    "tree": ("tab",),
    "steps": ("tab", "tab", "t"),
    "raw request": ("r", "tab", "x"),
    "raw response": ("r", "x"),
    "record": ("r", "W", "x"),
    "waterfall": ("w", "right_square_bracket", "right_square_bracket", "right_square_bracket"),
    "branch": ("w", "b"),
    "context": ("C",),
    "live": ("L",),
    "diff": ("tab", "d", "k", "d"),
    "copy menu": ("y",),
    "export menu": ("e",),
    "help": ("question_mark",),
    "palette": ("ctrl+p",),
    "filter": ("slash", *"tool", "tab"),
}


def harmful(character: str) -> bool:
    """C0 and C1 codes, overrides of direction and other invisible formatting but the joiner of emoji."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") and character != "\u200d"


def poisoned(text: str) -> list[Exchange]:
    """A conversation with the text in every place that the network fills."""
    text = storable(text)
    call = function_call("call_1", f"tool{text}", **{f"k{text}": text})
    thought = {"type": "thought", "summary": [{"type": "text", "text": text}]}
    picture = {"type": "image", "mime_type": f"image/{text}", "uri": f"https://x/{text}"}
    said = {
        "type": "model_output",
        "content": [{"type": "text", "text": f"# {text}\n\n```\n{text}\n```\n- {text}"}, picture],
    }
    asked = {"model": f"gemini{text}", "system_instruction": text, f"field{text}": text}
    steps = [thought, call, said, {"type": f"new{text}", text: text}]
    headers = [("content-type", "application/json"), (f"x-{text}", text)]
    failed = {"error": {"code": f"bad{text}", "message": text}}
    back = [function_result("call_1", f"tool{text}", {"said": text})]
    return [
        exchange({**asked, "input": text}, answer("v1_p", status="requires_action", steps=steps), at_us=START_US),
        exchange(
            {**asked, "input": back, "previous_interaction_id": "v1_p"},
            text_stream("v1_q", [text, "and ", text]),
            response_headers=headers,
            at_us=START_US + 60_000_000,
        ),
        exchange(
            {**asked, "input": text, "previous_interaction_id": "v1_q"},
            failed,
            status=400,
            at_us=START_US + 120_000_000,
        ),
    ]


async def seen(opened, path: Path, keys: tuple[str, ...]) -> str:
    async with opened(path, size=(140, 40)) as driver:
        await driver.press("k", *keys) if keys[:1] != ("tab",) else await driver.press(*keys)
        await driver.press("end") if "tab" in keys else None
        strips = driver.app.screen._compositor.render_strips()
        return "".join(segment.text for strip in strips for segment in strip)


@pytest.fixture(scope="module")
def poisoned_database(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("poisoned") / "poisoned.db"
    with Writer(path) as writer:
        writer.apply(poisoned(ESCAPES))
    return path


@pytest.mark.parametrize("keys", PANES.values(), ids=PANES)
async def test_no_pane_lets_escapes_through(opened, poisoned_database, keys):
    shown = await seen(opened, poisoned_database, keys)
    assert "␛" in shown
    assert not [character for character in shown if harmful(character)]


@pytest.mark.parametrize("pane", ["steps", "raw response"])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Lo", "So"]), min_size=1, max_size=40))
async def test_no_text_at_all_drives_the_terminal(opened, tmp_path, pane, text):
    path = tmp_path / f"{abs(hash(text))}.db"
    with Writer(path) as writer:
        writer.apply(poisoned(text))
    shown = await seen(opened, path, PANES[pane])
    assert not [character for character in shown if harmful(character)]
