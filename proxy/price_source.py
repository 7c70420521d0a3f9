"""genai-prices, an optional package, as price rows: for each vendor, what a model costs today.

Its data come with the package: nothing is fetched. Rules that no row can say are left out, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

MAX_NAME = 200
INSTALL = "pip install 'ccm-django[prices]'"

_KEYS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache_read": ("cache_read_mtok",),
    "cache_write": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "searches": ("web_searches_kcount",),
}


class SourceMissing(Exception):
    """The package is not installed; the words say how to get it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row as the source has it. `model` may end in `*`; `prices` by field name, as decimal text, None: unknown."""

    model: str
    from_tokens: int
    prices: Mapping[str, str | None]


def lists(names: Iterable[str], now: datetime) -> dict[str, list[Told]]:
    """The rows of these price lists, in force at `now`. Raises SourceMissing."""
    try:
        providers = import_module("genai_prices.data").providers
    except ModuleNotFoundError as error:
        raise SourceMissing(f"the prices come with a package that is not installed: {INSTALL}") from error
    by_name = {provider.id: provider for provider in providers}
    found = {}
    for name in set(names) & set(by_name):
        # Some vendors sell others' models at their makers' prices, and the source says so.
        makers = [by_name[maker] for maker in by_name[name].fallback_model_providers or () if maker in by_name]
        found[name] = list(_rows([*by_name[name].models, *(model for maker in makers for model in maker.models)], now))
    return found


def _rows(models: Iterable[Any], now: datetime) -> Iterator[Told]:
    taken: set[tuple[str, int]] = set()
    for model in models:
        steps = _steps(model.prices, now)
        for name in (model.id, *_names(model.match)):
            for above, prices in steps.items():
                key = (name.casefold(), above)
                if key not in taken and name.rstrip("*") and len(name) <= MAX_NAME:
                    taken.add(key)
                    yield Told(name, above, prices)


def _names(clause: Any) -> Iterator[str]:
    """The names and beginnings of names that a rule certainly means: a subset of what it matches."""
    if hasattr(clause, "equals"):
        yield clause.equals
    elif hasattr(clause, "starts_with"):
        yield f"{clause.starts_with}*"
    elif hasattr(clause, "contains"):
        yield f"{clause.contains}*"
    for inner in getattr(clause, "or_", ()):
        yield from _names(inner)


def _steps(prices: Any, now: datetime) -> dict[int, dict[str, str | None]]:
    """The usual prices at 0, and those above each threshold; none where a prompt or an answer has no price."""
    in_force = _in_force(prices, now)
    thresholds = {0, *(tier.start for value in vars(in_force).values() for tier in getattr(value, "tiers", ()))}
    found: dict[int, dict[str, str | None]] = {}
    for above in sorted(thresholds):
        row = {name: _at(in_force, keys, above) for name, keys in _KEYS.items()}
        if row["input"] is None or row["output"] is None:
            return {}
        found[above] = row
    return found


def _in_force(prices: Any, now: datetime) -> Any:
    """The prices of the day; of those that change with the hour the dearest, so that no cost is told too low."""
    if not isinstance(prices, list):
        return prices
    dated = [row for row in prices if not hasattr(row.constraint, "start_time")]
    active = [row.prices for row in dated if row.constraint is None or row.constraint.active(now)]
    hourly = [row.prices for row in prices if hasattr(row.constraint, "start_time")]
    usual = active[-1] if active else prices[0].prices
    return max((usual, *hourly), key=_base_output)


def _base_output(prices: Any) -> Decimal:
    return Decimal(_at(prices, _KEYS["output"], 0) or 0)


def _at(prices: Any, keys: tuple[str, ...], above: int) -> str | None:
    """One price at a prompt of more than `above` tokens, as text without an exponent."""
    value = next((found for key in keys if (found := getattr(prices, key, None)) is not None), None)
    if value is None:
        return None
    if hasattr(value, "tiers"):
        reached = [tier.price for tier in sorted(value.tiers, key=lambda tier: tier.start) if tier.start <= above]
        value = reached[-1] if reached else value.base
    text = f"{Decimal(value).quantize(Decimal('1e-8')):f}"
    return re.sub(r"\.?0+$", "", text) if "." in text else text
