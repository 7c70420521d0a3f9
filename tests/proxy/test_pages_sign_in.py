"""The pages of signing in through Django's client, against the tests' authorization server."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ccmsite.roles import OPERATOR, VIEWER
from providers.models import Credential, OAuthToken, StartedSignIn
from providers.oauth import sign_in
from proxy.models import HealthState
from tests.providers.oauth import accounts
from tests.providers.oauth.test_loopback import PAYLOADS

pytestmark = pytest.mark.django_db


@pytest.fixture
def row():
    return accounts.provider(base_url="http://127.0.0.1:9")


def begin(client, row, name="anthropic", **fields):
    """The steps' page of a sign-in that has begun, and the vendor's address on it."""
    answer = client.post(steps(row), {"action": "begin", "flow": name, **fields}, follow=True)
    assert answer.redirect_chain == [(steps(row), 302)], answer.content.decode()
    page = answer.content.decode()
    return page, re.search(r'id="vendor" href="([^"]*)"', page)[1].replace("&amp;", "&")


def steps(row):
    return reverse("pages:sign-in", args=(row.pk,))


def state_of(url):
    return parse_qs(urlsplit(url).query)["state"][0]


def brought(auth, url):
    """The query of the address that the vendor leads to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(auth.allow(url)).query).items()}


def stored():
    return OAuthToken.objects.count() + Credential.objects.count()


def member(role):
    user = User.objects.create_user(role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("whole", [False, True])
def test_a_pasted_code_signs_an_account_in(auth, flow, row, admin_client, whole):
    """As `code#state` or as the whole address; then the page of the account tells its name and how long it lasts."""
    _, url = begin(admin_client, row)
    assert admin_client.get(f"{steps(row)}?progress").json() == {"under_way": True}
    back = brought(auth, url)
    text = auth.allow(url) if whole else f" {back['code']}#{back['state']}\n"
    answer = admin_client.post(steps(row), {"action": "finish", "code": text}, follow=True)
    credential = Credential.objects.get()
    assert answer.redirect_chain == [(reverse("pages:account", args=(credential.pk,)), 302)]
    page = answer.content.decode()
    assert "is signed in." in page and "in 60 min, then renewed" in page and "Test connection" in page
    token = credential.oauth
    assert auth.accepts(token.reveal_access())
    for secret in (token.reveal_access(), token.reveal_refresh(), back["code"]):
        assert secret not in page
    assert "No sign-in is under way" in admin_client.get(steps(row)).content.decode()
    assert admin_client.get(f"{steps(row)}?progress").json() == {"under_way": False}


def test_the_address_of_this_service_completes_a_sign_in(auth, flow, row, admin_client):
    """A redirect to it does what pasting does, and the code does not stay in the address."""
    _, url = begin(admin_client, row)
    answer = admin_client.get(reverse("pages:sign-in-back"), brought(auth, url))
    assert answer.status_code == 302
    assert answer.headers["location"] == reverse("pages:account", args=(Credential.objects.get().pk,))


STATES = ("wrong", "missing", "used", "another session", "another person", "not begun", "late")


@pytest.mark.parametrize("way", ["paste", "address", "redirect"])
@pytest.mark.parametrize("what", STATES)
def test_a_state_is_for_its_own_session_and_once(auth, flow, row, admin_client, monkeypatch, what, way):
    """Wrong, missing, reused, foreign and late states get a 400 and store nothing, by each way back."""
    client, here = admin_client, stored()
    _, url = begin(client, row)
    back = brought(auth, url)
    if what == "wrong":
        back["state"] = back["state"][::-1]
    elif what == "missing":
        del back["state"]
    elif what == "used":
        assert client.get(reverse("pages:sign-in-back"), brought(auth, url)).status_code == 302
        here = stored()
    elif what == "another session":
        client = Client()
        client.force_login(User.objects.get(username="admin"))
    elif what == "another person":
        client = member(OPERATOR)
        begin(client, row)
    elif what == "not begun":
        StartedSignIn.objects.all().delete()
    else:
        now = sign_in._now()
        monkeypatch.setattr(sign_in, "_now", lambda: now + timedelta(minutes=10, seconds=1))
    answer = come_back(client, row, way, back)
    assert answer.status_code == 400 and stored() == here
    page = answer.content.decode()
    assert ('role="alert"' in page and "start" in page) or "paste the whole" in page.lower()
    assert back["code"] not in page
    if what in ("another session", "another person"):  # a stranger's try uses nothing up
        assert come_back(admin_client, row, way, back).status_code == 302


def come_back(client, row, way, back):
    query = "&".join(f"{name}={quote(value)}" for name, value in back.items())
    if way == "redirect":
        return client.get(reverse("pages:sign-in-back"), back)
    text = (
        f"http://localhost:1455/auth/callback?{query}"
        if way == "address"
        else f"{back['code']}#{back.get('state', '')}"
    )
    return client.post(steps(row), {"action": "finish", "code": text})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nobody_is_led_elsewhere(auth, flow, row, admin_client, payload):
    """Whatever is asked for, the answers lead to pages of this admin, and the vendor's link to the vendor."""
    asked = dict.fromkeys(("next", "redirect_uri", "return_to", "url", "back"), payload)
    _, url = begin(admin_client, row, **asked)
    assert url.startswith(f"{auth.url}/authorize?")
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [flow.redirect_uri]
    answer = admin_client.get(reverse("pages:sign-in-back"), {**asked, **brought(auth, url)})
    account = answer.headers["location"]
    assert re.fullmatch(r"/admin/accounts/\d+/", account)
    for action in ("refresh", "test"):
        answer = admin_client.post(account, {**asked, "action": action})
        assert answer.headers["location"] == account
    answer = admin_client.post(steps(row), {**asked, "action": "cancel"})
    assert answer.headers["location"] == reverse("admin:providers_provider_change", args=(row.pk,))
    answer = Client().get(f"{reverse('pages:sign-in-back')}?next={quote(payload)}&code=c&state=s")
    assert answer.headers["location"] == "/admin/login/?next=/admin/sign-in/back/"


def test_what_the_vendor_says_is_shown_as_text(auth, flow, row, admin_client):
    """A refusal with markup in it is words on a page, in each way back, and the sign-in can go on."""
    _, url = begin(admin_client, row)
    words = {"error": "access_denied", "error_description": "<script>alert(1)</script>no", "state": state_of(url)}
    for way in ("address", "redirect"):
        page = come_back(admin_client, row, way, {**words, "code": ""})
        text = page.content.decode()
        assert page.status_code == 400 and "<script>alert(1)" not in text
        assert "The vendor refused: access_denied: &lt;script&gt;" in text
    assert 'id="vendor"' in admin_client.get(steps(row)).content.decode()


@pytest.mark.parametrize("fault", ["500", "html", "invalid_grant", "lost"])
def test_a_token_server_in_trouble_is_told_on_the_page(auth, flow, row, admin_client, fault):
    """The vendor's error in words; the code is spent, so the way to begin again is offered."""
    _, url = begin(admin_client, row)
    auth.fault(fault)
    answer = come_back(admin_client, row, "paste", brought(auth, url))
    text = answer.content.decode()
    assert answer.status_code == 400 and "start it again" in text
    assert "No sign-in is under way" in text and not stored()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"action": "begin", "flow": "nobody"}, "no such way"),
        ({"action": "begin", "flow": "openai"}, "does not open"),
        ({"action": "finish", "code": ""}, "Paste the whole"),
        ({"action": "else"}, "Nothing was asked for"),
        ({}, "Nothing was asked for"),
    ],
)
def test_what_makes_no_sense_is_told(flow, row, admin_client, asked, words):
    """An unknown flow, one of another vendor, an empty code, an unknown action: a 400 that says so."""
    answer = admin_client.post(steps(row), asked)
    assert answer.status_code == 400 and words in answer.content.decode()


