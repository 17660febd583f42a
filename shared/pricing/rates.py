"""What each part of a usage costs, compiled to integers, and the arithmetic that adds them up."""

import msgspec

from shared.pricing.usage import Usage

ATTO = 10**18
"""Atto-dollars in a dollar: fine enough that every published price per token is a whole number of them."""

ATTO_IN_NANO = 10**9

TOKEN_PARTS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
)
"""The parts of a usage that are tokens."""

PARTS = (*TOKEN_PARTS, "web_searches")
"""Every part of a usage that has a price of its own."""


class Rates(msgspec.Struct, frozen=True):
    """Atto-dollars for one unit of each part; parts named in `missing` have no price and count 0."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    request: int = 0
    """Once per request, whatever it used."""
    missing: tuple[str, ...] = ()

    def nano(self, usage: Usage) -> int:
        """Return nano-dollars, rounded half up once, after everything is added."""
        return (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write_5m * self.cache_write_5m
            + usage.cache_write_1h * self.cache_write_1h
            + usage.input_audio * self.input_audio
            + usage.input_image * self.input_image
            + usage.output * self.output
            + usage.reasoning * self.reasoning
            + usage.output_audio * self.output_audio
            + usage.output_image * self.output_image
            + usage.web_searches * self.web_searches
            + self.request
            + ATTO_IN_NANO // 2
        ) // ATTO_IN_NANO

    def leaves_out(self, usage: Usage) -> bool:
        """Tell whether the usage has a part without a price."""
        return any(getattr(usage, part) for part in self.missing)


def rates(prices: dict[str, int], request: int = 0) -> Rates:
    """Return the rates of the parts that have a price; the others are missing."""
    return Rates(**prices, request=request, missing=tuple(part for part in PARTS if part not in prices))


Steps = tuple[tuple[int, Rates], ...]
"""Context steps in rising order: the last one whose number of prompt tokens is exceeded applies to all tokens."""

ServiceTiers = dict[str, Steps]
"""By service tier; the empty name is the standard one, which serves for unknown tiers too."""


class Period(msgspec.Struct, frozen=True):
    """Prices from a moment on, by the second of the (UTC) day from which they hold."""

    since: float
    """Unix seconds."""
    windows: tuple[tuple[int, ServiceTiers], ...]


def in_force(periods: tuple[Period, ...], at: float) -> ServiceTiers:
    """Return the prices at a moment; the first period also stands for all time before it."""
    period = periods[0]
    for later in periods[1:]:
        if at >= later.since:
            period = later
    found = period.windows[0][1]
    second = at % 86_400
    for start, tiers in period.windows[1:]:
        if second >= start:
            found = tiers
    return found


_OF_A_PROMPT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image")
_OF_AN_ANSWER = ("output", "reasoning", "output_audio", "output_image")

Bound = tuple[int, int, int, int]
"""Above so many prompt tokens: atto-dollars at most for one of them, for one of the answer, and for the request."""


def dearest(periods: tuple[Period, ...], at: float) -> tuple[Bound, ...]:
    """Return what a token costs at most from a moment on, by context step, over all tiers and times of day.

    Who holds money for a request knows how many tokens it may have, and not which of them are audio or images.
    """
    found: dict[int, list[Rates]] = {}
    for index, period in enumerate(periods):
        if index + 1 < len(periods) and periods[index + 1].since <= at:
            continue
        for _, tiers in period.windows:
            for steps in tiers.values():
                for above, applied in steps:
                    found.setdefault(above, []).append(applied)
    return tuple(
        (
            above,
            max(max(getattr(each, part) for part in _OF_A_PROMPT) for each in applied),
            max(max(getattr(each, part) for part in _OF_AN_ANSWER) for each in applied),
            max(each.request for each in applied),
        )
        for above, applied in sorted(found.items())
    )
