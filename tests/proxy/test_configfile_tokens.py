"""Claude Code Mux's oauth_tokens.json."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers.models import Credential, OAuthToken, Provider
from proxy.configfile.importing import UnreadableFile
from proxy.configfile.tokens_file import read_tokens

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CONFIG = """
[[providers]]
name = "claude"
provider_type = "anthropic"
auth_type = "oauth"
oauth_provider = "claude-max"
[[providers]]
name = "gemini-pro"
provider_type = "gemini"
auth_type = "oauth"
oauth_provider = "google"
"""


def account(name, **fields):
    return {name: {
        "provider_id": name, "access_token": f"access-canary-{name}", "refresh_token": f"refresh-canary-{name}",
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z"), **fields,
    }}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    config, tokens = tmp_path / "config.toml", tmp_path / "oauth_tokens.json"
    config.write_text(CONFIG)
    tokens.write_text(json.dumps({**account("claude-max"), **account("google", project_id="p-1"), **account("other")}))
    return str(config), str(tokens)


def run(*args):
    out = StringIO()
    call_command("importconfig", *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_accounts_come_along_sealed_with_advice_to_delete_the_file(files):
    """Config and tokens in one go: both accounts are signed in, nothing is in clear, the file is to be deleted."""
    config, tokens = files
    said = run(config, "--tokens", tokens)
    assert "+ tokens claude-max: claude is signed in" in said and "+ tokens google: gemini-pro is signed in" in said
    assert "- tokens other: no provider here signs in with it" in said
    assert f"Now delete {tokens}" in said
    rows = {row.credential.label: row for row in OAuthToken.objects.select_related("credential")}
    assert rows["claude-max"].reveal_access() == "access-canary-claude-max"
    assert rows["google"].reveal_refresh() == "refresh-canary-google" and rows["google"].project == "p-1"
    assert {row.state for row in rows.values()} == {"active"}
    left = (rows["google"].expires_at - datetime.now(UTC)).total_seconds()
    assert 3500 < left <= 3600
    assert "canary" not in said + repr([*OAuthToken.objects.values(), *Credential.history.values()])


@pytest.mark.django_db
def test_tokens_alone_find_their_accounts_by_label_or_by_provider(files):
    """Without a configuration file the accounts of now are signed in; a provider's name does as well."""
    config, tokens = files
    run(config)
    Credential.objects.filter(label="google").update(label="renamed")
    Provider.objects.filter(name="gemini-pro").update(name="google")
    content = json.loads(run("--tokens", tokens, "--json"))
    assert [(one["name"], one["provider"]) for one in content["tokens"]] == [
        ("claude-max", "claude"), ("google", "google"), ("other", ""),
    ]  # fmt: skip
    assert OAuthToken.objects.filter(state="active").count() == 2


@pytest.mark.django_db
def test_two_providers_with_one_account_get_it_once(files):
    """A refresh token is good once: the second provider has to sign in by itself, and is named."""
    config, tokens = files
    run(config)
    Credential.objects.update(label="claude-max")
    assert "sign in to gemini-pro separately" in run("--tokens", tokens)
    assert OAuthToken.objects.filter(state="active").count() == 1


@pytest.mark.django_db
def test_a_dry_run_stores_nothing(files):
    """It says whom it would sign in."""
    config, tokens = files
    run(config)
    assert "no tokens were stored" in run("--tokens", tokens, "--dry-run")
    assert not OAuthToken.objects.filter(state="active").exists()


@pytest.mark.django_db
def test_a_bad_file_of_tokens_keeps_everything_out(files, tmp_path):
    """Nothing is imported when either file is wrong, and without any file the command says what to name."""
    config, _ = files
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    with pytest.raises(CommandError, match="not JSON"):
        run(config, "--tokens", str(bad))
    assert not Provider.objects.exists()
    with pytest.raises(CommandError, match="name a configuration file"):
        run()


def test_an_expired_token_is_due_at_once():
    """What is over in the file lives no second; a time without a zone is UTC."""
    text = json.dumps(
        {**account("a", expires_at="2026-11-26T11:00:00Z"), **account("b", expires_at="2026-11-26T12:01:00")}
    )
    assert [entry.tokens.lifetime_s for entry in read_tokens(text, NOW)] == [0, 60]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "object of accounts"),
        ("[" * 100_000, "not JSON"),
        ('{"a": 5}', "access_token and refresh_token for 'a'"),
        ('{"a": {"access_token": "canary", "refresh_token": ""}}', "for 'a'"),
        ('{"a": {"access_token": "canary", "refresh_token": "canary", "expires_at": "canary"}}', "is no time"),
        ('{"a": {"access_token": "canary", "refresh_token": "canary"}}', "is no time"),
    ],
)
def test_what_is_no_file_of_tokens_is_refused_without_its_content(text, words):
    """Each refusal names the place and shows nothing that stands there."""
    with pytest.raises(UnreadableFile, match=words) as caught:
        read_tokens(text, NOW)
    assert "canary" not in str(caught.value)
