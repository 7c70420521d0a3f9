import base64
import json

import pytest

from providers.oauth.flows import FLOWS
from providers.oauth.tokens import MAX_LIFETIME_S, MAX_WORDS, TokenRefused, claims, tokens_of

CLAUDE, OPENAI, GOOGLE = FLOWS["anthropic"], FLOWS["openai"], FLOWS["google"]


def jwt(content):
    middle = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{middle}.sig"


def answered(flow, status=200, **answer):
    return tokens_of(flow, status, json.dumps(answer).encode(), ("refresh-canary",))


def test_a_claude_account_is_named_by_the_answer():
    """Tokens, lifetime, scopes and the account come from Anthropic's answer."""
    tokens = answered(
        CLAUDE, access_token="a", refresh_token="r", expires_in=28800, scope="user:profile user:inference",
        account={"uuid": "u-1", "email_address": "ada@example.invalid"},
    )  # fmt: skip
    assert (tokens.access.reveal(), tokens.refresh.reveal(), tokens.lifetime_s) == ("a", "r", 28800)
    assert tokens.scopes == ("user:profile", "user:inference")
    assert (tokens.account_label, tokens.account_id) == ("ada@example.invalid", "u-1")


def test_a_chatgpt_account_is_named_by_the_id_token_or_else_the_access_token():
    """The account id is read from either JWT's claims; the id token comes first."""
    auth = "https://api.openai.com/auth"
    access = jwt({auth: {"chatgpt_account_id": "from-access"}, "iat": 100, "exp": 964})
    both = answered(OPENAI, access_token=access, id_token=jwt({"email": "ada@example.invalid", auth: {
        "chatgpt_account_id": "from-id"}}))  # fmt: skip
    one = answered(OPENAI, access_token=access)
    assert (both.account_id, both.account_label) == ("from-id", "ada@example.invalid")
    assert (one.account_id, one.account_label) == ("from-access", "")
    assert one.lifetime_s == 864


def test_an_answer_without_a_refresh_token_has_an_empty_one():
    """Google keeps the refresh token in force: the answer has none, and none is made up."""
    tokens = answered(GOOGLE, access_token="a", expires_in=3599)
    assert not tokens.refresh
    assert tokens.lifetime_s == 3599


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (60, 60), ("60", 60), (59.5, 59.5), (10**400, 3600), (1e300, MAX_LIFETIME_S), (10**12, MAX_LIFETIME_S),
        (-5, 3600), (0, 3600), (None, 3600), (True, 3600), ("soon", 3600), (float("nan"), 3600), ([], 3600),
    ],
)  # fmt: skip
def test_a_lifetime_is_within_bounds_whatever_the_answer_says(told, seconds):
    """A huge lifetime is cut, a negative, absent or senseless one is the usual hour."""
    assert answered(CLAUDE, access_token="a", expires_in=told).lifetime_s == seconds


@pytest.mark.parametrize(
    ("flow", "status", "answer", "dead", "words"),
    [
        (CLAUDE, 400, {"error": "invalid_grant", "error_description": "Refresh token not found"}, True, "not found"),
        (CLAUDE, 400, {"error": "invalid_client"}, False, "invalid_client"),
        (CLAUDE, 400, {"type": "error", "error": {"type": "invalid_grant", "message": "gone"}}, True, "gone"),
        (OPENAI, 401, {"error": {"code": "refresh_token_reused", "message": "used twice"}}, True, "used twice"),
        (OPENAI, 401, {"error": {"code": "other"}}, False, "other"),
        (GOOGLE, 500, {"error": "invalid_grant"}, False, "invalid_grant"),
        (GOOGLE, 429, {"error": "rate"}, False, "429 rate"),
        (GOOGLE, 503, {}, False, "503 {}"),
    ],
)  # fmt: skip
def test_a_refusal_says_whether_only_signing_in_helps(flow, status, answer, dead, words):
    """Only a refusal of the grant itself is final; a server in trouble is not."""
    with pytest.raises(TokenRefused) as caught:
        answered(flow, status, **answer)
    assert caught.value.dead is dead
    assert words in caught.value.words


def test_a_page_of_html_is_named_and_not_shown():
    """A gateway's page instead of tokens is a failure in plain words, whatever its status."""
    for status in (200, 502):
        with pytest.raises(TokenRefused, match="HTML page") as caught:
            tokens_of(CLAUDE, status, b"  <html><body>Sign in to the Wi-Fi</body></html>")
        assert "Wi-Fi" not in caught.value.words
        assert not caught.value.dead


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"access_token": 5}', b"[" * 100_000])
def test_a_senseless_answer_is_a_failure_that_may_pass(body):
    """Whatever comes with a 200 and holds no token keeps the old one in force."""
    with pytest.raises(TokenRefused, match="cannot be used") as caught:
        tokens_of(CLAUDE, 200, body)
    assert not caught.value.dead


def test_a_refusal_is_short_and_without_the_secrets_that_were_sent():
    """The words are cut at 200 characters, and a token that the vendor quotes is taken out, cut or not."""
    for before in range(80, 220):
        with pytest.raises(TokenRefused) as caught:
            answered(CLAUDE, 400, error="x" * before + " refresh-canary " + "y" * 600)
        assert "refresh-c" not in caught.value.words
        assert len(caught.value.words) <= MAX_WORDS


@pytest.mark.parametrize("text", ["", "a.b", "a.!!!.c", "a.e30", "a.W10.c", "a.b.c.d", "a.é.c"])
def test_what_is_no_jwt_has_no_claims(text):
    """An opaque token, a broken one and one that holds no object give nothing and raise nothing."""
    assert claims(text) == {}
