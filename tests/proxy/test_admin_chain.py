"""A logical model's page: the chain as people read it, with health, and what is known of its models."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from ccmsite.roles import VIEWER
from providers.models import Credential, Provider
from proxy.admin import known
from proxy.admin.chain import chain, mark_of
from proxy.health_words import Held
from proxy.models import HealthState, LogicalModel, ModelMapping, ModelPrice
from proxy.pricing import Price
from tests.admin_forms import inline

pytestmark = pytest.mark.django_db
LIST = "/admin/proxy/logicalmodel/"


@pytest.fixture
def model(db):
    row = LogicalModel.objects.create(name="smart & more")
    for number, (name, preset) in enumerate((("one", "openai"), ("two", "ollama"), ("three", "echo")), start=1):
        provider = Provider.objects.create(name=name, preset=preset)
        ModelMapping.objects.create(logical_model=row, priority=number, provider=provider, actual_model="gpt-5.2")
    return row


def ails(provider, seconds=60, **fields):
    now = timezone.now()
    values = {"kind": "overloaded", "actual_model": "gpt-5.2", "words": "<too busy>", **fields}
    until = now + timedelta(seconds=seconds)
    HealthState.objects.create(provider=provider, until=until, since=now, failed_at=now, stamp=1, **values)


def text_of(markup):
    return " ".join(re.sub(r"<[^>]*>", "", markup).split())


def test_a_healthy_chain_is_read_in_order(model):
    """a → b → c with a link to each provider, and no words beside what is well."""
    shown = chain(model.mappings.all(), Held(), linked=True)
    assert text_of(shown) == "one/gpt-5.2 → two/gpt-5.2 → three/gpt-5.2"
    assert shown.count("ccm-dot ok") == shown.count("<a href=") == 3
    assert "<a" not in chain(model.mappings.all(), Held(), linked=False)


def test_health_is_marked_at_its_target(model):
    """Cooling until when, a refused key, and a cooldown that is over; the upstream's words are text."""
    ails("one")
    ails("two", kind="refused_key", actual_model="", credential_id=7)
    ails("three", seconds=-5)
    until = timezone.localtime(HealthState.objects.get(provider="one").until).strftime("%H:%M:%S")
    shown = chain(model.mappings.all(), Held(), linked=True)
    assert text_of(shown) == (
        f"one/gpt-5.2 cooling until {until} → two/gpt-5.2 key refused → three/gpt-5.2 to be tried"
    )
    assert "the model: overloaded: &lt;too busy&gt;" in shown
    assert "a key that is gone: refused key" in shown


def test_the_worst_of_a_target_is_what_is_marked(model):
    """A model that cools behind a key that is refused is marked by the key."""
    ails("one")
    ails("one", kind="refused_key", actual_model="", credential_id=7)
    assert mark_of(model.mappings.first(), Held()).words == "key refused"


def test_one_key_of_several_leaves_its_target_in_its_place(model):
    """Nobody reads that a target is tried last while another of its keys serves."""
    mapping = model.mappings.first()
    keys = [Credential(provider=mapping.provider, label=label) for label in ("first", "spare")]
    for key in keys:
        key.set_secret("sk-canary-0123456789")
        key.save()
    ails("one", actual_model="", kind="rate_limited", credential_id=keys[0].pk)
    mark = mark_of(mapping, Held())
    assert (mark.kind, mark.words) == ("info", "a key cools")
    assert mark.more.startswith("key first (…6789): rate limited") and mark.more.endswith("others serve meanwhile")
    ails("one", kind="refused_key", credential_id=keys[1].pk)
    assert mark_of(mapping, Held()).kind == "bad"


def test_what_is_off_is_said(model):
    """A mapping that is off is left out, a provider that is off is marked, and an empty chain says so."""
    Provider.objects.filter(name="one").update(enabled=False)
    model.mappings.filter(priority__gt=1).update(enabled=False)
    assert text_of(chain(model.mappings.all(), Held(), linked=False)) == "one/gpt-5.2 provider off"
    model.mappings.update(enabled=False)
    assert chain(model.mappings.all(), Held(), linked=False) == "nothing yet"


