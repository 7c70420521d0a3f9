"""The authorization server of the tests: what it promises those that lean on it."""

import base64
import hashlib
import json
import shutil
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.authorization_grants import ACCOUNT, CODE_S, EMAIL
from tests.authorization_server import FAULTS, AuthorizationServer

BACK = "http://localhost:1455/auth/callback"
VERIFIER = "v" * 43
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def auth():
    with AuthorizationServer() as server:
        server.register("forms", BACK)
        server.register("json", f"{server.url}/callback", encoding="json", account={"email_address": EMAIL})
        server.register("secretive", BACK, secret="not so secret")
        yield server


@pytest.fixture
def http():
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def challenge(verifier=VERIFIER):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def asking(auth, client="forms", **changes):
    query = {
        "response_type": "code", "client_id": client, "redirect_uri": BACK, "scope": "profile", "state": "st/a te",
        "code_challenge": challenge(), "code_challenge_method": "S256", **changes,
    }  # fmt: skip
    return f"{auth.url}/oauth/authorize?" + urlencode({name: text for name, text in query.items() if text is not None})


def landed(url):
    return dict(parse_qsl(urlsplit(url).query))


def exchange(auth, http, code, client="forms", **changes):
    body = {
        "grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": BACK,
        "code_verifier": VERIFIER, **changes,
    }  # fmt: skip
    return http.post(f"{auth.url}/token", data=body)


def refresh(auth, http, token, client="forms", **changes):
    body = {"grant_type": "refresh_token", "client_id": client, "refresh_token": token, **changes}
    return http.post(f"{auth.url}/token", data=body)


def claims(token):
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def test_the_whole_flow_ends_with_tokens(auth, http):
    """Consent redirects with code and the same state; code and verifier give tokens that the server then accepts."""
    where = auth.allow(asking(auth))
    assert where.startswith(BACK + "?") and landed(where)["state"] == "st/a te"
    answer = exchange(auth, http, landed(where)["code"])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    token = answer.json()
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 3600, "profile")
    assert auth.accepts(token["access_token"]) and not auth.accepts("other") and "id_token" not in token
    assert [(call.grant_type, call.client_id, call.status) for call in auth.calls] == [
        ("authorization_code", "forms", 200)
    ]


def test_openid_tells_the_account(auth, http):
    """With the scope `openid` there is an id_token with the account and the e-mail address, after a refresh too."""
    code = landed(auth.allow(asking(auth, scope="openid email offline_access")))["code"]
    first = exchange(auth, http, code).json()
    again = refresh(auth, http, first["refresh_token"]).json()
    for token in (first, again):
        assert claims(token["id_token"])["email"] == EMAIL
        for jwt in (token["id_token"], token["access_token"]):
            assert claims(jwt)["https://api.openai.com/auth"]["chatgpt_account_id"] == ACCOUNT


@pytest.mark.parametrize(
    "changes", [{"redirect_uri": BACK + "/"}, {"redirect_uri": "http://127.0.0.1:1455/auth/callback"},
                {"redirect_uri": BACK + "?next=x"}, {"redirect_uri": None}, {"client_id": "nobody"}],
)  # fmt: skip
def test_whoever_is_unknown_gets_no_redirect(auth, changes):
    """A redirect URI that differs in one character, or an unknown client, ends on a page for the person."""
    with pytest.raises(ValueError, match="Not possible"):
        auth.allow(asking(auth, **changes))


@pytest.mark.parametrize(
    "changes", [{"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": None},
                {"scope": None}],
)  # fmt: skip
def test_pkce_with_s256_is_demanded(auth, http, changes):
    """Without a challenge, with a plain one or without a scope the client gets an error and no code."""
    answer = http.get(asking(auth, **changes))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(BACK)
    fields = landed(answer.headers["location"])
    assert fields["error"].startswith("invalid_") and "code" not in fields and fields["state"] == "st/a te"


def test_denying_is_told(auth):
    """A person who denies sends the client an error with its state."""
    where = auth.allow(asking(auth), "deny")
    assert landed(where) == {"error": "access_denied", "state": "st/a te"}


