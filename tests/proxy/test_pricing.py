"""What answers cost, and whose prices apply."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.messages import Usage
from proxy.pricing import MAX_COST, Price, PriceBook, PriceList, Tariff, micro_dollars, parse_price, total

SONNET = Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"), Decimal(6), Decimal(10))
PLAIN = Price(Decimal("0.6"), Decimal("2.2"))


@pytest.mark.parametrize(
    ("usage", "price", "expected"),
    [
        (Usage(1_000_000), SONNET, 3_000_000),
        (Usage(100, 10), SONNET, 450),
        (Usage(0, 0, 1000, 0), SONNET, 300),
        (Usage(0, 0, 0, 1000), SONNET, 3750),
        (Usage(0, 0, 0, 1000, cache_write_1h=400), SONNET, 600 * Decimal("3.75") + 400 * 6),
        (Usage(0, 0, 0, 1000, cache_write_1h=4000), SONNET, 6000),
        (Usage(1, 0, searches=2), SONNET, 3 + 20_000),
        (Usage(1, 0, searches=2), PLAIN, Decimal("0.6")),
        (Usage(10, 10, 10, 10), PLAIN, 30 * Decimal("0.6") + 22),
        (Usage(0, 0, 0, 10, cache_write_1h=5), Price(Decimal(1), Decimal(1), None, Decimal(2)), 20),
        (Usage(5, 5), Price(Decimal(0), Decimal(0)), 0),
    ],
)
def test_each_kind_of_token_has_its_price(usage, price, expected):
    """In micro-dollars, exact; what is cached without a price of its own is billed as input."""
    assert micro_dollars(usage, Tariff(price)) == expected


@pytest.mark.parametrize(
    ("usage", "tariff"),
    [
        (Usage(1, 2), None),
        (Usage(), Tariff(SONNET)),
        (Usage(10**5000), Tariff(SONNET)),
        (Usage(10**10), Tariff(SONNET)),
    ],
)
def test_what_is_not_known_is_never_zero(usage, tariff):
    """No price, no tokens told, or tokens that nobody believes: the cost is unknown."""
    assert micro_dollars(usage, tariff) is None


@pytest.mark.parametrize(("prompt", "expected"), [(200, 1), (201, 2), (500, 2), (501, 4)])
def test_a_long_prompt_has_the_price_of_its_length(prompt, expected):
    """Above a threshold every token costs the dearer price; what the cache read counts for the length."""
    prices = {above: Price(Decimal(price), Decimal(0)) for above, price in ((0, 1), (200, 2), (500, 4))}
    tariff = Tariff(prices[0], ((500, prices[500]), (200, prices[200])))
    assert micro_dollars(Usage(prompt - 20, 0, 15, 5), tariff) == prompt * expected


@given(st.builds(Usage, *[st.integers(0, 10**7)] * 4))
def test_a_cost_is_the_sum_of_its_parts(usage):
    """Two halves at one price cost what the whole costs, and nothing is rounded."""
    halves = [Usage(usage.input, 0, usage.cache_read), Usage(0, usage.output, 0, usage.cache_write)]
    costs = [micro_dollars(half, Tariff(SONNET)) or Decimal(0) for half in halves]
    whole = micro_dollars(usage, Tariff(SONNET))
    assert sum(costs) == (whole or 0) and (whole or 0) <= MAX_COST


@pytest.mark.parametrize(
    ("costs", "expected"), [([], None), ([None], None), ([Decimal(1), None], None), ([Decimal(1), Decimal(2)], 3)]
)
def test_a_sum_with_an_unknown_part_is_unknown(costs, expected):
    """Nothing to add up is unknown too."""
    assert total(costs) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3/15", Price(Decimal(3), Decimal(15))),
        (" 3 / 15 / 0.30 ", Price(Decimal(3), Decimal(15), Decimal("0.3"))),
        ("0/0/0/0", Price(*[Decimal(0)] * 4)),
    ],
)
def test_a_price_as_people_write_it(text, expected):
    """Two to four numbers between slashes."""
    assert parse_price(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3", "input / output"), ("1/2/3/4/5", "input / output"), ("3/", "not a number"), ("3,5/15", "not a number"),
        ("-1/15", "from 0 to 10,000"), ("3/99999", "from 0 to"), ("nan/1", "from 0 to"), ("1/inf", "from 0 to"),
        ("٣/1", "from 0 to"),
    ],
)  # fmt: skip
def test_a_price_that_is_none_is_told_in_words(text, told):
    """Too few or many numbers, no number, below zero, absurd."""
    with pytest.raises(ValueError, match=told):
        parse_price(text)


def tariff(number):
    return Tariff(Price(Decimal(number), Decimal(0)))


NAMES = PriceList({"GPT-5": tariff(1), "gpt-5-mini": tariff(2), "gpt-5*": tariff(3), "gpt-5-m*": tariff(4)})


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5", 1), ("GPT-5", 1), ("gpt-5-2025-08-07", 1), ("gpt-5-20250807", 1), ("gpt-5@20250807", 1),
        ("gpt-5[1m]", 1), ("gpt-5-20250807[1m]", 1), ("gpt-5-mini", 2), ("gpt-5-mini-2025-08-07", 2),
        ("gpt-5-nano", 3), ("gpt-5-max", 4), ("gpt-4", None), ("openai/gpt-5", None), ("gpt", None), ("", None),
    ],
)  # fmt: skip
def test_a_model_is_found_by_its_name_or_not_at_all(model, expected):
    """The exact name first, then the name without its date, then the longest beginning; no guess beyond."""
    assert NAMES.tariff(model) == (None if expected is None else tariff(expected))


def test_the_nearest_price_wins():
    """A mapping's own price, else the provider's list, else the vendor's; another provider's says nothing."""
    own, vendor = PriceList({"a": tariff(2)}), PriceList({"a": tariff(3), "b": tariff(4)})
    book = PriceBook({("smart", "main", "a"): tariff(1)}, {"main": (own, vendor), "other": (vendor,)})
    asked = [("smart", "main", "a"), ("x", "main", "a"), ("x", "main", "b"), ("smart", "other", "a")]
    assert [book.tariff(*key) for key in asked] == [tariff(1), tariff(2), tariff(4), tariff(3)]
    assert book.tariff("smart", "gone", "a") is None
