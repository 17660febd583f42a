"""The prices of genai-prices, compiled: the package's general rules run once per model, not per request.

Importing the package's data takes 0.07 to 0.2 s and 10 MB, so it is imported when the first model is
asked for. `docs/pricing.md` has the figures and what the table cannot say.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.pricing.rates import ATTO, PARTS, Period, Rates, ServiceTiers, Steps, rates

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

SERVICE_TIERS = ("", "default", "priority", "fast", "flex", "batch")
"""What a usage's `service_tier` may say and the table may have a price for."""

CONTEXT_NAMES = ("service_tier", "processing", "speed")
"""Under these the table files a tier: OpenAI's service tiers, batches of both, Anthropic's fast mode."""

DIMENSIONS = {
    "input": {"family": "tokens", "direction": "input", "modality": "text"},
    "cache_read": {"family": "tokens", "direction": "input", "modality": "text", "token_type": "cache_read"},
    "cache_write_5m": {
        "family": "tokens",
        "direction": "input",
        "modality": "text",
        "token_type": "cache_write",
        "cache_ttl": "5m",
    },
    "cache_write_1h": {
        "family": "tokens",
        "direction": "input",
        "modality": "text",
        "token_type": "cache_write",
        "cache_ttl": "1h",
    },
    "input_audio": {"family": "tokens", "direction": "input", "modality": "audio"},
    "input_image": {"family": "tokens", "direction": "input", "modality": "image"},
    "output": {"family": "tokens", "direction": "output", "modality": "text"},
    "reasoning": {"family": "tokens", "direction": "output", "modality": "text", "token_type": "reasoning"},
    "output_audio": {"family": "tokens", "direction": "output", "modality": "audio"},
    "output_image": {"family": "tokens", "direction": "output", "modality": "image"},
    "web_searches": {"family": "tool_calls", "tool_type": "web_search"},
}
"""What each part of a usage is in the table's own terms."""

_NOT_CHAT = re.compile(
    "audio|computer-use|embedding|ft[:-]|image|instruct|live|moderation|realtime|transcribe|translate|tts|whisper"
    "|^ada|babbage|curie|davinci|:extended|gpt-3.5-0301|gpt-oss|claude-2|claude-v1"
)
"""Models that do something else, that the provider no longer has, or that it never served itself."""


@cache
def load() -> "DataSnapshot":
    """Return the package's table. The first call imports it and holds the loop: make it before serving."""
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


@cache
def version() -> str:
    """Return the table's name and version."""
    from genai_prices import __version__

    return f"genai-prices/{__version__}"


def find(model: str, provider: str, api_base: str | None) -> "tuple[Provider, ModelInfo] | None":
    """Return the table's entry; the address decides whose model it is, where the table knows the address."""
    table = load()
    for address, name in ((api_base, None), (None, provider)):
        if address is None and name is None:
            continue
        try:
            return table.find_provider_model(model, None, name, address)
        except LookupError:
            continue
    return None


def chat_models(provider: str) -> list[str]:
    """Return the names of a provider's models that answer chats, as far as the table tells; it may not know it."""
    found = next((item for item in load().providers if item.id == provider), None)
    if found is None:
        return []
    return sorted(model.id for model in found.models if not model.deprecated and _answers_chats(model))


def compile_model(provider: "Provider", model: "ModelInfo") -> tuple[Period, ...]:
    """Return a model's prices over time; empty when it has none for tokens."""
    periods = tuple(Period(day.timestamp(), _windows(provider, model, day)) for day in _days(model))
    return periods if any(_has_tokens(periods)) else ()


def _has_tokens(periods: tuple[Period, ...]) -> Iterator[bool]:
    for period in periods:
        for _, tiers in period.windows:
            yield not {"input", "output"} <= set(tiers[""][0][1].missing)


def _answers_chats(model: "ModelInfo") -> bool:
    prices: Any = model.prices[-1].prices if isinstance(model.prices, list) else model.prices
    return prices.input_mtok is not None and prices.output_mtok is not None and not _NOT_CHAT.search(model.id)


def _constraints(model: "ModelInfo") -> Iterator[Any]:
    if isinstance(model.prices, list):
        yield from (price.constraint for price in model.prices)
    yield from (variant.constraint for variant in model.price_variants or ())


def _days(model: "ModelInfo") -> list[datetime]:
    """Return the days on which a price of the model changes, the beginning of time first."""
    days = {constraint.start_date for constraint in _constraints(model) if hasattr(constraint, "start_date")}
    return [
        datetime(1970, 1, 1, tzinfo=UTC),
        *(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in sorted(days)),
    ]


def _windows(provider: "Provider", model: "ModelInfo", day: datetime) -> tuple[tuple[int, ServiceTiers], ...]:
    seconds = {0}
    for constraint in _constraints(model):
        for name in ("start_time", "end_time"):
            moment = getattr(constraint, name, None)
            if moment is not None:
                seconds.add(moment.hour * 3600 + moment.minute * 60 + moment.second)
    return tuple(
        (second, _service_tiers(provider, model, day + timedelta(seconds=second))) for second in sorted(seconds)
    )


def _service_tiers(provider: "Provider", model: "ModelInfo", moment: datetime) -> ServiceTiers:
    standard = _steps(model.get_prices(moment))
    tiers: ServiceTiers = {"": standard}
    if not any(model is own for own in provider.models):
        return tiers  # Another provider's entry: what it charges for its tiers says nothing about this one's.
    for tier in SERVICE_TIERS[1:]:
        steps = _steps(model.get_prices(moment, dict.fromkeys(CONTEXT_NAMES, tier)))
        if steps != standard:
            tiers[tier] = steps
    return tiers


def _steps(price: "ModelPrice") -> Steps:
    from genai_prices.types import TieredPrices

    tiered = [value for value in vars(price).values() if isinstance(value, TieredPrices)]
    starts = sorted({0, *(tier.start for value in tiered for tier in value.tiers)})
    return tuple((start, _rates(price, start)) for start in starts)


def _rates(price: "ModelPrice", above: int) -> Rates:
    from genai_prices.units import _get_registry

    registry = _get_registry()
    priced = [
        (registry.unit_for_price_key(name), value)
        for name, value in vars(price).items()
        if value is not None and not name.startswith("_")
    ]
    found: dict[str, int] = {}
    for part in PARTS:
        matching = [(unit, value) for unit, value in priced if unit.dimensions.items() <= DIMENSIONS[part].items()]
        if matching:
            # The narrowest unit counts the part; the table lets no two be equally narrow.
            unit, value = max(matching, key=lambda item: len(item[0].dimensions))
            found[part] = _atto(_stepped(value, above), unit.per)
    request = next((_atto(value, unit.per) for unit, value in priced if unit.usage_key == "requests"), 0)
    return rates(found, request)


def _stepped(value: Any, above: int) -> Decimal:
    """Return the price for prompts of more than `above` tokens, up to the next step."""
    if isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if above >= tier.start and above:
            price = tier.price
    return price


def _atto(price: Decimal, per: int) -> int:
    return round(price * ATTO / per)
