"""The user's own price file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tracer.errors import UsageError
from tracer.pricing import Price, cost, load_prices
from tracer.records.usage import Usage

MILLION = 1_000_000
FILE = """
["gemini-9"]
input = 0.5
cached = 0.1
output = 3
input_audio = 2
output_image = 30
grounding = { google_search = 0.014 }
tiers.flex = { input = 0.25, output = 1.5 }

["my-agent"]
input = 1
output = 2

["*"]
grounding = { google_maps = 0.025 }
"""


@pytest.fixture
def prices(tmp_path: Path) -> dict[str, Price]:
    file = tmp_path / "prices.toml"
    file.write_text(FILE)
    return load_prices(file)


def test_what_a_file_holds(prices: dict[str, Price]) -> None:
    assert prices.keys() == {"gemini-9", "my-agent", "*"}
    assert prices["my-agent"] == Price(Decimal(1), None, Decimal(2))
    assert prices["gemini-9"].tiers == {"flex": Price(Decimal("0.25"), None, Decimal("1.5"))}


def test_it_wins_by_every_price_in_it(prices: dict[str, Price]) -> None:
    usage = Usage(
        input_tokens=MILLION,
        cached_tokens=400_000,
        output_tokens=100_000,
        thought_tokens=200_000,
        by_modality={"input": {"audio": 100_000}, "output": {"image": 50_000}},
        grounding={"google_search": 2, "google_maps": 1},
    )
    found = cost(usage, "gemini-9", prices=prices)
    tokens = 0.5 * 0.5 + 0.1 * 2 + 0.4 * 0.1 + 0.25 * 3 + 0.05 * 30
    assert found.amount == pytest.approx(tokens + 2 * 0.014 + 0.025)
    assert (found.currency, found.source, found.reason) == ("USD", "price file", None)


def test_cached_tokens_without_a_price_are_input(prices: dict[str, Price]) -> None:
    usage = Usage(input_tokens=MILLION, cached_tokens=MILLION, output_tokens=0)
    assert cost(usage, "my-agent", prices=prices).amount == 1
    audio = usage.model_copy(update={"by_modality": {"input": {"audio": MILLION}, "cached": {"audio": MILLION}}})
    assert cost(audio, "gemini-9", prices=prices).amount == 0.1
    dear = {"m": Price(Decimal(1), None, Decimal(1), by_modality={"input_audio": Decimal(5)})}
    assert cost(audio, "m", prices=dear).amount == 5


def test_a_service_tier_has_its_own_prices_or_the_models(prices: dict[str, Price]) -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=MILLION)
    assert cost(usage, "gemini-9", service_tier="flex", prices=prices).amount == 1.75
    assert cost(usage, "gemini-9", service_tier="priority", prices=prices).amount == 3.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gemini-9]\ninput = 1\n", "'output'"),
        ("[gemini-9]\n", "'input'"),
        ("[gemini-9]\ninput = 'much'\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninput = -1\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninput = nan\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninput = inf\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninput = true\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninputs = 1\noutput = 1\n", "'inputs'"),
        ("[gemini-9]\ninput = 1\noutput = 1\ninput_smell = 1\n", "'input_smell'"),
        ("[gemini-9]\ngrounding = 3\n", "'grounding'"),
        ("[gemini-9]\ngrounding.google_search = 'x'\n", "'google_search'"),
        ("[gemini-9]\ninput = 1\noutput = 1\ntiers.flex = {input = 1}\n", "gemini-9.tiers.flex"),
        ("gemini = 3\n", "[gemini]"),
        ("[", "TOML"),
    ],
)
def test_a_damaged_price_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        load_prices(file)
    assert told in str(raised.value)
    assert "prices.toml" in str(raised.value)
    assert "\n" not in str(raised.value)