@pytest.mark.parametrize(
    "changes", [{"code_verifier": "w" * 43}, {"redirect_uri": BACK + "/"}, {"code": "guessed"},
                {"client": "secretive", "client_secret": "not so secret"}, {"state": "other"}],
)  # fmt: skip
def test_a_code_is_for_its_own_client(auth, http, changes):
    """Another verifier, redirect URI, client or state, or a guessed code, gives no tokens."""
    code = landed(auth.allow(asking(auth)))["code"]
    answer = exchange(auth, http, **{"code": code, **changes})
    assert (answer.status_code, "access_token" in answer.json()) == (400, False)
    assert exchange(auth, http, code).status_code == 200


def test_a_code_is_good_once_and_not_for_long(auth, http):
    """A code that comes twice ends what it had given; an old one is refused."""
    code = landed(auth.allow(asking(auth)))["code"]
    token = exchange(auth, http, code).json()
    assert exchange(auth, http, code).json()["error"] == "invalid_grant"
    assert not auth.accepts(token["access_token"])
    old = landed(auth.allow(asking(auth)))["code"]
    auth.skip(CODE_S)
    assert exchange(auth, http, old).json()["error"] == "invalid_grant"


def test_a_client_with_a_secret_must_know_it(auth, http):
    """A wrong secret or none is refused, the right one gives tokens."""
    for secret, status in ((None, 401), ("wrong", 401), ("not so secret", 200)):
        code = landed(auth.allow(asking(auth, "secretive")))["code"]
        told = {"client_secret": secret} if secret else {}
        assert exchange(auth, http, code, "secretive", **told).status_code == status


def test_bodies_have_their_clients_type(auth, http):
    """A JSON client's exchange works in JSON with its state and tells more; the other type is refused to each."""
    code, state = parse_qs(
        urlsplit(auth.allow(asking(auth, "json", redirect_uri=f"{auth.url}/callback"))).query
    ).values()
    body = {
        "grant_type": "authorization_code", "client_id": "json", "code": code[0], "state": state[0],
        "redirect_uri": f"{auth.url}/callback", "code_verifier": VERIFIER,
    }  # fmt: skip
    assert http.post(f"{auth.url}/token", data=body).json()["error"] == "invalid_request"
    assert http.post(f"{auth.url}/token", json=body).json()["account"] == {"email_address": EMAIL}
    assert http.post(f"{auth.url}/token", json={**body, "client_id": "forms"}).json()["error"] == "invalid_request"
    assert http.post(f"{auth.url}/token", content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_a_refresh_rotates_and_a_reuse_ends_the_family(auth, http):
    """Every refresh gives a new refresh token; the old one, when it comes back, ends all that came of the consent."""
    _, first = auth.grant("forms")
    second = refresh(auth, http, first).json()
    assert second["refresh_token"] != first and (auth.rotated, auth.reused) == (1, 0)
    assert refresh(auth, http, first).json()["error"] == "invalid_grant"
    assert auth.reused == 1
    assert not auth.accepts(second["access_token"])
    assert refresh(auth, http, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert (auth.refresh_calls, auth.counted("refresh_token", 400)) == (3, 2)


def test_within_the_grace_a_reuse_is_forgiven(auth, http):
    """With a grace the rotated token is taken until it is over, counted from its first use."""
    auth.grace_s = 30
    _, first = auth.grant("forms")
    assert [refresh(auth, http, first).status_code for _ in range(2)] == [200, 200]
    auth.skip(31)
    assert refresh(auth, http, first).status_code == 400
    assert auth.reused == 2


def test_a_refresh_token_is_for_its_own_client(auth, http):
    """Another client, or a made-up token, gets nothing and harms nothing."""
    access, token = auth.grant("forms")
    assert refresh(auth, http, "made-up").status_code == 400
    assert refresh(auth, http, token, "secretive", client_secret="not so secret").status_code == 400
    assert auth.accepts(access) and auth.reused == 0


def test_tokens_expire_when_told(auth, http):
    """An access token lives as long as set; time can be skipped."""
    auth.expires_in = 60
    access, token = auth.grant("forms")
    auth.skip(59)
    assert auth.accepts(access)
    auth.skip(1)
    assert not auth.accepts(access)
    assert auth.accepts(refresh(auth, http, token).json()["access_token"])


@pytest.mark.parametrize("told", [10**12, -5, 0, "3600", 1.5, None])
def test_the_lifetime_told_may_be_a_lie(auth, http, told):
    """`expires_in` can be huge, negative, of another type or absent."""
    auth.tell_expires_in = told
    answer = refresh(auth, http, auth.grant("forms")[1]).json()
    assert answer.get("expires_in") == told
    assert ("expires_in" in answer) == (told is not None)


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [("500", 500, "application/json"), ("503", 503, "application/json"), ("429", 429, "application/json"),
     ("html", 200, "text/html; charset=utf-8"), ("garbage", 200, "application/json"),
     ("invalid_grant", 400, "application/json")],
)  # fmt: skip
def test_a_fault_harms_no_token(auth, http, fault, status, kind):
    """A call with one of these faults is answered so, once, and has not used the token up."""
    auth.fault(fault)
    _, token = auth.grant("forms")
    answer = refresh(auth, http, token)
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert refresh(auth, http, token).status_code == 200
    assert [(call.fault, call.status) for call in auth.calls] == [(fault, status), ("", 200)]


def test_an_answer_can_be_lost_after_the_rotation(auth, http):
    """`lost` cuts the connection when the token has been rotated already."""
    auth.fault("lost")
    _, token = auth.grant("forms")
    with pytest.raises(httpx.TransportError):
        refresh(auth, http, token)
    assert (auth.rotated, auth.calls[0].status) == (1, 0)
    assert refresh(auth, http, token).json()["error"] == "invalid_grant"


def test_an_answer_can_be_held_after_the_rotation(auth, http):
    """`held` keeps the answer back until it is released, the token rotated all the while."""
    auth.fault("held")
    _, token = auth.grant("forms")
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            f"{auth.url}/token", timeout=0.2,
            data={"grant_type": "refresh_token", "client_id": "forms", "refresh_token": token},
        )  # fmt: skip
    assert auth.holding.wait(5)
    assert auth.rotated == 1
    auth.released.set()


