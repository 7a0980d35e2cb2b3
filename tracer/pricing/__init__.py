"""Usage -> money, or null with the reason why it is unknown. An unknown price is never 0.

Prices come from the user's own file, else from genai-prices, which is imported at the first question. Cached tokens
are part of the input and priced as such; tool prompts are billed as input and thoughts as output. Grounded searches
are billed apart, after a free allowance that no response tells: they are in the amount if the user's file prices
them, else the reason says that they are not.
"""

from __future__ import annotations

from decimal import Decimal

from tracer.pricing.billed import Billed, billed
from tracer.pricing.package import price_by_package
from tracer.pricing.table import Price, Prices, load_prices, price_by_table
from tracer.records.usage import Cost, Usage

__all__ = ["Price", "Prices", "cost", "load_prices"]

ANY_MODEL = "*"
"""The table of a price file that stands for every model without one."""


def cost(
    usage: Usage | None,
    model: str | None,
    *,
    service_tier: str | None = None,
    at_us: int | None = None,
    prices: Prices | None = None,
) -> Cost:
    """What this usage cost at that moment (Unix microseconds; today's price if there is none).

    An amount may come with a reason: what was used and is not in it.
    """
    if usage is None:
        return Cost(reason="no usage was reported")
    if usage.input_tokens is None and usage.output_tokens is None:
        return Cost(reason="the usage has no token counts")
    if model is None:
        return Cost(reason="the model is unknown")
    name = model.rsplit("/", 1)[-1]
    own = _own_prices(prices or {}, model, name)
    counts = billed(usage)
    found = _tokens(counts, name, service_tier, at_us, own)
    if found.amount is None:
        return found
    return _with_grounding(found, usage, own)


def _own_prices(prices: Prices, model: str, name: str) -> list[Price]:
    # The model's own table first, then the one for all.
    named = prices.get(model) or prices.get(name)
    return [price for price in (named, prices.get(ANY_MODEL)) if price is not None]


def _tokens(counts: Billed, name: str, service_tier: str | None, at_us: int | None, own: list[Price]) -> Cost:
    for price in own:
        if (amount := price_by_table(counts, price.in_tier(service_tier))) is not None:
            return Cost(amount=float(amount), currency="USD", source="price file")
    return price_by_package(counts, name, service_tier, at_us)


def _with_grounding(found: Cost, usage: Usage, own: list[Price]) -> Cost:
    amount = Decimal(0)
    priced = False
    missing = []
    for tool, calls in usage.grounding.items():
        each = next((price.grounding[tool] for price in own if tool in price.grounding), None)
        if each is not None:
            amount += calls * each
            priced = True
        elif calls:
            missing.append(f"{calls} {tool}")
    reasons = []
    if missing:
        reasons.append(f"without grounding ({', '.join(missing)}), which is billed after a free allowance")
    if usage.sum_ok is False:
        reasons.append("the counts do not add up to their total")
    for part, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
        if count is None:
            reasons.append(f"without the {part}, of which no count was reported")
    return Cost(
        amount=float(Decimal(str(found.amount)) + amount) if priced else found.amount,
        currency=found.currency,
        source=f"{found.source}, grounding: price file" if priced and found.source != "price file" else found.source,
        reason="; ".join(reasons) or None,
    )
