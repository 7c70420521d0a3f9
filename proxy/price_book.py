"""The price rows as the hot path reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.db.models import Q

from proxy.models import ModelMapping, ModelPrice
from proxy.models.price import PRICES, SYNCED
from proxy.pricing import Price, PriceBook, PriceList, Tariff, parse_price


def load(presets: Mapping[str, str]) -> PriceBook:
    """The prices of these providers, given with the names of their presets. Reads the database."""
    vendors, own = _lists(presets)
    return PriceBook(
        {
            (row.logical_model.name, row.provider.name, row.actual_model): Tariff(parse_price(row.price))
            for row in ModelMapping.objects.exclude(price="").select_related("logical_model", "provider")
        },
        {
            name: tuple(prices for prices in (own.get(name), vendors.get(preset)) if prices)
            for name, preset in presets.items()
        },
    )


def _lists(presets: Mapping[str, str]) -> tuple[dict[str, PriceList], dict[str, PriceList]]:
    """Price lists by preset and by provider."""
    rows = ModelPrice.objects.filter(Q(preset__in=set(presets.values())) | Q(provider__name__in=presets))
    # What people entered comes last, and so wins over what a sync calls the same in other letters.
    ordered = sorted(
        rows.values_list("preset", "provider__name", "model", "from_tokens", "source", *PRICES),
        key=lambda row: row[4] != SYNCED,
    )
    steps: dict[tuple[str, str], dict[str, dict[int, Price]]] = defaultdict(lambda: defaultdict(dict))
    for preset, provider, model, above, _, *prices in ordered:
        steps[preset, provider or ""][model.casefold()][above] = Price(*prices)
    vendors, own = {}, {}
    for (preset, provider), models in steps.items():
        prices = PriceList({model: _tariff(found) for model, found in models.items() if 0 in found})
        if provider:
            own[provider] = prices
        else:
            vendors[preset] = prices
    return vendors, own


def _tariff(steps: Mapping[int, Price]) -> Tariff:
    return Tariff(
        steps[0], tuple(sorted(((above, price) for above, price in steps.items() if above), key=lambda step: step[0]))
    )
