"""Our code breaks on an exchange, or never comes to an end with it: it is kept raw with a note; the rest goes on."""

from __future__ import annotations

from typing import Any

import pytest

POISONED = """
import tracer.capture.patience, tracer.normalize
tracer.capture.patience.SECONDS = 3.0
understand = tracer.normalize.understand
def poisoned(exchanges, *rest):
    if b"poison" in exchanges[0].request_body:
        {what}
    return understand(exchanges, *rest)
tracer.normalize.understand = poisoned
"""


@pytest.mark.parametrize(
    ("what", "note"),
    [
        ("raise RuntimeError('bug')", "could not be understood (RuntimeError: bug); its bytes are kept"),
        (
            "import time; time.sleep(600)",
            "could not be understood (TimeoutError: it took more than 3 s); its bytes are kept",
        ),
    ],
)
async def test_one_exchange_holds_up_nobody(ground: Any, wire: Any, in_ingester: Any, what: str, note: str) -> None:
    names = ["before", "poison", "after", "poison too"]
    async with ground(wire.whole_answer) as place:
        place.variables |= in_ingester(POISONED.format(what=what))
        async with place.proxy() as proxy:
            for name in names:
                assert await wire.ask(proxy.port, name) == await wire.ask(place.port, name)
            said = await proxy.stop()
        stored = place.stored()
        place.variables.clear()
        again = await place.tracer("reindex")
        mended = place.stored()
    assert stored.keys() == set(names)
    for name, (record, exchange) in stored.items():
        assert f"re: {name}".encode() in exchange.response_body
        assert record["notes"] == ([note] if "poison" in name else [])
    assert list(place.journal.iterdir()) == []
    assert "Traceback" not in said
    # Nothing was lost: a version without the mistake reads what was kept.
    assert "2 of 4 records changed" in again.stderr
    assert {name: record["output_text"] for name, (record, _) in mended.items()} == {
        name: f"re: {name}" for name in names
    }
