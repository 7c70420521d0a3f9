import hashlib
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User

from providers import code_assist
from providers.code_assist import Found
from providers.errors import UpstreamFailure
from providers.models import Credential, OAuthClient, OAuthToken, StartedSignIn
from providers.oauth import sign_in
from providers.oauth.exchange import Pasted, pasted
from providers.oauth.flows import FLOWS
from providers.oauth.sign_in import SignInRefused, begin, complete, take
from providers.targets import Secret, Timeouts
from providers.template import template_of
from tests.cast import failure
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db
SESSION = "session-of-the-admin"


@pytest.fixture
def user():
    return User.objects.create(username="admin")


def state_of(url):
    return parse_qs(urlsplit(url).query)["state"][0]


def landed(auth, begun):
    """What somebody copies from the page that the vendor leads to."""
    return pasted(auth.allow(begun.url))


def test_somebody_signs_in_and_the_tokens_are_stored_sealed(auth, flow, user):
    """From the first click to a credential: nothing of the verifier, the code or the tokens is in clear in a row."""
    row = accounts.provider()
    begun = begin(flow, row, user=user, session_key=SESSION)
    started = StartedSignIn.objects.get()
    brought = landed(auth, begun)
    credential = complete(brought, user=user, session_key=SESSION)
    tokens = OAuthToken.objects.select_related("credential").get()
    assert (credential.kind, credential.is_account, tokens.state, tokens.version) == ("oauth", True, "active", 1)
    assert auth.accepts(tokens.reveal_access()) and tokens.reveal_refresh().startswith("refresh-")
    assert not StartedSignIn.objects.exists()
    kept = repr(
        [*OAuthToken.objects.values(), *Credential.objects.values(), *Credential.history.values(), vars(started)]
    )
    for secret in (tokens.reveal_access(), tokens.reveal_refresh(), brought.code.reveal(), brought.state):
        assert secret not in kept
    assert Credential.history.first().history_change_reason == "signed in: Claude Pro or Max"


def test_the_verifier_stays_here_and_the_state_is_only_hashed(flow, user):
    """The URL holds neither the verifier nor the hash that finds the row, and the row no state."""
    begun = begin(flow, accounts.provider(), user=user, session_key=SESSION)
    started = StartedSignIn.objects.get()
    state = state_of(begun.url)
    taken = take(state, user=user, session_key=SESSION)
    assert taken.verifier not in begun.url and taken.verifier != state and taken.verifier not in repr(taken)
    assert state not in repr(vars(started)) and taken.verifier not in repr(vars(started))
    assert started.state_hash == hashlib.sha256(state.encode()).hexdigest()
    assert SESSION not in repr(vars(started))


def test_a_state_is_good_once_for_its_session_and_user(flow, user):
    """Unknown, another session's, another person's and used states are refused; a stranger's try uses nothing up."""
    state = state_of(begin(flow, accounts.provider(), user=user, session_key=SESSION).url)
    other = User.objects.create(username="other")
    for wrong, who, session in (("x", user, SESSION), (state, user, "else"), (state, other, SESSION), ("", user, "")):
        with pytest.raises(SignInRefused, match="start it again"):
            take(wrong, user=who, session_key=session)
    assert take(state, user=user, session_key=SESSION).flow == flow
    with pytest.raises(SignInRefused, match="completed already"):
        take(state, user=user, session_key=SESSION)


def test_a_state_is_good_for_ten_minutes(flow, user, monkeypatch):
    """After ten minutes a sign-in is over, and the next one clears it away."""
    row = accounts.provider()
    state = state_of(begin(flow, row, user=user, session_key=SESSION).url)
    begin(flow, row, user=user, session_key=SESSION)
    now = sign_in._now()
    monkeypatch.setattr(sign_in, "_now", lambda: now + timedelta(minutes=10, seconds=1))
    with pytest.raises(SignInRefused, match="ten minutes"):
        take(state, user=user, session_key=SESSION)
    begin(flow, row, user=user, session_key=SESSION)
    assert StartedSignIn.objects.count() == 1


def test_a_code_that_the_vendor_refuses_stores_nothing(auth, flow, user):
    """A wrong code is told in the vendor's words without the code, and there is no credential."""
    begun = begin(flow, accounts.provider(), user=user, session_key=SESSION)
    with pytest.raises(SignInRefused, match="did not accept") as caught:
        complete(Pasted(Secret("code-canary-1"), state_of(begun.url)), user=user, session_key=SESSION)
    assert "canary" not in str(caught.value)
    assert not Credential.objects.exists()


@pytest.mark.parametrize(("fault", "words"), [("500", "500"), ("html", "HTML page"), ("lost", "cannot be reached")])
def test_a_token_server_in_trouble_is_told_in_words(auth, flow, user, fault, words):
    """An error, a page and a broken connection each end the sign-in with what happened."""
    begun = begin(flow, accounts.provider(), user=user, session_key=SESSION)
    auth.fault(fault)
    with pytest.raises(SignInRefused, match=words):
        complete(landed(auth, begun), user=user, session_key=SESSION)
    assert not OAuthToken.objects.exists()


