"""The page of prices."""

from decimal import Decimal

import pytest
from django.urls import reverse

from providers.models import Provider
from proxy.admin.prices import shown
from proxy.models import ModelPrice

pytestmark = pytest.mark.django_db
LIST = reverse("admin:proxy_modelprice_changelist")
SYNCED = {
    "input": "3",
    "output": "15",
    "cache_read": "0.3",
    "cache_write": None,
    "cache_write_1h": None,
    "searches": None,
}


@pytest.fixture
def row():
    found = ModelPrice(preset="openai", model="gpt-5", synced=SYNCED)
    found.take(SYNCED)
    found.save()
    return found


def saved(client, row, **fields):
    names = (
        "preset",
        "model",
        "from_tokens",
        "input",
        "output",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "searches",
    )
    content = {name: "" if getattr(row, name) is None else str(getattr(row, name)) for name in names}
    return client.post(reverse("admin:proxy_modelprice_change", args=(row.pk,)), {**content, "provider": "", **fields})


def test_an_edit_is_told_apart_and_can_be_reset(admin_client, row):
    """A changed price is edited from then on; reset brings back what the last sync said."""
    assert saved(admin_client, row, input="2.5").status_code == 302
    row.refresh_from_db()
    assert (row.input, row.source) == (Decimal("2.5"), "edited")
    chosen = {"action": "reset_to_synced", "_selected_action": [row.pk]}
    page = admin_client.post(LIST, chosen, follow=True).content.decode()
    assert "1 price reset" in page
    row.refresh_from_db()
    assert (row.input, row.cache_read, row.source) == (3, Decimal("0.3"), "synced")
    assert "as the last sync told" in admin_client.post(LIST, chosen, follow=True).content.decode()


def test_a_save_without_a_change_is_no_edit(admin_client, row):
    """Looking at a row and saving it leaves it to the sync."""
    assert saved(admin_client, row).status_code == 302
    row.refresh_from_db()
    assert row.source == "synced"


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"input": "-1"}, "greater than or equal to 0"), ({"output": "99999"}, "less than or equal to"),
     ({"cache_read": "NaN"}, "Enter a number"), ({"cache_read": "4"}, "not likely")],
)  # fmt: skip
def test_negative_and_absurd_prices_are_form_errors(admin_client, row, fields, told):
    """The page says what is wrong, and the row stays as it was."""
    page = saved(admin_client, row, **fields)
    assert page.status_code == 200 and told in page.content.decode()
    row.refresh_from_db()
    assert row.source == "synced"


def test_a_row_of_ones_own_cannot_be_reset(admin_client):
    """No sync knows it; the page says so and what to do."""
    provider = Provider.objects.create(name="mine", preset="ollama")
    own = ModelPrice.objects.create(provider=provider, model="qwen", input=0, output=0)
    chosen = {"action": "reset_to_synced", "_selected_action": [own.pk]}
    assert "no sync knows" in admin_client.post(LIST, chosen, follow=True).content.decode()
    page = admin_client.get(reverse("admin:proxy_modelprice_change", args=(own.pk,))).content.decode()
    assert "no sync knows this row" in page


def test_the_list_finds_and_filters(admin_client, row):
    """By a part of a name, and by the vendors that there are providers of."""
    provider = Provider.objects.create(name="mine", preset="openai")
    ModelPrice.objects.create(provider=provider, model="own-model", input=1, output=2)
    ModelPrice.objects.create(preset="gemini", model="gemini-x", input=1, output=2)
    page = admin_client.get(LIST).content.decode()
    assert "mine only" in page and "gemini-x" in page and "?preset=openai" in page and "?preset=gemini" not in page
    assert [found.model for found in admin_client.get(f"{LIST}?preset=openai").context["cl"].result_list] == ["gpt-5"]
    assert [found.model for found in admin_client.get(f"{LIST}?q=mine").context["cl"].result_list] == ["own-model"]


def test_an_empty_list_says_how_to_fill_it(admin_client):
    """With the command and the extra."""
    assert "manage.py syncprices" in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("price", "told"), [(None, "-"), (Decimal("3.00000000"), "3"), (Decimal("0.03"), "0.03"), (Decimal(100), "100")]
)
def test_prices_are_shown_without_idle_zeros(price, told):
    """And never with an exponent."""
    assert shown(price) == told


def test_the_page_of_a_price_says_in_words_where_it_comes_from(admin_client, row):
    """The badge of the list is two values, which its page would show as such."""
    page = admin_client.get(reverse("admin:proxy_modelprice_change", args=[row.pk])).content.decode()
    assert "synced" in page and "&#x27;synced&#x27;" not in page
