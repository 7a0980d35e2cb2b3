from __future__ import annotations

import json
import sys
from decimal import Decimal

import pytest

from tracer import normalize as normalizing
from tracer.normalize import normalize
from tracer.pricing import Price
from tracer.testing import answer, exchange

ASK = {"model": "gemini-3.5-flash", "input": "Hi"}


def test_cost_and_expiry_are_added() -> None:
    record = normalize([exchange(ASK, answer("v1_a", text="Hello."))], tier="paid")
    assert record.cost.amount is not None
    assert record.cost.amount > 0
    assert record.expires_at == "2027-01-16T09:00:00.000000Z"
    assert normalize([exchange(ASK, answer("v1_a"))], tier="free").expires_at == "2026-11-23T09:00:00.000000Z"


@pytest.mark.parametrize(
    ("request_body", "interaction_id", "tier"),
    [(ASK, "v1_a", None), ({**ASK, "store": False}, "v1_a", "paid"), (ASK, None, "paid")],
)
def test_nothing_expires_that_is_not_known_to_be_stored(
    request_body: dict[str, object], interaction_id: str | None, tier: str | None
) -> None:
    assert normalize([exchange(request_body, answer(interaction_id))], tier=tier).expires_at is None


def test_the_tier_that_served_is_priced_not_the_one_asked_for() -> None:
    asked = {**ASK, "service_tier": "flex"}
    assert normalize([exchange(asked, answer("v1_a", service_tier="standard"))]).cost.amount is not None
    assert normalize([exchange(asked, answer("v1_a"))]).cost.reason == (
        "no price for 'gemini-3.5-flash' in the 'flex' tier"
    )


def test_own_prices_win_and_agents_can_have_one() -> None:
    prices = {"deep-research": Price(Decimal(1), Decimal(1), Decimal(1))}
    record = normalize([exchange({"agent": "deep-research", "input": "x"}, answer("v1_a", model=None))], prices=prices)
    assert (record.cost.amount, record.cost.source) == (0.000041, "price file")


def test_key_and_tags() -> None:
    first, second = exchange(ASK, {}, status=503), exchange(ASK, answer("v1_a"), at_us=1_795_338_001_000_000)
    assert normalize([second, first]).key == first.key
    record = normalize([first, second], key="0" * 32, tags={"case": "7"})
    assert (record.key, record.tags) == ("0" * 32, {"case": "7"})


def test_a_mistake_of_ours_becomes_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("steps")

    monkeypatch.setattr(normalizing, "understand", broken)
    built = exchange(ASK, answer("v1_a"))
    record = json.loads(normalize([built], tags={"a": "b"}).to_json())
    assert record["notes"] == ["could not be understood (KeyError: 'steps'); its bytes are kept"]
    assert (record["key"], record["tags"], record["state"]) == (built.key, {"a": "b"}, "complete")
    assert [summary["key"] for summary in record["exchanges"]] == [built.key]


def test_prices_are_loaded_when_first_asked_for(pytester: pytest.Pytester) -> None:
    program = "import sys; import tracer.normalize; sys.exit('genai_prices' in sys.modules)"
    assert pytester.run(sys.executable, "-c", program).ret == 0
