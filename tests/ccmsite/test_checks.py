"""The system checks: each wrong setting has a number and a hint that is the fix."""

import pytest
from django.conf import settings as live_settings
from django.core.checks import run_checks

from ccmsite import checks


def ids(*messages):
    return [message.id for message in messages]


def test_good_settings_have_no_complaints(settings):
    """The defaults of a first run are clean."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    settings.DEBUG = True
    found = [message for message in run_checks() if message.id.startswith("ccm.")]
    assert found == []


def test_a_missing_secret_key_is_an_error_that_names_quickstart(settings):
    """Django itself raises when the empty key is read; the check says what to do."""
    settings.SECRET_KEY = ""
    found = checks.check_secrets(None)
    assert ids(*found) == ["ccm.E001"]
    assert "quickstart" in found[0].hint


@pytest.mark.parametrize(
    ("keys", "expected"),
    [([], ["ccm.E002"]), (["short"], ["ccm.E003"]), (["ü" * 44], ["ccm.E003"])],
)
def test_field_keys_must_be_fernet_keys(settings, keys, expected):
    """Missing and malformed keys are errors, and no key is shown."""
    settings.CCM_FIELD_KEYS = keys
    found = checks.check_secrets(None)
    assert ids(*found) == expected
    assert all(message.hint for message in found)
    assert not any(key in str(message) for key in keys for message in found)


def test_each_bad_key_is_named_by_its_position(settings):
    """With several keys one sees which."""
    settings.CCM_FIELD_KEYS = [*live_settings.CCM_FIELD_KEYS, "bad"]
    assert "Key 2" in checks.check_secrets(None)[0].msg


def test_complaints_of_the_environment_become_errors(settings):
    """What the settings could not use is told with the variable's name in the hint."""
    settings.CCM_COMPLAINTS = ["CCM_MAX_BODY_MB must be a number, not 'x'"]
    found = checks.check_environment(None)
    assert ids(*found) == ["ccm.E004"]
    assert "CCM_MAX_BODY_MB" in found[0].hint


@pytest.mark.parametrize(("text", "expected"), [("maybe", ["ccm.E005"]), ("True", []), ("0", []), ("", [])])
def test_switches_are_true_or_false(monkeypatch, settings, text, expected):
    """A switch that is neither would silently count as off."""
    settings.CCM_COMPLAINTS = []
    monkeypatch.setenv("CCM_HTTPS", text)
    assert ids(*checks.check_environment(None)) == expected


@pytest.mark.parametrize(
    ("debug", "hosts", "origins", "expected"),
    [
        (False, ["ccm.example.com"], [], []),
        (True, ["ccm.example.com", "localhost"], [], ["ccm.E006"]),
        (True, ["localhost", "127.0.0.2", "[::1]", ".localhost", "a.localhost"], [], []),
        (True, ["*"], [], ["ccm.E006", "ccm.W001"]),
        (False, ["*"], [], ["ccm.W001"]),
        (False, [], ["ccm.example.com", "https://fine.example.com"], ["ccm.E007"]),
        (False, ["[2001:db8::1]", ".example.com"], [], []),
        (False, ["https://ccm.example.com"], [], ["ccm.E008"]),
        (False, ["ccm.example.com:443", "2001:db8::1"], [], ["ccm.E008", "ccm.E008"]),
    ],
)
def test_hosts_and_origins(settings, debug, hosts, origins, expected):
    """Debug pages are for this machine, origins have a scheme and hosts have none, and * is worth a warning."""
    settings.DEBUG, settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = debug, hosts, origins
    found = checks.check_hosts(None)
    assert ids(*found) == expected
    assert all(message.hint for message in found)


@pytest.mark.parametrize(
    ("policy", "hosts", "expected"),
    [
        ("never", ["localhost"], []),
        ("never", ["ccm.example.com"], ["ccm.W002"]),
        ("never", ["*"], ["ccm.W002"]),
        ("auto", ["ccm.example.com"], []),
        ("always", ["*"], []),
    ],
)
def test_keys_that_are_never_asked_for(settings, policy, hosts, expected):
    """An open proxy on a public name is worth a warning."""
    settings.CCM_REQUIRE_CLIENT_KEY, settings.ALLOWED_HOSTS = policy, hosts
    assert ids(*checks.check_client_keys(None)) == expected