def test_it_can_hang_and_be_slow(auth, http):
    """`hang` answers nothing; `slow` answers after a while."""
    auth.fault("hang", "slow")
    _, token = auth.grant("forms")
    with pytest.raises(httpx.ReadTimeout):
        http.post(f"{auth.url}/token", data={"grant_type": "refresh_token", "client_id": "forms"}, timeout=0.1)
    assert auth.rotated == 0
    assert refresh(auth, http, token).status_code == 200
    assert auth.rotated == 1


def test_faults_are_queued_by_name(auth, http):
    """Each name counts as often as asked, healing forgets the rest, and an unknown name is an error."""
    auth.fault("500", times=3)
    assert refresh(auth, http, "any").status_code == 500
    auth.heal()
    assert refresh(auth, http, "any").status_code == 400
    with pytest.raises(ValueError, match="no such fault"):
        auth.fault("fire")
    assert set(FAULTS) >= {"lost", "held", "hang", "slow", "html"}


def test_other_paths_are_not_found(auth, http):
    """What is none of the three addresses is a 404."""
    assert http.get(f"{auth.url}/elsewhere").status_code == http.post(f"{auth.url}/elsewhere").status_code == 404


@pytest.mark.browser
def test_a_real_browser_consents_and_copies_the_code(auth, http):
    """The page of consent has a button, and where codes are pasted the next page shows `code#state`."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium (or: make services)")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    auth.register("forms", f"{auth.url}/oauth/code/callback")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(asking(auth, redirect_uri=f"{auth.url}/oauth/code/callback", state="<b>state"))
        assert page.inner_text("h1") == "Allow access?"
        page.click("#allow")
        code, _, state = page.inner_text("#code").partition("#")
        browser.close()
    assert state == "<b>state"
    back = f"{auth.url}/oauth/code/callback"
    assert exchange(auth, http, code, redirect_uri=back).status_code == 200
