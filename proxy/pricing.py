"""What an answer costs: tokens times prices, and whose prices apply. A price that is not known is None, never zero."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from providers.wire.messages import Usage

MAX_PRICE = Decimal(10_000)
"""USD per million tokens; more than ten times what any model has ever cost is a slip of the keyboard."""
MAX_COST = Decimal(10_000) * 1_000_000
"""Micro-dollars of one answer; token counts that cost more are nonsense."""

_PIN = re.compile(r"(\[1m\])?([-@](\d{8}|\d{4}-\d\d-\d\d)(\[1m\])?)?$")
"""What names a snapshot of a model, or a beta of it, and not another model."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. What is cached and has no price of its own is billed as input.

    `searches`: USD per 1,000 web searches; None: they are not billed.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    searches: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of one model: the usual one, and dearer ones for prompts of more than so many tokens."""

    usual: Price
    above: tuple[tuple[int, Price], ...] = ()

    def price(self, prompt_tokens: int) -> Price:
        """The price of every token of a request with a prompt of this size, cache included."""
        reached = [step for step in self.above if prompt_tokens > step[0]]
        return max(reached, key=lambda step: step[0])[1] if reached else self.usual


def micro_dollars(usage: Usage, tariff: Tariff | None) -> Decimal | None:
    """The cost of one answer in millionths of a dollar, exact; None when no price is known or no tokens were told.

    Counts are exclusive, as Anthropic has them: `input` holds nothing that the cache read or wrote.
    """
    if tariff is None or usage == Usage():
        return None
    price = tariff.price(usage.input + usage.cache_read + usage.cache_write)
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    longer = write if price.cache_write_1h is None else price.cache_write_1h
    an_hour = min(usage.cache_write_1h, usage.cache_write)
    cost = (
        usage.input * price.input
        + usage.output * price.output
        + usage.cache_read * read
        + (usage.cache_write - an_hour) * write
        + an_hour * longer
        + usage.searches * (price.searches or Decimal(0)) * 1000
    )
    return cost if cost <= MAX_COST else None


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None when there is nothing to add up, or something in it is unknown."""
    known = list(costs)
    return None if not known or None in known else sum((cost for cost in known if cost is not None), Decimal(0))


def parse_price(text: str) -> Price:
    """A price as people write it: `3 / 15 / 0.3 / 3.75`, for input, output, and if known cache read and cache write.

    Raises ValueError, in words for a form.
    """
    parts = [part.strip() for part in text.split("/")]
    if not 2 <= len(parts) <= 4:
        raise ValueError(
            "Write USD per million tokens: input / output / cache read / cache write (the last two optional)."
        )
    try:
        numbers = [Decimal(part) if part.isascii() else Decimal("NaN") for part in parts]
    except InvalidOperation as error:
        raise ValueError(f"“{text}” holds something that is not a number.") from error
    if not all(number.is_finite() and 0 <= number <= MAX_PRICE for number in numbers):
        raise ValueError(f"Each price must be from 0 to {MAX_PRICE:,} USD per million tokens.")
    return Price(*numbers)


class PriceList:
    """The tariffs of one vendor or provider, by the names of its models; a name that ends in `*` is a beginning."""

    def __init__(self, tariffs: Mapping[str, Tariff] | None = None) -> None:
        folded = {name.casefold(): tariff for name, tariff in (tariffs or {}).items()}
        self._names = {name: tariff for name, tariff in folded.items() if not name.endswith("*")}
        beginnings = [(name[:-1], tariff) for name, tariff in folded.items() if name.endswith("*")]
        self._beginnings = sorted(beginnings, key=lambda row: -len(row[0]))

    def tariff(self, model: str) -> Tariff | None:
        """By the exact name, else without its date, else by the longest beginning; nothing is guessed."""
        name = model.casefold()
        found = self._names.get(name) or self._names.get(_PIN.sub("", name, count=1))
        return found or next((row for beginning, row in self._beginnings if name.startswith(beginning)), None)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All prices of one moment: a mapping's own, else its provider's, else its vendor's."""

    mappings: Mapping[tuple[str, str, str], Tariff] = field(default_factory=dict)
    """By logical model, provider and actual model."""
    providers: Mapping[str, tuple[PriceList, ...]] = field(default_factory=dict)
    """By provider: the lists to look at, in this order."""

    def tariff(self, logical_model: str, provider: str, actual_model: str) -> Tariff | None:
        """What applies to one upstream call; None when nobody knows."""
        own = self.mappings.get((logical_model, provider, actual_model))
        lists = self.providers.get(provider, ())
        return own or next((found for prices in lists if (found := prices.tariff(actual_model))), None)