def test_a_foreign_account_is_not_signed_in_again(flow, row, admin_client):
    """Only an account of the same provider."""
    other = Credential.objects.create(provider=accounts.provider(name="other"), kind="oauth")
    for chosen in (other.pk, 10**30):
        answer = admin_client.post(steps(row), {"action": "begin", "flow": "anthropic", "credential": chosen})
        assert answer.status_code == 404


def test_a_provider_that_takes_keys_says_so(admin_client):
    """There is no button on its page and no way to begin."""
    row = accounts.provider(preset="openai")
    assert "takes API keys" in admin_client.get(steps(row)).content.decode()
    page = admin_client.get(reverse("admin:providers_provider_change", args=(row.pk,))).content.decode()
    assert 'id="accounts"' not in page


def test_the_pages_of_a_provider_list_its_accounts(auth, flow, row, admin_client):
    """Name, state, error, scopes and health of each, with what can be done; keys and accounts apart; no token."""
    first = accounts.signed_in(auth, flow, row, account_id="a", account_label="a@example.com", scopes=("user:x",))
    second = accounts.signed_in(auth, flow, row, account_id="b", account_label="b@example.com")
    OAuthToken.objects.filter(credential=second).update(state="needs_sign_in", last_error="invalid_grant <b>")
    now = timezone.now()
    HealthState.objects.create(
        provider=row.name, credential_id=first.pk, kind="rate_limited", since=now, failed_at=now, stamp=1,
        until=now + timedelta(hours=1),
    )  # fmt: skip
    address = reverse("admin:providers_provider_change", args=(row.pk,))
    page = admin_client.get(address).content.decode()
    for words in ("a@example.com", "b@example.com", "active", "needs sign-in", "invalid_grant &lt;b&gt;", "user:x",
                  "rate limited until", "Refresh now", "Sign in again", "Sign out"):  # fmt: skip
        assert words in page, words
    assert page.count("Refresh now") == 1
    for token in OAuthToken.objects.select_related("credential"):
        assert token.reveal_access() not in page and token.access not in page
    listed = admin_client.get(reverse("admin:providers_provider_changelist")).content.decode()
    assert "a@example.com, b@example.com" in listed
    looked = member(VIEWER).get(address).content.decode()
    assert "b@example.com" in looked and "Refresh now" not in looked and "Sign out" not in looked


