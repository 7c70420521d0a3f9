import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers.models import Credential, OAuthToken, Provider
from tests.authorization_server import AuthorizationServer
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def auth():
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def flow(auth, monkeypatch):
    return accounts.use(auth, monkeypatch)


@pytest.fixture
def two(auth, flow):
    """An account that is due and one that is not."""
    row = accounts.provider()
    due = accounts.signed_in(auth, flow, row, account_id="a", account_label="due@example.com")
    accounts.signed_in(auth, flow, row, account_id="b", account_label="good@example.com")
    OAuthToken.objects.filter(credential=due).update(expires_at="2026-01-01T00:00:00Z")
    return due


def run(*args):
    out = StringIO()
    try:
        call_command("refreshtokens", *args, stdout=out)
    finally:
        run.said = out.getvalue()
    return run.said


def test_what_is_due_is_renewed_and_nothing_else(auth, two):
    """One call for the one that is due; the second run finds nothing to do."""
    assert run() == "claude, due@example.com: renewed\nclaude, good@example.com: not due\n"
    assert auth.accepts(OAuthToken.objects.select_related("credential").get(credential=two).reveal_access())
    content = json.loads(run("--json"))
    assert (content["ok"], [one["outcome"] for one in content["accounts"]]) == (True, ["not due", "not due"])
    assert auth.refresh_calls == 1


def test_a_dry_run_calls_nobody(auth, two):
    """It says what is due and changes nothing."""
    assert "due@example.com: due" in run("--dry-run")
    assert auth.refresh_calls == 0 and OAuthToken.objects.filter(version=1).count() == 2


@pytest.mark.parametrize(("fault", "outcome"), [("500", "failed"), ("invalid_grant", "needs sign-in")])
def test_an_account_that_cannot_be_renewed_makes_the_command_fail(auth, two, fault, outcome):
    """The exit code is a failure's, the account is named with the reason, and no token is printed."""
    auth.fault(fault)
    row = OAuthToken.objects.select_related("credential").get(credential=two)
    with pytest.raises(CommandError, match="1 of 2"):
        run("--json")
    first = json.loads(run.said)["accounts"][0]
    assert (first["outcome"], first["account"]) == (outcome, "due@example.com") and fault in first["message"]
    assert row.reveal_access() not in run.said and row.reveal_refresh() not in run.said


def test_what_is_disabled_or_never_signed_in_is_passed_over(auth, two):
    """Neither a disabled credential, nor a disabled provider, nor one that waits for its first sign-in is a failure."""
    waiting = Credential.objects.create(provider=two.provider, kind="oauth", label="waiting")
    OAuthToken.objects.create(credential=waiting, flow="anthropic")
    Credential.objects.filter(pk=two.pk).update(enabled=False)
    assert run() == "claude, good@example.com: not due\n"
    Provider.objects.update(enabled=False)
    assert run() == "no account is signed in\n"
