"""Money by hand: every figure here is written out as counts times list prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.normalize import normalize
from tracer.pricing import Price, cost, package
from tracer.pricing.billed import MODALITIES, Billed, billed
from tracer.pricing.package import price_by_package
from tracer.records.usage import Usage
from tracer.testing import answer, exchange

NOVEMBER_US = 1_795_338_000_000_000
"""2026-11-22"""
JANUARY_US = 1_799_107_200_000_000
"""2027-01-05"""
MILLION = 1_000_000
PRICES = {"gemini-9": Price(Decimal("0.5"), Decimal("0.1"), Decimal(3))}


def amount(usage: Usage, model: str, tier: str | None = None, at_us: int = NOVEMBER_US) -> float | None:
    found = cost(usage, model, service_tier=tier, at_us=at_us)
    assert found.currency == "USD"
    assert found.source is not None
    assert found.source.startswith("genai-prices ")
    return found.amount


def test_cached_is_part_of_the_input_thoughts_are_output_tool_prompts_are_input() -> None:
    usage = Usage(
        input_tokens=1_000_000,
        cached_tokens=400_000,
        output_tokens=50_000,
        thought_tokens=150_000,
        tool_use_tokens=20_000,
        total_tokens=1_220_000,
        sum_ok=True,
    )
    # gemini-3.5-flash: 1.50 in, 0.15 cached, 9.00 out. 620,000 x 1.50 + 400,000 x 0.15 + 200,000 x 9.00
    assert amount(usage, "gemini-3.5-flash") == pytest.approx(0.93 + 0.06 + 1.8)


def test_a_million_of_which_four_hundred_thousand_were_cached() -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=0)
    assert amount(usage, "gemini-3.5-flash") == pytest.approx(0.6 * 1.5 + 0.4 * 0.15)
    assert amount(usage, "gemini-2.5-flash") == pytest.approx(0.6 * 0.3 + 0.4 * 0.03)
    # Added on top, as some instrumentation does, it would be 1.56 and 0.312.


def test_a_record_is_priced_by_what_its_usage_says() -> None:
    usage = {"total_input_tokens": 138, "total_output_tokens": 20, "total_thought_tokens": 141, "total_tokens": 299}
    record = normalize([exchange({"model": "gemini-2.5-flash", "input": "x"}, answer("v1_a", text="y", usage=usage))])
    assert record.usage is not None
    assert record.usage.sum_ok is True
    assert record.cost.amount == pytest.approx((138 * 0.3 + 161 * 2.5) / MILLION)


def test_audio_has_its_own_price_also_where_it_was_cached() -> None:
    # gemini-2.5-flash: text 0.30, cached 0.03; audio 1.00, cached 0.10
    audio = {"text": 700_000, "audio": 300_000}
    plain = Usage(input_tokens=MILLION, output_tokens=0, by_modality={"input": audio})
    assert amount(plain, "gemini-2.5-flash") == pytest.approx(0.7 * 0.3 + 0.3 * 1)
    told = plain.model_copy(
        update={
            "cached_tokens": 400_000,
            "by_modality": {"input": audio, "cached": {"text": 300_000, "audio": 100_000}},
        }
    )
    assert amount(told, "gemini-2.5-flash") == pytest.approx(0.4 * 0.3 + 0.2 * 1 + 0.3 * 0.03 + 0.1 * 0.1)


def test_cached_tokens_of_an_untold_modality_are_text_as_far_as_there_is_text() -> None:
    audio = {"input": {"text": 700_000, "audio": 300_000}}
    usage = Usage(input_tokens=MILLION, cached_tokens=400_000, output_tokens=0, by_modality=audio)
    assert amount(usage, "gemini-2.5-flash") == pytest.approx(0.3 * 0.3 + 0.4 * 0.03 + 0.3 * 1)
    more = usage.model_copy(update={"cached_tokens": 800_000})
    assert amount(more, "gemini-2.5-flash") == pytest.approx(0.7 * 0.03 + 0.1 * 0.1 + 0.2 * 1)


def test_tool_prompts_have_modalities_too() -> None:
    usage = Usage(
        input_tokens=0, tool_use_tokens=MILLION, output_tokens=0, by_modality={"tool_use": {"audio": 250_000}}
    )
    assert amount(usage, "gemini-2.5-flash") == pytest.approx(0.75 * 0.3 + 0.25 * 1)


def test_pictures_cost_more_than_words() -> None:
    usage = Usage(input_tokens=12, output_tokens=1283, by_modality={"output": {"image": 1120}})
    # gemini-3-pro-image-preview: 2 in, 12 out, 120 for a picture
    assert amount(usage, "gemini-3-pro-image-preview") == pytest.approx((12 * 2 + 163 * 12 + 1120 * 120) / MILLION)


def test_a_long_prompt_is_dearer_as_a_whole() -> None:
    # gemini-2.5-pro: 1.25 in and 10 out up to 200,000 tokens of prompt, 2.50 and 15 above
    short = Usage(input_tokens=200_000, output_tokens=1000)
    long = Usage(input_tokens=200_001, output_tokens=1000)
    assert amount(short, "gemini-2.5-pro") == pytest.approx((200_000 * 1.25 + 1000 * 10) / MILLION)
    assert amount(long, "gemini-2.5-pro") == pytest.approx((200_001 * 2.5 + 1000 * 15) / MILLION)


def test_service_tiers_and_price_changes() -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=MILLION)
    model = "gemini-3.8-flash-tts"
    assert amount(usage, model) == pytest.approx(0.5 + 9)
    assert amount(usage, model, "flex") == pytest.approx(0.25 + 4.5)
    assert amount(usage, model, "priority") == pytest.approx(0.9 + 16.2)
    assert amount(usage, model, "standard") == pytest.approx(0.5 + 9)
    assert amount(usage, model, at_us=JANUARY_US) == pytest.approx(1 + 18)


def _parts(whole: int) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(MODALITIES), st.integers(1, max(1, whole // 4)), max_size=4).filter(
        lambda parts: sum(parts.values()) <= whole
    )


@given(
    st.sampled_from(["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3.8-flash-tts", "gemini-2.5-flash-image"]),
    st.sampled_from([NOVEMBER_US, JANUARY_US, None]),
    st.tuples(*(st.sampled_from([0, 7, 199_990, 250_000]) for _ in range(3))).flatmap(
        lambda counts: st.builds(Billed, *map(st.just, counts), *map(_parts, counts))
    ),
)
def test_the_learned_rates_give_what_the_package_gives(model: str, at_us: int | None, counts: Billed) -> None:
    found = price_by_package(counts, model, None, at_us)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "_by_rates", lambda *_: None)
        assert price_by_package(counts, model, None, at_us) == found


@pytest.mark.parametrize("model", ["models/gemini-3.5-flash", "publishers/google/models/gemini-3.5-flash"])
def test_a_model_by_its_full_name(model: str) -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    assert amount(usage, model) == 1.5
    assert cost(usage, model, prices={"gemini-3.5-flash": PRICES["gemini-9"]}).amount == 0.5


@pytest.mark.parametrize(
    ("usage", "model", "tier", "reason"),
    [
        (None, "gemini-2.5-flash", None, "no usage"),
        (Usage(total_tokens=5), "gemini-2.5-flash", None, "no token counts"),
        (Usage(input_tokens=1), None, None, "model is unknown"),
        (Usage(input_tokens=1), "deep-research-pro-preview-12-2025", None, "deep-research-pro-preview-12-2025"),
        (Usage(input_tokens=1), "gemini-2.5-flash", "flex", "'flex' tier"),
        (Usage(input_tokens=1), "gemma-4-31b-it", None, "no price for 'gemma-4-31b-it'"),
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


def test_searches_are_named_when_they_are_not_in_the_amount() -> None:
    words = Usage(input_tokens=MILLION, output_tokens=0)
    searched = words.model_copy(update={"grounding": {"google_search": 3, "google_maps": 1, "retrieval": 0}})
    found = cost(searched, "gemini-3.5-flash", at_us=NOVEMBER_US)
    assert found.amount == 1.5
    assert found.reason == "without grounding (3 google_search, 1 google_maps), which is billed after a free allowance"
    assert cost(words, "gemini-3.5-flash", at_us=NOVEMBER_US).reason is None


def test_searches_are_in_the_amount_where_the_users_file_prices_them() -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=0, grounding={"google_search": 3, "google_maps": 1})
    both = {"google_search": Decimal("0.014"), "google_maps": Decimal("0.025")}
    found = cost(usage, "gemini-3.5-flash", at_us=NOVEMBER_US, prices={"*": Price(grounding=both)})
    assert found.amount == pytest.approx(1.5 + 3 * 0.014 + 0.025)
    assert found.reason is None
    assert found.source is not None
    assert found.source.endswith(", grounding: price file")
    some = cost(
        usage, "gemini-3.5-flash", at_us=NOVEMBER_US, prices={"*": Price(grounding={"google_maps": Decimal(1)})}
    )
    assert some.amount == pytest.approx(2.5)
    assert some.reason is not None
    assert "(3 google_search)" in some.reason


def test_a_count_that_was_not_reported_is_named() -> None:
    found = cost(Usage(output_tokens=MILLION), "gemini-3.5-flash", at_us=NOVEMBER_US)
    assert (found.amount, found.reason) == (9, "without the input, of which no count was reported")


def test_counts_that_do_not_add_up_are_priced_and_said() -> None:
    usage = Usage(input_tokens=0, output_tokens=MILLION, total_tokens=0, sum_ok=False)
    found = cost(usage, "gemini-3.5-flash", at_us=NOVEMBER_US)
    assert (found.amount, found.reason) == (9, "the counts do not add up to their total")


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


count = st.none() | st.integers(0, 1000)
breakdown = st.dictionaries(
    st.sampled_from(["text", "audio", "image", "video", "document", "smell"]), st.integers(0, 900)
)
usages = st.builds(
    Usage,
    input_tokens=count,
    cached_tokens=count,
    output_tokens=count,
    thought_tokens=count,
    tool_use_tokens=count,
    by_modality=st.dictionaries(st.sampled_from(["input", "output", "cached", "tool_use"]), breakdown),
)


@settings(max_examples=150, deadline=None)
@given(usages)
def test_pieces_are_disjoint_and_add_up_to_what_is_billed(usage: Usage) -> None:
    counts = billed(usage)
    assert counts.fresh + counts.cached == (usage.input_tokens or 0) + (usage.tool_use_tokens or 0)
    assert counts.output == (usage.output_tokens or 0) + (usage.thought_tokens or 0)
    for whole, pieces in (
        (counts.fresh, counts.fresh_by),
        (counts.cached, counts.cached_by),
        (counts.output, counts.output_by),
    ):
        assert all(piece >= 0 for piece in pieces.values())
        assert sum(pieces.values()) <= whole
    # One price for everything: then only the whole counts matter.
    flat = {"m": Price(Decimal(1), Decimal(1), Decimal(1))}
    found = cost(usage, "m", prices=flat)
    if found.amount is not None:
        assert found.amount == pytest.approx((counts.fresh + counts.cached + counts.output) / MILLION)


@settings(max_examples=100, deadline=None)
@given(usages, st.sampled_from(["gemini-2.5-flash", "gemini-3-pro-image-preview", "gemini-3.1-flash-live-preview"]))
def test_every_usage_can_be_priced(usage: Usage, model: str) -> None:
    found = cost(usage, model, at_us=NOVEMBER_US)
    if usage.input_tokens is not None or usage.output_tokens is not None:
        assert found.amount is not None, found.reason
