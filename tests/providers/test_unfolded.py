"""What the theme's classes are given here."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from ccmsite.roles import VIEWER
from tests.every_page import make_rows

pytestmark = pytest.mark.django_db


def test_fields_in_a_table_are_named(admin_client):
    """A field of an inline table has its column's name as a label, as its heading is none."""
    provider = make_rows()["providers_provider"]
    page = admin_client.get(reverse("admin:providers_provider_change", args=[provider.pk])).text
    for name, label in (("credentials-0-label", "Label"), ("credentials-0-secret", "API key")):
        field = page[page.index(f'name="{name}"') :].partition(">")[0]
        assert f'aria-label="{label}"' in field


def test_an_earlier_version_offers_no_button_without_an_address(admin_client):
    """The theme's button for the history knows no address on the page of a version: it is not shown there."""
    provider = make_rows()["providers_provider"]
    address = reverse("admin:providers_provider_simple_history", args=[provider.pk, provider.history.first().pk])
    page = admin_client.get(address)
    assert page.status_code == 200 and "actionDropdownOpen" not in page.text


def test_going_back_to_a_version_takes_the_right_to_change(client):
    """Who may only look sees the version, and cannot make it the present one."""
    person = User.objects.create_user("reader", is_staff=True)
    person.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(person)
    provider = make_rows()["providers_provider"]
    address = reverse("admin:providers_provider_simple_history", args=[provider.pk, provider.history.first().pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"name": "taken over"}).status_code == 403


def test_a_nul_in_an_address_is_forgotten(admin_client):
    """A list survives it by going to its plain address."""
    answer = admin_client.get(reverse("admin:providers_provider_changelist"), {"q": "a\0b"})
    assert answer.status_code == 302 and answer["location"] == reverse("admin:providers_provider_changelist")