def test_signing_in_anew_keeps_the_credential_and_counts_the_version(auth, flow, user):
    """The same account again, or a credential that is named, is renewed; its label stays if somebody chose it."""
    credential = accounts.signed_in(auth, flow, account_id="acct-1")
    again = accounts.signed_in(auth, flow, credential.provider, account_id="acct-1", account_label="new@example.com")
    assert (again.pk, again.label, again.oauth.version) == (credential.pk, "new@example.com", 2)
    again.label = "mine"
    again.save()
    OAuthToken.objects.update(state=OAuthToken.NEEDS_SIGN_IN, last_error="gone", failures=3)
    begun = begin(flow, credential.provider, user=user, session_key=SESSION, credential=again)
    named = complete(landed(auth, begun), user=user, session_key=SESSION)
    tokens = OAuthToken.objects.get()
    assert (named.pk, named.label) == (credential.pk, "mine")
    assert (tokens.version, tokens.state, tokens.last_error, tokens.failures) == (3, "active", "", 0)


def test_several_accounts_of_one_provider_are_several_credentials(auth, flow):
    """Another account is another credential of the same provider."""
    row = accounts.provider()
    first = accounts.signed_in(auth, flow, row, account_id="a")
    second = accounts.signed_in(auth, flow, row, account_id="b")
    assert first.pk != second.pk and row.credentials.count() == 2


def test_what_cannot_begin_says_why(flow, user, settings):
    """A preset that the flow does not open, another provider's credential, no session, no secret, no address."""
    row, keys = accounts.provider(), accounts.provider(name="keys", preset="openai")
    foreign = Credential.objects.create(provider=keys)
    google = accounts.provider(name="google", preset="code-assist")
    whom = {"user": user, "session_key": SESSION}
    for words, asked in (
        ("does not open", lambda: begin(flow, keys, **whom)),
        ("another provider", lambda: begin(flow, row, credential=foreign, **whom)),
        ("log in to the admin", lambda: begin(flow, row, user=user, session_key="")),
        ("GOOGLE_OAUTH_CLIENT_SECRET", lambda: begin(FLOWS["google"], google, own_uri="http://localhost:1/b", **whom)),
    ):
        with pytest.raises(SignInRefused, match=words):
            asked()
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": ("", "s3cret")}
    for uri in ("", "javascript:alert(1)", "//evil.example", "http:///x", "http://localhost/b?next=//evil.example"):
        with pytest.raises(SignInRefused, match="lead back"):
            begin(FLOWS["google"], google, own_uri=uri, **whom)
    assert not StartedSignIn.objects.exists()


@pytest.mark.parametrize(
    ("client", "own", "expected"),
    [
        ("", "http://127.0.0.1:13456/back", "http://127.0.0.1:13456/back"),
        ("", "http://[::1]:13456/back", "http://[::1]:13456/back"),
        ("", "https://ccm.example.com/back", "http://localhost/back"),
        ("mine", "https://ccm.example.com/back", "https://ccm.example.com/back"),
    ],
)
def test_the_vendors_own_client_leads_back_to_this_machine_only(user, settings, client, own, expected):
    """A public address is for one's own client; else the browser ends at localhost, and its address is pasted."""
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": (client, "s3cret")}
    row = accounts.provider(name="google", preset="code-assist")
    begun = begin(FLOWS["google"], row, user=user, session_key=SESSION, own_uri=own)
    assert begun.redirect_uri == expected
    assert "s3cret" not in begun.url


def test_the_client_is_the_environments_else_the_admins_else_the_vendors(settings):
    """An id and a secret of one place stay together, and the admin's secret is sealed and in no history."""
    from providers.oauth.clients import client_of

    google = FLOWS["google"]
    row = OAuthClient(flow="google")
    row.set_secret("stored-canary")
    row.save()
    assert client_of(google).client_id == google.client_id
    assert client_of(google).secret.reveal() == "stored-canary"
    assert "stored-canary" not in repr([*OAuthClient.objects.values(), *OAuthClient.history.values()])
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": ("mine", "given")}
    assert (client_of(google).client_id, client_of(google).secret.reveal()) == ("mine", "given")
    assert client_of(FLOWS["openai"]).client_id == FLOWS["openai"].client_id


def test_sealed_tokens_are_bound_to_their_row_and_field(auth, flow):
    """A sealed token that is copied into another account or field cannot be read there."""
    first = accounts.signed_in(auth, flow, account_id="a").oauth
    second = accounts.signed_in(auth, flow, first.credential.provider, account_id="b").oauth
    second.access = first.access
    first.access = first.refresh
    for row in (first, second):
        with pytest.raises(ValueError, match="another row"):
            row.reveal_access()


@pytest.mark.parametrize(
    ("found", "project", "words"),
    [
        (Found("its-project", "free-tier"), "its-project", ""),
        (Found(problem="set the project ID of the provider"), "", "set the project ID"),
        (UpstreamFailure(failure("overloaded", "503")), "", "could not be looked up: 503"),
    ],
)
def test_a_google_account_brings_its_project(auth, user, monkeypatch, settings, found, project, words):
    """Code Assist is asked with the new token; whatever it says the tokens are kept, and a trouble is noted."""
    accounts.forget()
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": (accounts.CLIENT, "s3cret")}
    flow = accounts.use(auth, monkeypatch, "google")
    asked = []

    async def discover(target, send):
        asked.append(target)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(code_assist, "discover", discover)
    row = accounts.provider(preset="code-assist")
    begun = begin(flow, row, user=user, session_key=SESSION, own_uri="http://127.0.0.1:7/back")
    credential = complete(landed(auth, begun), user=user, session_key=SESSION)
    assert credential.oauth.project == project and words in credential.oauth.last_error
    assert asked[0].signed_in and auth.accepts(asked[0].secret.reveal())
    target = template_of(row, Timeouts())
    assert (target.project, target.signed_in, target.secret.reveal()) == (project, True, asked[0].secret.reveal())
