"""The user's own prices: a TOML file with a table per model, in US dollars.

["gemini-3.5-flash"]
input = 1.5                 # per million tokens, as are all but grounding
cached = 0.15               # else the price of input
output = 9
input_audio = 3             # also cached_ and output_; audio, image, video, document
grounding = { google_search = 0.014 }       # per call
tiers.flex = { input = 0.75, output = 4.5 } # for calls in this service tier

["*"]                       # every model without its own; may price grounding alone
grounding = { google_maps = 0.025 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tracer.errors import UsageError
from tracer.pricing.billed import MODALITIES, Billed

_PARTS = ("input", "cached", "output")
_BY_MODALITY = frozenset(f"{part}_{modality}" for part in _PARTS for modality in MODALITIES)
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in US dollars; without prices of tokens it is about grounding alone."""

    input: Decimal | None = None
    cached: Decimal | None = None
    output: Decimal | None = None
    by_modality: Mapping[str, Decimal] = field(default_factory=dict)
    """`input_audio`, `cached_image`, `output_video`, ... -> price, where it differs."""
    grounding: Mapping[str, Decimal] = field(default_factory=dict)
    """Grounding tool -> what one call costs."""
    tiers: Mapping[str, Price] = field(default_factory=dict)
    """Service tier -> its prices of tokens."""

    def in_tier(self, tier: str | None) -> Price:
        """The prices of a service tier, these if it has none of its own."""
        return self.tiers.get(tier or "", self)

    def of(self, part: str, modality: str) -> Decimal | None:
        """What a million tokens of a modality cost; cached ones that have no price are priced as input."""
        own = self.by_modality.get(f"{part}_{modality}")
        if own is not None:
            return own
        if part == "cached":
            return self.of("input", modality) if self.cached is None else self.cached
        return self.input if part == "input" else self.output


type Prices = Mapping[str, Price]
"""Model or agent -> its price; wins over genai-prices."""


def price_by_table(counts: Billed, price: Price) -> Decimal | None:
    """The amount for all tokens, None if the table does not price tokens."""
    if price.input is None or price.output is None:
        return None
    total = Decimal(0)
    cached = price.input if price.cached is None else price.cached
    parts = (
        ("input", counts.fresh, counts.fresh_by, price.input),
        ("cached", counts.cached, counts.cached_by, cached),
        ("output", counts.output, counts.output_by, price.output),
    )
    for part, whole, by_modality, plain in parts:
        total += (whole - sum(by_modality.values())) * plain
        for modality, count in by_modality.items():
            total += count * (price.of(part, modality) or 0)
    return total / _MILLION


def load_prices(path: Path) -> dict[str, Price]:
    """The prices in a file. Raises UsageError, naming the table, if it can't be read or something in it is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise UsageError(f"the price file {str(path)!r} can't be read as TOML: {error}") from error
    return {model: _price(path, model, table) for model, table in document.items()}


def _price(path: Path, name: str, table: Any) -> Price:
    if not isinstance(table, dict):
        raise UsageError(f"the price file {str(path)!r} needs a table [{name}] with 'input' and 'output'")
    for key in table.keys() - {*_PARTS, *_BY_MODALITY, "grounding", "tiers"}:
        raise UsageError(f"the price file {str(path)!r} has an unknown name {key!r} in [{name}]")
    amounts = {key: _amount(path, name, key, table[key]) for key in table if key in _PARTS}
    by_modality = {key: _amount(path, name, key, table[key]) for key in table if key in _BY_MODALITY}
    grounding = _inner(path, name, table, "grounding")
    tiers = _inner(path, name, table, "tiers")
    needs_tokens = amounts or by_modality or tiers or not grounding
    for key in ("input", "output"):
        if needs_tokens and key not in amounts:
            raise UsageError(f"the price file {str(path)!r} needs a number {key!r} in [{name}]: USD per million tokens")
    return Price(
        input=amounts.get("input"),
        cached=amounts.get("cached"),
        output=amounts.get("output"),
        by_modality=by_modality,
        grounding={tool: _amount(path, f"{name}.grounding", tool, each) for tool, each in grounding.items()},
        tiers={tier: _price(path, f"{name}.tiers.{tier}", inner) for tier, inner in tiers.items()},
    )


def _inner(path: Path, name: str, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = table.get(key, {})
    if not isinstance(inner, dict):
        raise UsageError(f"the price file {str(path)!r} needs a table {key!r} in [{name}]")
    return inner


def _amount(path: Path, name: str, key: str, value: Any) -> Decimal:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not number or not Decimal(value).is_finite() or not 0 <= value < _MILLION:
        raise UsageError(f"the price file {str(path)!r} needs a number {key!r} in [{name}]: US dollars, 0 or more")
    return Decimal(value)
