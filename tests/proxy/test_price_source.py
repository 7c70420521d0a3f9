"""The real package as price rows, against its own arithmetic; and rules and prices of every kind, made up."""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace as Made

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price

from providers.presets import PRESETS, PRICE_LISTS
from providers.wire.messages import Usage
from proxy import price_source
from proxy.pricing import Price, PriceList, Tariff, micro_dollars

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def price_list(rows):
    steps = {}
    for row in rows:
        prices = {name: None if value is None else Decimal(value) for name, value in row.prices.items()}
        steps.setdefault(row.model, {})[row.from_tokens] = Price(**prices)
    tariffs = {
        name: Tariff(found[0], tuple(step for step in found.items() if step[0])) for name, found in steps.items()
    }
    return PriceList(tariffs)


@pytest.fixture(scope="module")
def real():
    return {name: price_list(rows) for name, rows in price_source.lists(PRICE_LISTS.values(), NOW).items()}


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("anthropic", "claude-sonnet-4-5"), ("anthropic", "claude-opus-4-1-20250805"),
        ("anthropic", "claude-haiku-4-5"), ("openai", "gpt-5"), ("openai", "gpt-4.1-mini"),
        ("openai", "gpt-4o-2024-08-06"),
        ("google", "gemini-2.5-pro"), ("google", "claude-sonnet-4-5@20250929"), ("azure", "gpt-5"),
        ("x-ai", "grok-4"), ("zai", "glm-4.6"), ("openrouter", "z-ai/glm-4.6"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fresh", [900, 300_000])
def test_costs_agree_with_the_package(real, vendor, model, fresh):
    """Its count of input tokens includes the cache, ours does not; long prompts have their own price at both."""
    ours = micro_dollars(Usage(fresh, 500, 2000, 70), real[vendor].tariff(model))
    counted = TheirUsage(input_tokens=fresh + 2070, output_tokens=500, cache_read_tokens=2000, cache_write_tokens=70)
    theirs = calc_price(counted, model, provider_id=vendor, genai_request_timestamp=NOW).total_price
    assert ours == theirs * 1_000_000 > 0


def test_every_price_list_exists(real):
    """The names in our table are names in the package, of vendors that are ours."""
    assert set(PRICE_LISTS) <= set(PRESETS)
    assert set(real) == set(PRICE_LISTS.values())


def test_a_model_of_another_vendor_is_not_known(real):
    """Nothing is guessed across vendors."""
    assert real["groq"].tariff("claude-sonnet-4-5") is None
    assert real["anthropic"].tariff("gpt-5") is None


def test_without_the_package_the_error_names_the_fix(monkeypatch):
    """It is an extra, and the words say how to install it."""
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    with pytest.raises(price_source.SourceMissing, match=r"pip install 'ccm-django\[prices\]'"):
        price_source.lists(["openai"], NOW)


def told(monkeypatch, **fields):
    """The rows of a list with one made-up model."""
    model = Made(**{"id": "m", "match": Made(equals="m"), "prices": prices(1), **fields})
    data = Made(providers=[Made(id="v", models=[model], fallback_model_providers=None)])
    monkeypatch.setattr(price_source, "import_module", lambda _name: data)
    return price_source.lists(["v", "unknown"], NOW)["v"]


def prices(dollars, **fields):
    return Made(**{"input_mtok": Decimal(dollars), "output_mtok": Decimal(dollars), **fields})


def tiered(base, *tiers):
    return Made(base=Decimal(base), tiers=[Made(start=start, price=Decimal(price)) for start, price in tiers])


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (Made(equals="M-1"), ["m", "M-1"]),
        (Made(or_=[Made(starts_with="m-"), Made(contains="mm"), Made(equals="M")]), ["m", "m-*", "mm*"]),
        (Made(and_=[Made(starts_with="x")]), ["m"]),
        (Made(regex="^x"), ["m"]),
        (Made(starts_with=""), ["m"]),
        (Made(equals="x" * 201), ["m"]),
    ],
)
def test_a_rule_becomes_the_names_it_certainly_means(monkeypatch, rule, names):
    """What no row can say is left out; names that differ in case are one."""
    assert [row.model for row in told(monkeypatch, match=rule)] == names


def test_thresholds_become_rows_of_their_own(monkeypatch):
    """With the price of each kind at that length, whatever thresholds the others have."""
    steps = prices(1, output_mtok=tiered(2, (500, 8), (200, 4)), cache_read_mtok=tiered("0.10", (500, "0.5")))
    rows = {row.from_tokens: row.prices for row in told(monkeypatch, prices=steps)}
    assert [(above, row["input"], row["output"], row["cache_read"]) for above, row in rows.items()] == [
        (0, "1", "2", "0.1"), (200, "1", "4", "0.1"), (500, "1", "8", "0.5"),
    ]  # fmt: skip


@pytest.mark.parametrize("missing", ["input_mtok", "output_mtok"])
def test_half_a_price_is_none(monkeypatch, missing):
    """A model that has no price for the prompt or the answer is left out."""
    assert told(monkeypatch, prices=prices(1, **{missing: None})) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(None, 1), ("2026-01-01", 2), ("2027-01-01", 3)], "2"),
        ([("2027-01-01", 3), ("2028-01-01", 4)], "3"),
        ([(None, 1), ("hourly", 5), ("hourly", 4)], "5"),
        ([(None, 6), ("hourly", 5)], "6"),
        ([("hourly", 5)], "5"),
    ],
)
def test_the_price_of_the_day_and_of_the_dearest_hour(monkeypatch, rows, expected):
    """The last that has begun; of prices that change with the hour the highest."""

    def constraint(kind):
        if kind is None:
            return None
        if kind == "hourly":
            return Made(start_time=0, active=lambda _now: False)
        return Made(active=lambda now: now >= datetime.fromisoformat(kind).replace(tzinfo=UTC))

    conditional = [Made(constraint=constraint(kind), prices=prices(dollars)) for kind, dollars in rows]
    assert [row.prices["output"] for row in told(monkeypatch, prices=conditional)] == [expected]
