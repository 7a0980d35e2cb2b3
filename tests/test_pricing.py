from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tracer.errors import UsageError
from tracer.pricing import Price, cost, load_prices
from tracer.records.usage import Usage

NOVEMBER_US = 1_795_338_000_000_000
MILLION = 1_000_000
PRICES = {"gemini-9": Price(Decimal("0.5"), Decimal("0.1"), Decimal(3))}


def test_cached_tokens_are_part_of_the_input_and_thoughts_are_output() -> None:
    usage = Usage(
        input_tokens=2 * MILLION,
        cached_tokens=MILLION,
        output_tokens=MILLION,
        thought_tokens=MILLION,
        tool_use_tokens=MILLION,
    )
    found = cost(usage, "gemini-9", prices=PRICES)
    assert found.amount == 2 * 0.5 + 0.1 + 2 * 3
    assert (found.currency, found.source, found.reason) == ("USD", "price file", None)


def test_genai_prices_knows_the_current_models() -> None:
    usage = Usage(input_tokens=MILLION, cached_tokens=0, output_tokens=MILLION, thought_tokens=MILLION)
    plain = cost(usage.model_copy(update={"thought_tokens": 0}), "gemini-2.5-flash", at_us=NOVEMBER_US)
    thinking = cost(usage, "models/gemini-2.5-flash", at_us=NOVEMBER_US)
    assert plain.amount is not None
    assert thinking.amount is not None
    assert thinking.amount > plain.amount > 0
    assert (plain.currency, plain.reason) == ("USD", None)
    assert plain.source is not None
    assert plain.source.startswith("genai-prices ")
    cached = cost(usage.model_copy(update={"cached_tokens": MILLION}), "gemini-2.5-flash", at_us=NOVEMBER_US)
    assert cached.amount is not None
    assert cached.amount < thinking.amount


def test_pictures_cost_more_than_words() -> None:
    words = Usage(input_tokens=12, output_tokens=1283)
    picture = words.model_copy(update={"by_modality": {"output": {"image": 1120}}})
    model = "gemini-3-pro-image-preview"
    dear, cheap = cost(picture, model, at_us=NOVEMBER_US).amount, cost(words, model, at_us=NOVEMBER_US).amount
    assert dear is not None
    assert cheap is not None
    assert dear > cheap


@pytest.mark.parametrize(
    ("usage", "model", "tier", "reason"),
    [
        (None, "gemini-2.5-flash", None, "no usage"),
        (Usage(total_tokens=5), "gemini-2.5-flash", None, "no token counts"),
        (Usage(input_tokens=1), None, None, "model is unknown"),
        (Usage(input_tokens=1), "deep-research-pro-preview-12-2025", None, "deep-research-pro-preview-12-2025"),
        (Usage(input_tokens=1), "gemini-2.5-flash", "flex", "'flex' tier"),
    ],
)
def test_what_is_unknown_is_null_with_the_reason(
    usage: Usage | None, model: str | None, tier: str | None, reason: str
) -> None:
    found = cost(usage, model, service_tier=tier, at_us=NOVEMBER_US)
    assert found.amount is None
    assert found.currency is None
    assert found.reason is not None
    assert reason in found.reason


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=10, cached_tokens=50, output_tokens=1),
        Usage(input_tokens=10, by_modality={"input": {"text": 100}}),
        Usage(input_tokens=10, cached_tokens=5, by_modality={"input": {"audio": 7, "text": 3}}),
        Usage(input_tokens=2**63 - 1, output_tokens=2**63 - 1),
        Usage(output_tokens=3, by_modality={"output": {"smell": 3}}),
    ],
)
def test_contradictory_counts_still_have_a_price(usage: Usage) -> None:
    found = cost(usage, "gemini-2.5-flash", at_us=NOVEMBER_US)
    assert found.amount is not None
    assert found.amount > 0


def test_a_price_file(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('["gemini-9"]\ninput = 0.5\ncached = 0.1\noutput = 3\n["my-agent"]\ninput = 1\noutput = 2\n')
    assert load_prices(file) == {**PRICES, "my-agent": Price(Decimal(1), Decimal(1), Decimal(2))}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gemini-9]\ninput = 1\n", "'output'"),
        ("[gemini-9]\ninput = 'much'\noutput = 1\n", "'input'"),
        ("[gemini-9]\ninput = -1\noutput = 1\n", "'input'"),
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
