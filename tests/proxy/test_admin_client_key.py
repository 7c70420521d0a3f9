"""Client keys in the admin: shown once, rotated with or without grace, revoked, and what they were used for."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ccmsite.roles import VIEWER
from proxy import auth, key_use, snapshot
from proxy.errors import ApiError
from proxy.models import ClientKey, ClientKeyHour
from proxy.models.client_key import digest_of

pytestmark = pytest.mark.django_db
LIST, ADD = reverse("admin:proxy_clientkey_changelist"), reverse("admin:proxy_clientkey_add")
KEY = re.compile(r"ccm_[0-9a-f]{8}_[\w-]{43}")


@pytest.fixture
def laptop():
    row = ClientKey(name="laptop")
    row.secret = row.issue()
    row.save()
    return row


def rotate(client, row, grace, **fields):
    address = reverse("admin:proxy_clientkey_rotate", args=(row.pk,))
    return client.post(address, {"grace": grace, "prefix": row.prefix, **fields})


def opens(key):
    """Whether a request with this key gets in, by a snapshot of now."""
    try:
        return auth.check({"host": "127.0.0.1", "x-api-key": key, "via": "x"}, "192.0.2.7", snapshot.load()) == "laptop"
    except ApiError:
        return False


def test_a_new_key_is_shown_in_the_answer_and_nowhere_else(admin_client):
    """The two lines to copy stand in the answer to the form; no cookie, session, list or second look has the key."""
    answer = admin_client.post(ADD, {"name": "laptop"} | {"enabled": "on"})
    text = answer.content.decode()
    key = KEY.search(text)[0]
    assert f"export ANTHROPIC_BASE_URL=http://testserver\nexport ANTHROPIC_AUTH_TOKEN={key}</pre>" in text
    assert "no-store" in answer.headers["cache-control"]
    assert digest_of(key) == ClientKey.objects.get().digest
    assert not any(key in cookie.value for cookie in admin_client.cookies.values())
    assert key not in str(dict(admin_client.session))
    for page in (LIST, reverse("admin:proxy_clientkey_change", args=(ClientKey.objects.get().pk,))):
        assert key not in admin_client.get(page).content.decode()


@pytest.mark.parametrize(("grace", "works"), [("0", False), ("1", True), ("24", True)])
def test_a_rotated_key_is_replaced_at_once_or_after_a_while(admin_client, laptop, grace, works):
    """The row, its name and its history stay; the old key opens as long as was asked for, and no longer."""
    assert (
        "A new key for laptop"
        in admin_client.get(reverse("admin:proxy_clientkey_rotate", args=(laptop.pk,))).content.decode()
    )
    new = KEY.search(rotate(admin_client, laptop, grace).content.decode())[0]
    assert opens(new)
    assert opens(laptop.secret) is works
    ClientKey.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert opens(new)
    assert not opens(laptop.secret)
    assert ClientKey.objects.count() == 1


def test_a_grace_ends_with_the_key_itself(laptop):
    """An expired or revoked row opens for neither of its keys; a second rotation ends the first one's grace."""
    first = laptop.secret
    second = laptop.rotate(timedelta(hours=1))
    laptop.expires_at = timezone.now() - timedelta(minutes=1)
    laptop.save()
    assert not opens(first)
    assert not opens(second)
    laptop.expires_at, laptop.enabled = None, False
    laptop.save()
    assert not opens(first)
    laptop.enabled = True
    third = laptop.rotate(timedelta(hours=1))
    laptop.save()
    assert [opens(key) for key in (first, second, third)] == [False, True, True]


def test_a_page_that_is_sent_twice_rotates_once(admin_client, laptop):
    """The second time the row has another key already: nothing happens, and it is said."""
    rotate(admin_client, laptop, "1")
    after = ClientKey.objects.get().digest
    answer = rotate(admin_client, laptop, "1")
    assert answer.status_code == 302
    assert ClientKey.objects.get().digest == after
    assert "has been rotated meanwhile" in admin_client.get(LIST).content.decode()


