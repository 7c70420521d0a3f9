"""A price row and what it refuses."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, ModelPrice

pytestmark = pytest.mark.django_db


def problems(row):
    try:
        row.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def price(**fields):
    return ModelPrice(**{"preset": "openai", "model": "gpt-5", "input": Decimal(1), "output": Decimal(2), **fields})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, []),
        ({"input": Decimal(0), "output": Decimal(0)}, []),
        ({"input": Decimal(-1)}, ["input"]),
        ({"output": Decimal(10_001)}, ["output"]),
        ({"cache_write": Decimal("-0.01")}, ["cache_write"]),
        ({"output": None}, ["output"]),
        ({"input": Decimal("0.000000001")}, ["input"]),
        ({"cache_read": Decimal(2)}, ["cache_read"]),
        ({"preset": ""}, ["preset"]),
        ({"preset": "nobody"}, ["preset"]),
        ({"model": " "}, ["model"]),
    ],
)
def test_negative_and_absurd_prices_are_refused(fields, wrong):
    """So are rows that belong to nobody, and a cache that costs more than none."""
    assert sorted(problems(price(**fields))) == wrong


def test_a_price_belongs_to_a_vendor_or_a_provider():
    """Not to both, and there is one for each model and length."""
    main = Provider.objects.create(name="main", preset="openai")
    assert problems(price(provider=main)) == {"preset": ["Choose a vendor or a provider, and not both."]}
    price().save()
    price(preset="", provider=main).save()
    for again in (price(), price(preset="", provider=main)):
        assert "in the list already" in problems(again)["__all__"][0]
        again.from_tokens = 200_000
        assert problems(again) == {}


@pytest.mark.parametrize(("text", "wrong"), [("3 / 15 / 0.3", []), ("", []), ("3", ["price"]), ("-3/1", ["price"])])
def test_a_mappings_own_price(text, wrong):
    """Is written as people write prices, and an absurd one is refused."""
    provider = Provider.objects.create(name="main", preset="openai")
    model = LogicalModel.objects.create(name="smart")
    row = ModelMapping(logical_model=model, provider=provider, actual_model="gpt", price=text)
    assert sorted(problems(row)) == wrong
