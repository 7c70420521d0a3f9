"""What is known of a mapping's model without anybody writing it down: shown where its fields are empty."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from providers.model_facts import facts_of
from providers.models import Provider
from proxy import price_book
from proxy.pricing import Price, PriceBook


def prices() -> PriceBook:
    """The lists of prices of all providers, without what mappings say themselves. Reads the database."""
    presets = dict(Provider.objects.values_list("name", "preset"))
    return replace(price_book.load(presets), mappings={})


def placeholders(provider: Provider, model: str, book: PriceBook) -> dict[str, str]:
    """What stands in the empty fields of a mapping, by field; a field of which nothing is known is not there."""
    found: dict[str, str] = {}
    preset = provider.preset_row
    facts = facts_of(model, preset.wire_format) if preset and model else None
    if facts and facts.window:
        found["context_window"] = f"{facts.window} (known)"
    if facts and facts.output:
        found["max_output_tokens"] = f"{facts.output} (known)"
    if (tariff := book.tariff("", provider.name, model)) is not None:
        found["price"] = f"{told(tariff.usual)} (from the list)"
    first = provider.first_content_timeout_s or (preset.first_content_s if preset else None)
    waits = {"first_content_timeout_s": first, "idle_timeout_s": provider.idle_timeout_s}
    found.update({name: f"{wait:g} (its provider's)" for name, wait in waits.items() if wait})
    return found


def told(price: Price) -> str:
    """A price as people write it."""
    parts = [price.input, price.output, price.cache_read, price.cache_write]
    while parts and parts[-1] is None:
        parts.pop()
    return " / ".join(_plain(price.input if part is None else part) for part in parts)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