def test_nonsense_rotates_nothing(admin_client, laptop):
    """A grace that is not offered shows the page again; a key that is gone leads back."""
    assert "A new key for laptop" in rotate(admin_client, laptop, "1000000").content.decode()
    assert ClientKey.objects.get().digest == laptop.digest
    assert admin_client.post(reverse("admin:proxy_clientkey_rotate", args=(999,))).status_code == 302


def test_a_viewer_sees_keys_and_changes_none(laptop):
    """No link, no page, no action: a forged post is refused."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    client = Client()
    client.force_login(user)
    page = client.get(LIST).content.decode()
    assert "laptop" in page
    assert "rotate/" not in page
    assert rotate(client, laptop, "0").status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [laptop.pk]})
    row = ClientKey.objects.get()
    assert (row.enabled, row.digest) == (True, laptop.digest)


def test_keys_are_revoked_and_enabled_in_one_go(admin_client, laptop):
    """Each change has its line in the row's history; keys that are so already are left alone."""
    for action, enabled in (("revoke", False), ("revoke", False), ("enable", True)):
        admin_client.post(LIST, {"action": action, "_selected_action": [laptop.pk]})
        assert ClientKey.objects.get().enabled is enabled
    assert [row.enabled for row in laptop.history.all()] == [True, False, True]


def test_the_list_tells_what_keys_were_used_for(admin_client, laptop, django_assert_max_num_queries):
    """State, last request, requests and cost of 30 days; older use still has its last time; queries do not grow."""
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    old = ClientKey.objects.create(name="old", prefix="1", digest="1", expires_at=now - timedelta(days=1))
    ClientKey.objects.create(name="idle", prefix="2", digest="2", enabled=False)
    for name, when, requests in ((laptop.name, hour, 1234), (old.name, hour - timedelta(days=60), 7)):
        ClientKeyHour.objects.create(
            client_key=name, hour=when, requests=requests, cost_nanos=1_500_000_000, cost_unknown=2, last_at=when
        )
    with django_assert_max_num_queries(14):
        page = admin_client.get(LIST).content.decode()
    for words in ("1,234", "≥ $1.50", "never", "revoked", "expired", f"{hour - timedelta(days=60):%d %b %Y}"):
        assert words in page, words
    assert (
        "1,234 requests and ≥ $1.50 in 30 days, 2 without a price"
        in admin_client.get(reverse("admin:proxy_clientkey_change", args=(laptop.pk,))).content.decode()
    )
    assert key_use.of(["old"], now - timedelta(days=30)) == {}


def test_the_history_of_changes_says_that_a_key_was_rotated(admin_client, admin_user, laptop):
    """Who, and what: neither the hash nor the beginning of a key is a column that it compares."""
    rotate(admin_client, laptop, "24")
    change = laptop.history.first()
    assert change.history_user == admin_user
    assert change.history_change_reason == "Rotated; the old key works for one more day"
    page = admin_client.get(reverse("admin:proxy_clientkey_history", args=(laptop.pk,))).content.decode()
    assert "Rotated; the old key works for one more day" in page


def test_a_new_key_for_a_revoked_row_says_that_it_is_refused(admin_client, laptop):
    """Somebody would copy it, and be let in nowhere."""
    ClientKey.objects.update(enabled=False)
    assert "It is revoked and lets nobody in" in rotate(admin_client, laptop, "0").content.decode()
    ClientKey.objects.update(enabled=True)
    laptop.refresh_from_db()
    assert "It is revoked" not in rotate(admin_client, laptop, "0").content.decode()


def test_a_page_is_headed_by_the_name_as_it_is(admin_client, laptop):
    """Names are told apart by case, which the theme's capital letter would hide; the table keeps its own."""
    page = admin_client.get(reverse("admin:proxy_clientkey_change", args=(laptop.pk,))).content.decode()
    assert "laptop" in page and "Laptop" not in page
    assert "Client keys" in page
