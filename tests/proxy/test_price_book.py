"""Price rows as the hot path reads them."""

from decimal import Decimal

import pytest

from providers.models import Provider
from proxy import price_book, snapshot
from proxy.models import LogicalModel, ModelMapping, ModelPrice
from proxy.pricing import Price, Tariff

pytestmark = pytest.mark.django_db


def price(model, dollars, **fields):
    return ModelPrice.objects.create(model=model, input=dollars, output=dollars, **fields)


def usual(number):
    return Tariff(Price(Decimal(number), Decimal(number)))


def test_a_snapshot_has_the_prices_of_its_providers():
    """A mapping's own price, a provider's and its vendor's are in it; vendors without a provider are not read."""
    main = Provider.objects.create(name="main", preset="openai")
    model = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=model, provider=main, actual_model="gpt-5", price="7 / 8 / 1")
    price("gpt-5", 1, preset="openai")
    price("gpt-4*", 2, preset="openai")
    price("gpt-4-own", 3, provider=main)
    price("gpt-5", 4, preset="openrouter")
    book = snapshot.load().prices
    assert book.tariff("smart", "main", "gpt-5") == Tariff(Price(Decimal(7), Decimal(8), Decimal(1)))
    assert book.tariff("", "main", "gpt-5") == usual(1)
    assert book.tariff("", "main", "gpt-4-own") == usual(3)
    assert book.tariff("", "main", "gpt-4-x") == usual(2)
    assert list(book.providers) == ["main"] and len(book.providers["main"]) == 2


def test_rows_of_longer_prompts_are_steps_of_one_tariff():
    """They are in order whatever their rows' order; without the usual price there is none."""
    for above, dollars in ((500, 4), (0, 1), (200, 2)):
        price("long", dollars, preset="openai", from_tokens=above)
    price("half", 9, preset="openai", from_tokens=200)
    book = price_book.load({"main": "openai"})
    tariff = book.tariff("", "main", "long")
    assert (tariff.usual.input, [(above, step.input) for above, step in tariff.above]) == (1, [(200, 2), (500, 4)])
    assert book.tariff("", "main", "half") is None


def test_what_people_entered_wins_over_other_spellings():
    """A synced row whose name differs in case only does not undo a correction."""
    price("gpt-5", 1, preset="openai", source="edited")
    price("GPT-5", 2, preset="openai", source="synced")
    assert price_book.load({"main": "openai"}).tariff("", "main", "gpt-5") == usual(1)


def test_the_book_is_read_with_two_queries(django_assert_num_queries):
    """However many providers and prices there are."""
    for number in range(5):
        price(f"m{number}", 1, preset="openai")
    with django_assert_num_queries(2):
        price_book.load({"a": "openai", "b": "gemini"})
