"""Prices of the genai-prices package, through our own mapping: it knows no usage of the Interactions API."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tracer.pricing.billed import MODALITIES, Billed
from tracer.records.usage import Cost

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INTERACTION_US = 1_764_547_200_000_000
"""2025-12-01: the API is not older, so an earlier time (of an undated import) says nothing about the price."""
_SPECIAL_TIERS = frozenset({"flex", "priority", "deferred"})
_UNITS = {"audio": "audio", "image": "image", "video": "video", "document": "image"}
"""The package has no documents; the service bills their pages as images."""


def price_by_package(counts: Billed, model: str, service_tier: str | None, at_us: int | None) -> Cost:
    """What the tokens cost, or why that is unknown; `model` comes without `models/`."""
    try:
        import genai_prices
    except ImportError as error:
        return Cost(reason=f"genai-prices can't be imported: {error}")
    source = f"genai-prices {genai_prices.__version__}"
    special = service_tier if service_tier in _SPECIAL_TIERS else None
    try:
        provider, info = _found(model)
    except LookupError:
        return Cost(source=source, reason=f"no price for {model!r}")
    if special and not _knows_tier(info, special):
        return Cost(source=source, reason=f"no price for {model!r} in the {special!r} tier")
    dated = at_us is not None and at_us >= _FIRST_INTERACTION_US
    moment = _EPOCH + timedelta(microseconds=at_us) if dated and at_us is not None else datetime.now(UTC)
    if special is None and (amount := _by_rates(counts, provider, info, moment)) is not None:
        return Cost(amount=float(amount), currency="USD", source=source)
    try:
        found = info.calc_price(
            genai_prices.Usage(**_usage(counts)),
            provider,
            genai_request_timestamp=moment,
            price_context={"service_tier": special} if special else None,
        )
    except (LookupError, ValueError, ArithmeticError) as error:
        return Cost(source=source, reason=f"genai-prices can't price this usage of {model!r}: {error}")
    # Models that are free, or not sold by the token, are listed without prices.
    if found.model_price.input_mtok is None or found.model_price.output_mtok is None:
        return Cost(source=source, reason=f"no price for {model!r}")
    return Cost(amount=float(found.total_price), currency="USD", source=source)


@functools.lru_cache(maxsize=256)
def _found(model: str) -> tuple[Provider, ModelInfo]:
    # Matching a name against every pattern takes longer than the arithmetic.
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot().find_provider_model(model, None, "google", None)


@dataclass(frozen=True, slots=True)
class _Rates:
    """What one token of each kind costs, as the package says. Its own arithmetic takes a hundred times as long."""

    price: ModelPrice
    up_to: int | None
    """Input tokens above which other prices hold."""
    each: dict[str, Decimal]


_RATES: dict[int, _Rates | None] = {}
"""By the identity of the package's prices, which live as long as the process."""


def _by_rates(counts: Billed, provider: Provider, info: ModelInfo, moment: datetime) -> Decimal | None:
    price = info.get_prices(moment)
    if id(price) not in _RATES:
        _RATES[id(price)] = _learn(price, provider, info, moment)
    rates = _RATES[id(price)]
    if rates is None or (rates.up_to is not None and counts.fresh + counts.cached > rates.up_to):
        return None
    return sum((rates.each[kind] * count for kind, count in _pieces(counts)), Decimal(0))


def _pieces(counts: Billed) -> Iterator[tuple[str, int]]:
    parts = (
        ("fresh", counts.fresh, counts.fresh_by),
        ("cached", counts.cached, counts.cached_by),
        ("output", counts.output, counts.output_by),
    )
    for part, whole, named in parts:
        yield from ((f"{part} {modality}", count) for modality, count in named.items())
        yield part, whole - sum(named.values())


def _learn(price: ModelPrice, provider: Provider, info: ModelInfo, moment: datetime) -> _Rates | None:
    import genai_prices
    from genai_prices.types import TieredPrices

    if price.input_mtok is None or price.output_mtok is None:
        return None
    starts = [tier.start for held in vars(price).values() if isinstance(held, TieredPrices) for tier in held.tiers]
    ones = {
        "fresh": Billed(1, 0, 0),
        "cached": Billed(0, 1, 0),
        "output": Billed(0, 0, 1),
        **{f"fresh {name}": Billed(1, 0, 0, fresh_by={name: 1}) for name in MODALITIES},
        **{f"cached {name}": Billed(0, 1, 0, cached_by={name: 1}) for name in MODALITIES},
        **{f"output {name}": Billed(0, 0, 1, output_by={name: 1}) for name in MODALITIES},
    }
    try:
        each = {
            kind: info.calc_price(
                genai_prices.Usage(**_usage(one)), provider, genai_request_timestamp=moment
            ).total_price
            for kind, one in ones.items()
        }
    except (LookupError, ValueError, ArithmeticError):
        return None
    return _Rates(price, min(starts, default=None), each)


def _usage(counts: Billed) -> dict[str, int]:
    usage = {
        "input_tokens": counts.fresh + counts.cached,
        "cache_read_tokens": counts.cached,
        "output_tokens": counts.output,
    }
    for modality, unit in _UNITS.items():
        cached = counts.cached_by.get(modality, 0)
        pieces = {
            f"input_{unit}_tokens": counts.fresh_by.get(modality, 0) + cached,
            f"cache_{unit}_read_tokens": cached,
            f"output_{unit}_tokens": counts.output_by.get(modality, 0),
        }
        for name, count in pieces.items():
            usage[name] = usage.get(name, 0) + count
    return usage


def _knows_tier(info: ModelInfo, tier: str) -> bool:
    return any(variant.when.get("service_tier") == tier for variant in info.price_variants or ())