def test_the_list_and_the_page_show_the_chain(admin_client, model, django_assert_max_num_queries):
    """Both do, the list asking for health once however many models there are; the page offers to try it."""
    for number in range(5):
        more = LogicalModel.objects.create(name=f"m{number}")
        ModelMapping.objects.create(logical_model=more, priority=1, provider=Provider.objects.first(), actual_model="x")
    ails("two")
    with django_assert_max_num_queries(14):
        page = admin_client.get(LIST)
    assert "two/gpt-5.2 cooling until" in text_of(page.content.decode())
    text = admin_client.get(reverse("admin:proxy_logicalmodel_change", args=[model.pk])).content.decode()
    assert "two/gpt-5.2 cooling until" in text_of(text)
    assert "/admin/preview/?model=smart+%26+more" in text
    assert "proxy/mappings.js" in text


def test_who_only_looks_sees_the_chain_and_no_console(client, model):
    """The page opens for viewers too, without what only operators may do."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(user)
    page = client.get(reverse("admin:proxy_logicalmodel_change", args=[model.pk]))
    assert page.status_code == 200
    assert "one/gpt-5.2 → two/gpt-5.2" in text_of(page.content.decode())
    assert "in the console" not in page.content.decode()


def test_what_is_known_stands_in_the_empty_fields(admin_client, model):
    """Window and output limit from the table of models, the price from the list, the wait from the provider."""
    ModelPrice.objects.create(preset="openai", model="gpt-5.2", input=Decimal("1.25"), output=10)
    text = admin_client.get(reverse("admin:proxy_logicalmodel_change", args=[model.pk])).content.decode()
    for told in ("400000 (known)", "128000 (known)", "1.25 / 10 (from the list)", "600 (its provider&#x27;s)"):
        assert f'placeholder="{told}"' in text


def test_only_what_is_known_is_told(model):
    """Of a model that nobody knows nothing is told, nor of a vendor that is gone; a provider's own wait is."""
    provider = Provider.objects.get(name="three")
    assert known.placeholders(provider, "never-heard-of-it", known.prices()) == {}
    provider.preset, provider.idle_timeout_s = "gone", 7.5
    assert known.placeholders(provider, "gpt-5.2", known.prices()) == {"idle_timeout_s": "7.5 (its provider's)"}


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Price(Decimal("3.00"), Decimal("15")), "3 / 15"), (Price(Decimal("10"), Decimal("0")), "10 / 0"),
        (Price(Decimal("3"), Decimal("15"), Decimal("0.30"), Decimal("3.75")), "3 / 15 / 0.3 / 3.75"),
        (Price(Decimal("3"), Decimal("15"), None, Decimal("3.75")), "3 / 15 / 3 / 3.75"),
        (Price(Decimal("3"), Decimal("15"), Decimal("0.1")), "3 / 15 / 0.1"),
    ],
)  # fmt: skip
def test_a_price_is_written_as_people_write_it(price, words):
    """Without needless zeros, cache prices only where there are any."""
    assert known.told(price) == words


def test_a_new_model_begins_with_a_row_for_its_first_mapping(admin_client, model):
    """Left as it is, it is not stored; a model with a chain has no empty row."""
    assert 'name="mappings-TOTAL_FORMS" value="1"' in admin_client.get(f"{LIST}add/").content.decode()
    page = admin_client.get(f"{LIST}{model.pk}/change/").content.decode()
    assert 'name="mappings-TOTAL_FORMS" value="3"' in page
    untouched = {"provider": "", "actual_model": "", "enabled": "on", "weight": "1", "priority": "0"}
    posted = {"name": "new", "enabled": "on"} | inline("mappings", untouched)
    assert admin_client.post(f"{LIST}add/", posted).status_code == 302
    assert not LogicalModel.objects.get(name="new").mappings.exists()
