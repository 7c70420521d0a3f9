"""Failures: the one table, the words shown, and no secret among them."""

import pytest

from providers.errors import (
    MAX_MESSAGE,
    RULES,
    Failure,
    FailureKind,
    UpstreamFailure,
    in_words,
    kind_of_status,
    plain_words,
)

# kind: again, next target, cools, status, type, as the contract says.
CONTRACT = {
    "unreachable": (1, True, "target", 502, "api_error"),
    "timed_out": (0, True, "target", 504, "timeout_error"),
    "rate_limited": (0, True, "target", 429, "rate_limit_error"),
    "overloaded": (1, True, "target", 529, "overloaded_error"),
    "busy": (0, True, "no", 529, "overloaded_error"),
    "quota": (0, True, "credential", 429, "rate_limit_error"),
    "refused_key": (0, True, "credential", 502, "api_error"),
    "no_such_model": (0, True, "no", 404, "not_found_error"),
    "too_long": (0, True, "no", 400, "invalid_request_error"),
    "rejected": (0, False, "no", 0, "invalid_request_error"),
    "incapable": (0, True, "no", 400, "invalid_request_error"),
    "garbled": (0, True, "target", 502, "api_error"),
    "miscalled": (1, True, "no", 502, "api_error"),
    "interrupted": (0, True, "target", 502, "api_error"),
    "client_gone": (0, False, "no", 499, "api_error"),
    "internal": (0, False, "no", 500, "api_error"),
}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_rules_are_the_contract(kind):
    """Each kind of failure is treated as the contract's table says."""
    rule = RULES[kind]
    assert (rule.again, rule.next_target, rule.cools, rule.status, rule.type) == CONTRACT[kind]
    assert (rule.cool_s > 0) is (rule.cools != "no")
    assert rule.pause_s <= 1
    assert Failure(kind, "x").rule is rule


def test_the_most_useful_error_wins():
    """What the client can act on outranks what it cannot; a rejection outranks everything."""
    rank = {kind: RULES[kind].rank for kind in FailureKind}
    order = [
        FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.INCAPABLE, FailureKind.NO_SUCH_MODEL,
        FailureKind.RATE_LIMITED,
        FailureKind.OVERLOADED, FailureKind.QUOTA, FailureKind.REFUSED_KEY, FailureKind.TIMED_OUT,
        FailureKind.UNREACHABLE,
    ]  # fmt: skip
    assert sorted(order, key=rank.__getitem__, reverse=True) == order


def test_what_is_not_worth_a_retry():
    """Failures that waiting does not cure, and they alone, tell the client not to retry the same request."""
    assert {kind for kind in FailureKind if not RULES[kind].client_may_retry} == {
        FailureKind.QUOTA,
        FailureKind.REFUSED_KEY,
        FailureKind.NO_SUCH_MODEL,
        FailureKind.TOO_LONG,
        FailureKind.INCAPABLE,
        FailureKind.REJECTED,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  plain  text\n\nhere ", "plain text here"),
        ("a\r\nset-cookie: x\x1b[31m\x00\u202eb\u2028c\ud800", "a set-cookie: x [31m b c"),
        ("", ""),
        ("é 漢 😀", "é 漢 😀"),
    ],
)
def test_plain_words(text, words):
    """An upstream's words become one printable line."""
    assert plain_words(text) == words


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><p>secret", " \n<HTML>secret", "\ufeff<!doctype html>secret", "<!-- x --><html>secret"]
)
def test_a_page_is_named_and_not_shown(page):
    """Nothing of an HTML page is shown."""
    assert "secret" not in plain_words(page)
    assert "HTML page" in plain_words(page)


def test_long_words_are_cut():
    """A text is cut at the limit, and a giant one costs no more than a long one."""
    assert len(plain_words("x" * 50_000_000)) == MAX_MESSAGE
    assert plain_words("x" * MAX_MESSAGE) == "x" * MAX_MESSAGE
    assert plain_words("abcdef", 4) == "abc…"


def test_scrubbing():
    """Every secret goes from the words, wherever it stands; what is too short to be one stays."""
    failure = Failure(FailureKind.REFUSED_KEY, "key sk-secret-1 and sk-secret-1, short", 401)
    clean = failure.scrubbed("sk-secret-1", "short", "")
    assert "sk-secret-1" not in clean.message
    assert "short" in clean.message
    assert (clean.kind, clean.status) == (failure.kind, 401)
    assert failure.scrubbed("other-secret") is failure


@pytest.mark.parametrize("length", range(6, 20))
def test_a_secret_cut_in_two_by_shortening_is_scrubbed(length):
    """A secret of which only the first part survived the shortening is removed as well."""
    secret = "sk-0123456789abcdefghij"
    message = plain_words("x" * 50 + secret, 51 + length)
    assert secret[:length] in message
    assert secret[:4] not in Failure(FailureKind.REJECTED, message).scrubbed(secret).message


def test_exception_carries_the_failure():
    """The exception's text is the failure's message and nothing more."""
    failure = Failure(FailureKind.GARBLED, "not JSON")
    assert UpstreamFailure(failure).failure is failure
    assert str(UpstreamFailure(failure)) == "not JSON"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (302, None), (400, "rejected"), (401, "refused_key"), (402, "quota"), (404, "no_such_model"),
     (413, "too_long"), (418, "rejected"), (429, "rate_limited"), (500, "overloaded"), (529, "overloaded")],
)  # fmt: skip
def test_a_status_speaks_for_itself(status, kind):
    """One table reads the HTTP status for every wire format; a 200 says nothing."""
    assert kind_of_status(status) == kind


def test_a_kind_is_told_in_words():
    """As people read it, not as the column holds it."""
    assert in_words(FailureKind.REFUSED_KEY) == "refused key" and in_words("ok") == "ok"