def test_an_account_is_renamed_and_switched_off_beside_the_keys(auth, flow, row, admin_client):
    """The form of the provider holds keys and accounts apart, and cannot make an account."""
    account = accounts.signed_in(auth, flow, row)
    key = Credential(provider=row)
    key.set_secret("sk-canary-0123456789")
    key.save()
    address = reverse("admin:providers_provider_change", args=(row.pk,))
    keys, held = admin_client.get(address).context["inline_admin_formsets"]
    assert [f.instance.pk for f in keys.formset.initial_forms] == [key.pk]
    assert [f.instance.pk for f in held.formset.initial_forms] == [account.pk] and held.formset.max_num == 0
    prefix = held.formset.prefix
    form = {
        "name": row.name, "preset": row.preset, "enabled": "on", "headers": "{}", "models_offered": "[]",
        "base_url": row.base_url, "credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0,
        f"{prefix}-TOTAL_FORMS": 1, f"{prefix}-INITIAL_FORMS": 1, f"{prefix}-0-id": account.pk,
        f"{prefix}-0-provider": row.pk, f"{prefix}-0-label": "mine",
    }  # fmt: skip
    assert admin_client.post(address, form).status_code == 302
    account.refresh_from_db()
    assert (account.label, account.enabled, account.kind) == ("mine", False, "oauth")
    assert auth.accepts(account.oauth.reveal_access())


def test_a_token_is_renewed_at_once(auth, flow, row, admin_client):
    """The button renews it and says how long it lasts; a dead one says to sign in again."""
    account = accounts.signed_in(auth, flow, row)
    address = reverse("pages:account", args=(account.pk,))
    answer = admin_client.post(address, {"action": "refresh", "back": "provider"}, follow=True)
    assert answer.redirect_chain[0][0] == reverse("admin:providers_provider_change", args=(row.pk,))
    assert "was renewed and lasts 60 min" in answer.content.decode() and auth.rotated == 1
    auth.fault("invalid_grant")
    text = admin_client.post(address, {"action": "refresh"}, follow=True).content.decode()
    assert "was not renewed: 400 invalid_grant. Sign in again." in text


def test_an_account_is_tried_by_itself(auth, flow, row, admin_client):
    """The call goes out with that account's token; one that is switched off is not used."""
    accounts.signed_in(auth, flow, row, account_id="a", account_label="a@example.com")
    second = accounts.signed_in(auth, flow, row, account_id="b", account_label="b@example.com")
    address = reverse("pages:account", args=(second.pk,))
    text = admin_client.post(address, {"action": "test"}, follow=True).content.decode()
    assert "b@example.com: " in text and "unreachable" in text
    Credential.objects.filter(pk=second.pk).update(enabled=False)
    assert "is not used at the moment" in admin_client.post(address, {"action": "test"}, follow=True).content.decode()


def test_signing_out_asks_first_and_deletes_the_tokens(auth, flow, row, admin_client):
    """A GET changes nothing; a POST removes credential and tokens; the history knows who did it, and no secret."""
    account = accounts.signed_in(auth, flow, row)
    address = reverse("pages:sign-out", args=(account.pk,))
    assert "Its tokens are deleted here" in admin_client.get(address).content.decode()
    assert stored() == 2
    answer = admin_client.post(address, follow=True)
    assert "is signed out" in answer.content.decode() and not stored()
    last = Credential.history.first()
    assert (last.history_type, last.history_change_reason) == ("-", "signed out")


def test_only_who_may_change_a_provider_signs_in(auth, flow, row):
    """A viewer is refused everywhere; an operator is not; an API key is no account."""
    account = accounts.signed_in(auth, flow, row)
    viewer, operator = member(VIEWER), member(OPERATOR)
    for name, pk in (("sign-in", row.pk), ("account", account.pk), ("sign-out", account.pk)):
        address = reverse(f"pages:{name}", args=(pk,))
        assert (viewer.get(address).status_code, viewer.post(address).status_code) == (403, 403)
        assert operator.get(address).status_code == 200
    assert Credential.objects.filter(pk=account.pk).exists()
    key = Credential.objects.create(provider=row)
    assert operator.get(reverse("pages:account", args=(key.pk,))).status_code == 404


def test_without_javascript_the_page_is_shown(client, admin_client):
    """The theme hides it until its script runs; every page says what holds without one."""
    rule = r"<noscript>\s*<style>[^<]*html\[x-cloak\] \{ display: block !important; \}"
    for answer in (client.get("/admin/login/"), admin_client.get("/admin/"), admin_client.get("/admin/live/")):
        assert re.search(rule, answer.content.decode())
