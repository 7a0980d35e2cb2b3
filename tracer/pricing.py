"""Usage -> money, or null with the reason why it is unknown. An unknown price is never 0.

Prices come from the user's own file, else from genai-prices, which is imported at the first question. Cached tokens
are part of the input and priced as such; tool prompts are billed as input and thoughts as output. The amount is for
tokens: grounded searches are billed apart, after a free allowance that no response tells.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.errors import UsageError
from tracer.records.usage import Cost, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INTERACTION_US = 1_764_547_200_000_000
"""2025-12-01: the API is not older, so an earlier time (of an undated import) says nothing about the price."""
_SPECIAL_TIERS = frozenset({"flex", "priority", "deferred"})
_MODALITY_KEYS = {
    ("input", "text"): "input_text_tokens",
    ("input", "audio"): "input_audio_tokens",
    ("input", "image"): "input_image_tokens",
    ("input", "document"): "input_image_tokens",
    ("input", "video"): "input_video_tokens",
    ("output", "text"): "output_text_tokens",
    ("output", "audio"): "output_audio_tokens",
    ("output", "image"): "output_image_tokens",
    ("output", "video"): "output_video_tokens",
}


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in US dollars."""

    input: Decimal
    cached: Decimal
    output: Decimal


type Prices = Mapping[str, Price]
"""Model or agent -> its price; wins over genai-prices."""


def load_prices(path: Path) -> dict[str, Price]:
    """A TOML file of `[model]` tables with `input`, `output` and perhaps `cached`, in USD per million tokens.

    Raises UsageError if the file can't be read or a table lacks a price.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise UsageError(f"the price file {str(path)!r} can't be read as TOML: {error}") from error
    return {model: _price(path, model, table) for model, table in document.items()}


def cost(
    usage: Usage | None,
    model: str | None,
    *,
    service_tier: str | None = None,
    at_us: int | None = None,
    prices: Prices | None = None,
) -> Cost:
    """What this usage cost at that moment (Unix microseconds; today's price if there is none)."""
    if usage is None:
        return Cost(reason="no usage was reported")
    if usage.input_tokens is None and usage.output_tokens is None:
        return Cost(reason="the usage has no token counts")
    if model is None:
        return Cost(reason="the model is unknown")
    model = model.removeprefix("models/")
    if prices and model in prices:
        return _from_file(usage, prices[model])
    return _from_package(usage, model, service_tier, at_us)


def _price(path: Path, model: str, table: Any) -> Price:
    told = table if isinstance(table, dict) else {}
    amounts: dict[str, Decimal] = {}
    for name in ("input", "cached", "output"):
        amount = told.get(name, told.get("input") if name == "cached" else None)
        if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not 0 <= amount < 1_000_000:
            raise UsageError(
                f"the price file {str(path)!r} needs a number {name!r} in [{model}]: USD per million tokens"
            )
        amounts[name] = Decimal(amount)
    return Price(**amounts)


def _billed(usage: Usage) -> tuple[int, int, int]:
    # Input without what was cached, the cached part, output.
    whole = (usage.input_tokens or 0) + (usage.tool_use_tokens or 0)
    cached = min(usage.cached_tokens or 0, whole)
    return whole - cached, cached, (usage.output_tokens or 0) + (usage.thought_tokens or 0)


def _from_file(usage: Usage, price: Price) -> Cost:
    fresh, cached, output = _billed(usage)
    amount = (fresh * price.input + cached * price.cached + output * price.output) / 1_000_000
    return Cost(amount=float(amount), currency="USD", source="price file")


def _from_package(usage: Usage, model: str, service_tier: str | None, at_us: int | None) -> Cost:
    try:
        import genai_prices
        from genai_prices.data_snapshot import get_snapshot
    except ImportError as error:
        return Cost(reason=f"genai-prices can't be imported: {error}")
    source = f"genai-prices {genai_prices.__version__}"
    special = service_tier if service_tier in _SPECIAL_TIERS else None
    try:
        _, info = get_snapshot().find_provider_model(model, None, "google", None)
    except LookupError:
        return Cost(source=source, reason=f"no price for {model!r}")
    if special and not _knows_tier(info, special):
        return Cost(source=source, reason=f"no price for {model!r} in the {special!r} tier")
    dated = at_us is not None and at_us >= _FIRST_INTERACTION_US
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(**_package_usage(usage)),
            model,
            provider_id="google",
            genai_request_timestamp=_EPOCH + timedelta(microseconds=at_us) if dated and at_us is not None else None,
            price_context={"service_tier": special} if special else None,
        )
    except (LookupError, ValueError, ArithmeticError) as error:
        return Cost(source=source, reason=f"genai-prices can't price this usage of {model!r}: {error}")
    return Cost(amount=float(found.total_price), currency="USD", source=source)


def _package_usage(usage: Usage) -> dict[str, int]:
    fresh, cached, output = _billed(usage)
    counts = {"input_tokens": fresh + cached, "cache_read_tokens": cached, "output_tokens": output}
    for part, modalities in usage.by_modality.items():
        total = {"input": fresh + cached, "output": output}.get(part, 0)
        named = {_MODALITY_KEYS[part, name]: n for name, n in modalities.items() if (part, name) in _MODALITY_KEYS}
        # Breakdowns need not add up; one that exceeds its total can't be trusted.
        if sum(named.values()) <= total and not (part == "input" and cached):
            counts.update(named)
    return counts


def _knows_tier(info: ModelInfo, tier: str) -> bool:
    return any(variant.when.get("service_tier") == tier for variant in info.price_variants or ())
