import json
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.oauth import exchange, pkce
from providers.oauth.exchange import Client, CodeUnreadable, pasted
from providers.oauth.flows import FLOWS
from providers.targets import Secret

VERIFIER = "verifier-canary-0123456789012345678901234567"


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_the_authorize_url_holds_the_challenge_and_never_the_verifier(flow):
    """Every flow's URL goes to its own server with an S256 challenge and a state of its own."""
    url = exchange.authorize_url(flow, Client("me"), "http://localhost:7/cb?x=1", "state-1", VERIFIER)
    asked = query_of(url)
    assert url.startswith(flow.authorize_url + "?")
    assert VERIFIER not in url
    assert asked["code_challenge"] == pkce.challenge(VERIFIER)
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert (asked["state"], asked["client_id"], asked["redirect_uri"]) == ("state-1", "me", "http://localhost:7/cb?x=1")
    assert asked["scope"] == " ".join(flow.scopes)
    assert dict(flow.extra).items() <= asked.items()


def test_each_vendor_gets_its_encoding():
    """Anthropic is asked in JSON with the state again; the others in forms, Google with the client's secret."""
    secret = Client("me", Secret("client-secret"))
    claude = exchange.code_request(FLOWS["anthropic"], Client("me"), "http://r", "c&1", "s", VERIFIER)
    google = exchange.code_request(FLOWS["google"], secret, "http://r", "c&1", "s", VERIFIER)
    common = {"grant_type": "authorization_code", "code": "c&1", "redirect_uri": "http://r",
              "code_verifier": VERIFIER, "client_id": "me"}  # fmt: skip
    assert claude.headers["content-type"] == "application/json"
    assert json.loads(claude.body) == {**common, "state": "s"}
    assert google.headers["content-type"] == "application/x-www-form-urlencoded"
    assert query_of("?" + google.body.decode()) == {**common, "client_secret": "client-secret"}
    assert (google.method, google.url) == ("POST", FLOWS["google"].token_url)


def test_a_refresh_names_the_client_and_the_token_and_nothing_more():
    """A refresh is grant, token and client, in the encoding of the flow."""
    claude = exchange.refresh_request(FLOWS["anthropic"], Client("me"), "r+1")
    openai = exchange.refresh_request(FLOWS["openai"], Client("me"), "r+1")
    wanted = {"grant_type": "refresh_token", "refresh_token": "r+1", "client_id": "me"}
    assert json.loads(claude.body) == wanted
    assert query_of("?" + openai.body.decode()) == wanted


@pytest.mark.parametrize(
    ("text", "code", "state"),
    [
        (" abc#def \n", "abc", "def"),
        ("http://localhost:1455/auth/callback?code=a%2Fb&scope=x&state=s-1", "a/b", "s-1"),
        ("https://console.anthropic.com/oauth/code/callback?code=x&state=y#frag", "x", "y"),
    ],
)
def test_a_code_is_read_from_what_people_paste(text, code, state):
    """`code#state` and the whole address of the last page are both understood."""
    read = pasted(text)
    assert (read.code.reveal(), read.state) == (code, state)
    assert code not in repr(read) or len(code) < 4
    assert "def" not in repr(read)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "paste the whole code"),
        ("abc", "after #"),
        ("abc#", "after #"),
        ("#def", "after #"),
        ("http://localhost:1455/auth/callback", "no code and state"),
        ("http://localhost:1455/auth/callback?code=x", "no code and state"),
        ("http://localhost:1455/auth/callback?state=x", "no code and state"),
        ("http://[broken/?code=x&state=y", "cannot be read"),
        ("http://h/?" + "&".join(f"a{n}=1" for n in range(60)), "cannot be read"),
        ("http://h/?error=access_denied&error_description=They+said+no&state=s", "access_denied: They said no"),
    ],
)
def test_what_is_no_code_is_refused_with_the_fix(text, words):
    """Half a code, an address without one and a refusal of the vendor say what to do."""
    with pytest.raises(CodeUnreadable, match=words.replace(".", r"\.")):
        pasted(text)
