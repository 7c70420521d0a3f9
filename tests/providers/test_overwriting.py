"""Two people edit the same row."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from providers.models import Provider
from providers.overwriting import newer_change, version_of
from tests.admin_forms import inline

pytestmark = pytest.mark.django_db


@pytest.fixture
def row():
    return Provider.objects.create(name="main", preset="openai")


def seen(page):
    return re.search(r'name="_seen" value="(\d+)"', page.content.decode())[1]


def form(**fields):
    return (
        {"name": "main", "preset": "openai", "enabled": "on", "models_offered": "[]", "headers": "{}"}
        | fields
        | inline("credentials")
    )


def test_the_second_to_save_is_told_of_the_first(admin_client, row):
    """Nothing is overwritten unseen; what was typed is kept, and saving once more puts it in place."""
    path = reverse("admin:providers_provider_change", args=(row.pk,))
    old = seen(admin_client.get(path))
    other = Client()
    other.force_login(User.objects.create_superuser("maria"))
    saved = other.post(path, form(base_url="https://one.example.com/v1", _seen=seen(other.get(path))))
    assert saved.status_code == 302
    page = admin_client.post(path, form(base_url="https://two.example.com/v1", _seen=old))
    told = page.content.decode()
    assert "“main” was changed by maria at " in told and "https://two.example.com/v1" in told
    assert Provider.objects.get().base_url == "https://one.example.com/v1"
    assert admin_client.post(path, form(base_url="https://two.example.com/v1", _seen=seen(page))).status_code == 302
    assert Provider.objects.get().base_url == "https://two.example.com/v1"


def test_a_form_without_a_version_is_saved(admin_client, row):
    """Scripts that post the form know nothing of it; a new row has none."""
    path = reverse("admin:providers_provider_change", args=(row.pk,))
    assert admin_client.post(path, form(base_url="https://one.example.com/v1")).status_code == 302
    assert "_seen" not in admin_client.get(reverse("admin:providers_provider_add")).content.decode()


def test_a_row_without_a_history_has_no_version(row):
    """Rows that were written past the history are nobody's change."""
    assert newer_change(row, version_of(row)) == ""
    row.history.all().delete()
    assert (version_of(row), newer_change(row, "")) == ("", "")
