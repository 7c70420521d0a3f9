"""createclientkey and rotatekeys."""

import json
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from providers import vault
from providers.models import Credential, OAuthClient, OAuthToken, Provider
from proxy.models import ClientKey, ConfigRevision
from proxy.models.client_key import digest_of

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def credential(name, secret="secret-of-a-provider"):
    row = Credential(provider=Provider.objects.create(name=name, preset="openai"))
    row.set_secret(secret)
    row.save()
    return row


def test_createclientkey_gives_name_prefix_and_key_as_json():
    """Exactly these three, and the key is the one whose digest is kept."""
    content = json.loads(run("createclientkey", "laptop", "--json"))
    assert sorted(content) == ["key", "name", "prefix"]
    row = ClientKey.objects.get(name="laptop")
    assert row.digest == digest_of(content["key"])
    assert row.prefix == content["prefix"]
    assert content["key"].startswith(f"ccm_{row.prefix}_")


def test_createclientkey_prints_the_key_for_people():
    """Without --json it is shown in words."""
    line = run("createclientkey", "laptop").splitlines()[0]
    assert digest_of(line.removeprefix("laptop: ")) == ClientKey.objects.get().digest


@pytest.mark.parametrize("name", ["laptop", "a,b", "", "x" * 101])
def test_createclientkey_refuses_a_name_that_is_taken_or_bad(name):
    """A second key of that name, or a name no form takes, is a failure and no row."""
    run("createclientkey", "laptop")
    with pytest.raises(CommandError, match="no key was created"):
        run("createclientkey", name)
    assert ClientKey.objects.count() == 1


def test_createclientkey_dry_run_makes_no_key():
    """It checks the name only."""
    assert "key" not in json.loads(run("createclientkey", "laptop", "--dry-run", "--json"))
    assert not ClientKey.objects.exists()


def test_rotatekeys_seals_with_the_first_key_and_leaves_no_trace(settings):
    """Afterwards the old key can go; neither history nor revision has moved."""
    old, new = settings.CCM_FIELD_KEYS[0], vault.new_key()
    row = credential("a")
    revision, history = ConfigRevision.current(), Credential.history.count()
    settings.CCM_FIELD_KEYS = [new, old]
    assert json.loads(run("rotatekeys", "--dry-run", "--json"))["resealed"] == 1
    assert Credential.objects.get().sealed == row.sealed
    assert json.loads(run("rotatekeys", "--json"))["resealed"] == 1
    settings.CCM_FIELD_KEYS = [new]
    assert Credential.objects.get().reveal() == "secret-of-a-provider"
    assert (ConfigRevision.current(), Credential.history.count()) == (revision, history)


def test_rotatekeys_seals_tokens_and_client_secrets_too(settings):
    """Both tokens of an account and an OAuth client's secret are readable without the old key; no version moves."""
    old, new = settings.CCM_FIELD_KEYS[0], vault.new_key()
    account = Credential.objects.create(provider=Provider.objects.create(name="a", preset="anthropic"), kind="oauth")
    token = OAuthToken(credential=account, flow="anthropic", version=7)
    token.access, token.refresh = token.sealed("the-access", "the-refresh").values()
    token.save()
    client = OAuthClient(flow="google")
    client.set_secret("the-client-secret")
    client.save()
    settings.CCM_FIELD_KEYS = [new, old]
    assert json.loads(run("rotatekeys", "--json"))["resealed"] == 3
    settings.CCM_FIELD_KEYS = [new]
    token = OAuthToken.objects.select_related("credential").get()
    assert (token.reveal_access(), token.reveal_refresh(), token.version) == ("the-access", "the-refresh", 7)
    assert OAuthClient.objects.get().reveal() == "the-client-secret"


def test_rotatekeys_goes_on_where_it_was_stopped(settings):
    """What is sealed with the first key already is skipped."""
    old, new = settings.CCM_FIELD_KEYS[0], vault.new_key()
    credential("a")
    settings.CCM_FIELD_KEYS = [new, old]
    done = credential("b")
    assert run("rotatekeys").startswith("1 sealed anew, 1 sealed with the first key already")
    assert Credential.objects.get(pk=done.pk).sealed == done.sealed


def test_rotatekeys_fails_when_a_secret_is_unreadable_but_does_the_others(settings):
    """One lost secret does not keep the rest from being rotated."""
    credential("a")
    row = credential("b")
    other = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    Credential.objects.filter(pk=row.pk).update(sealed=other)
    settings.CCM_FIELD_KEYS = [vault.new_key(), *settings.CCM_FIELD_KEYS]
    out = StringIO()
    with pytest.raises(CommandError, match="cannot be unsealed"):
        call_command("rotatekeys", stdout=out)
    assert out.getvalue().startswith("1 sealed anew, 0 sealed with the first key already, 1 unreadable")
    assert "b, API key" in out.getvalue()


def test_rotatekeys_keeps_a_secret_that_was_entered_meanwhile(settings, monkeypatch):
    """A newer secret is not overwritten by the old one sealed anew."""
    row = credential("a")
    settings.CCM_FIELD_KEYS = [vault.new_key(), *settings.CCM_FIELD_KEYS]
    unseal = vault.unseal

    def slow(sealed, place):
        secret = unseal(sealed, place)
        fresh = Credential.objects.get(pk=row.pk)
        fresh.set_secret("entered-meanwhile")
        fresh.save()
        return secret

    monkeypatch.setattr(vault, "unseal", slow)
    assert json.loads(run("rotatekeys", "--json"))["changed_meanwhile"] == 1
    monkeypatch.undo()
    assert Credential.objects.get().reveal() == "entered-meanwhile"


@pytest.mark.parametrize("keys", [[], ["nonsense"]])
def test_rotatekeys_says_what_is_wrong_with_the_keys(settings, keys):
    """No key or a bad one is a failure in one line."""
    settings.CCM_FIELD_KEYS = keys
    with pytest.raises(CommandError, match="CCM_FIELD_KEYS"):
        run("rotatekeys")
