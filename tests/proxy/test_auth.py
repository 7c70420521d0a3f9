from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from proxy import auth, snapshot
from proxy.config import ConfigSnapshot, KeyConfig
from proxy.errors import ApiError
from proxy.models.client_key import digest_of

KEY = "ccm_12345678_" + "k" * 43
LOOPBACK = {"host": "127.0.0.1:13456"}


def config(**fields):
    return ConfigSnapshot(keys={digest_of(KEY): KeyConfig("laptop", digest_of(KEY), **fields)})


@pytest.mark.parametrize(
    ("mode", "headers", "client", "allowed"),
    [
        ("auto", LOOPBACK, "127.0.0.1", True),
        ("auto", {"host": "[::1]:1"}, "::1", True),
        ("auto", {"host": "localhost"}, "127.0.0.1", True),
        ("auto", {**LOOPBACK, "x-forwarded-for": "127.0.0.1"}, "127.0.0.1", False),
        ("auto", {**LOOPBACK, "forwarded": "for=x"}, "127.0.0.1", False),
        ("auto", LOOPBACK, "192.0.2.7", False),
        ("auto", LOOPBACK, "", False),
        ("always", LOOPBACK, "127.0.0.1", False),
        ("never", {**LOOPBACK, "via": "x"}, "192.0.2.7", True),
    ],
)
def test_who_needs_a_key(settings, mode, headers, client, allowed):
    """Clients on this machine that no proxy forwarded need none; the setting can ask all or none."""
    settings.CCM_REQUIRE_CLIENT_KEY = mode
    if allowed:
        assert auth.check(headers, client, config()) == ""
    else:
        with pytest.raises(ApiError) as refused:
            auth.check(headers, client, config())
        assert refused.value.status == 401
        assert refused.value.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "shown",
    [
        {"x-api-key": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"x-api-key": "other", "authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "authorization": "Bearer other"},
    ],
)
def test_either_header_may_carry_the_key(settings, shown):
    """The key is found in x-api-key or as a bearer token, whatever the other one holds."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    assert auth.check({**LOOPBACK, **shown}, "192.0.2.7", config()) == "laptop"


@pytest.mark.parametrize("shown", [KEY[:-1], KEY + "x", KEY[:20], "", "é", f"Basic {KEY}", KEY.upper()])
def test_a_key_that_only_resembles_one_is_refused(settings, shown):
    """No prefix, extension or other case of a key opens anything."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    with pytest.raises(ApiError):
        auth.check({**LOOPBACK, "x-api-key": shown, "authorization": f"Basic {KEY}"}, "127.0.0.1", config())


def test_an_expired_key_is_refused(settings):
    """A key is good until its time and no longer."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    now = datetime.now(UTC)
    shown = {**LOOPBACK, "x-api-key": KEY}
    assert auth.check(shown, "", config(expires_at=now + timedelta(minutes=1))) == "laptop"
    with pytest.raises(ApiError):
        auth.check(shown, "", config(expires_at=now - timedelta(seconds=1)))


@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1.evil.example", "a/b?c", "127.0.0.1:x", "localhost@evil"]
)
def test_a_foreign_host_is_a_400(host):
    """Only the hosts of ALLOWED_HOSTS are served, whatever key is shown."""
    with pytest.raises(ApiError) as refused:
        auth.check({"host": host, "x-api-key": KEY}, "127.0.0.1", config())
    assert refused.value.status == 400


def test_the_gate_says_no_from_the_headers_alone(settings, monkeypatch):
    """Before a body is read: a refusal for guarded paths without a key, nothing for anything else."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    monkeypatch.setattr(snapshot, "_current", config())
    headers = [(b"Host", b"localhost")]
    assert auth.gate("POST", "/v1/messages", headers, "127.0.0.1").status == 401
    assert auth.gate("POST", "/v1/messages", [*headers, (b"X-Api-Key", KEY.encode())], "127.0.0.1") is None
    assert auth.gate("GET", "/admin/", headers, "127.0.0.1") is None


def test_the_gate_is_shut_while_there_is_no_configuration(settings, monkeypatch):
    """Nobody uploads a body before it is known who may: 503 with a time to come back, whatever key is shown."""
    settings.CCM_REQUIRE_CLIENT_KEY = "never"
    monkeypatch.setattr(snapshot, "_current", None)
    headers = [(b"Host", b"localhost"), (b"X-Api-Key", KEY.encode())]
    refusal = auth.gate("POST", "/v1/messages", headers, "192.0.2.7")
    assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
    assert auth.gate("GET", "/healthz", headers, "192.0.2.7") is None


def test_repeated_beta_headers_are_joined():
    """anthropic-beta may come in several lines; no other header is merged."""
    headers = [(b"Anthropic-Beta", b"a"), (b"anthropic-beta", b"b"), (b"X", b"1"), (b"x", b"2")]
    assert auth.header_map(headers) == {"anthropic-beta": "a,b", "x": "2"}


@pytest.mark.parametrize(("doubt", "status"), [(False, 401), (True, 503)])
def test_an_unknown_key_may_be_a_new_one_while_the_database_is_away(monkeypatch, doubt, status):
    """It is not refused for good then: 503 and a time to come back; who shows none is told that one is needed."""
    monkeypatch.setattr(auth.snapshot, "in_doubt", lambda: doubt)
    far = {"host": "localhost", "x-forwarded-for": "203.0.113.9"}
    with pytest.raises(ApiError) as refused:
        auth.check({**far, "x-api-key": "ccm_nobodys"}, "127.0.0.1", ConfigSnapshot())
    assert refused.value.status == status
    with pytest.raises(ApiError) as refused:
        auth.check(far, "127.0.0.1", ConfigSnapshot())
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("shown", "told", "logged"),
    [
        ({}, "a client key is required", "with no key"),
        ({"x-api-key": KEY.replace("1", "9")}, "unknown, revoked or expired", "with key ccm_92345678_…"),
        (
            {"authorization": "Bearer sk-ant-secret"},
            "unknown, revoked or expired",
            "with something that is no client key",
        ),
    ],
)
def test_a_refusal_tells_the_client_what_to_mend_and_the_log_whose_key_it_was(
    settings, caplog, monkeypatch, shown, told, logged
):
    """Whoever showed a key is not asked to send one; the log has the part of a key that the admin shows."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    monkeypatch.setattr(auth, "REFUSALS", auth._Refusals())
    with pytest.raises(ApiError) as refused:
        auth.check({**LOOPBACK, **shown}, "192.0.2.7", config())
    assert told in refused.value.message and "createclientkey" in refused.value.message
    assert f"1, the last from 192.0.2.7, {logged}" in caplog.text
    assert "sk-ant" not in caplog.text and "kkkk" not in caplog.text


def test_a_flood_of_refusals_does_not_fill_the_log(settings, caplog, monkeypatch):
    """After the first line there is one a minute, with the number of those before it."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    now = [1000.0]
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(auth, "REFUSALS", auth._Refusals())
    for seconds in (0, 1, 58, 1):
        now[0] += seconds
        with pytest.raises(ApiError):
            auth.check(LOOPBACK, "192.0.2.7", config())
    assert [record.args[0] for record in caplog.records] == [1, 3]
