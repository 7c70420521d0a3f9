"""Configurations as Claude Code Mux documents and writes them: each imports, and what is different here is told."""

import pytest

from providers.google_adc import DEFAULT, AdcSource, source_of
from providers.models import Credential, OAuthToken, Provider
from providers.outbound.formats import OUTBOUND
from proxy import snapshot
from proxy.configfile.export import export
from proxy.configfile.importing import import_text
from proxy.configfile.rows import load_state
from proxy.models import LogicalModel
from tests.cast import request

pytestmark = pytest.mark.django_db

FALLBACKS = """
[server]
host = "127.0.0.1"
port = 13456

[router]
default = "glm-4.6"
background = "glm-4.5-air"

[[providers]]
name = "z.ai"
provider_type = "z.ai"
auth_type = "apikey"
api_key = "$ZAI_API_KEY"
models = []
enabled = true

[[providers]]
name = "openrouter"
provider_type = "openrouter"
api_key = "sk-or-0123456789"
base_url = "https://openrouter.ai/api/v1"
models = []

[[providers]]
name = "kimi"
provider_type = "anthropic"
api_key = "sk-kimi-0123456789"
base_url = "https://api.kimi.com/coding/"
models = []

[[models]]
name = "glm-4.6"

[[models.mappings]]
priority = 1
provider = "z.ai"
actual_model = "glm-4.6"

[[models.mappings]]
priority = 2
provider = "openrouter"
actual_model = "z-ai/glm-4.6:exacto"

[[models.mappings]]
priority = 3
provider = "kimi"
actual_model = "kimi-for-coding"

[[models]]
name = "glm-4.5-air"
mappings = [{ priority = 1, provider = "z.ai", actual_model = "glm-4.5-air" }]
"""
SUBSCRIPTION = """
[router]
default = "claude-sonnet-4-5"
background = "claude-haiku-4-5"

[[providers]]
name = "claude-max"
provider_type = "anthropic"
auth_type = "oauth"
oauth_provider = "claude-max"
models = []
enabled = true

[[models]]
name = "claude-sonnet-4-5"
mappings = [{ priority = 1, provider = "claude-max", actual_model = "claude-sonnet-4-5-20250929" }]

[[models]]
name = "claude-haiku-4-5"
mappings = [{ priority = 1, provider = "claude-max", actual_model = "claude-haiku-4-5-20250929" }]
"""
VERTEX = """
[[providers]]
name = "vertex"
provider_type = "vertex-ai"
models = []
enabled = true
project_id = "my-gcp-project"
location = "us-central1"

[[models]]
name = "gemini"
mappings = [{ priority = 1, provider = "vertex", actual_model = "publishers/google/models/gemini-3-pro" }]
"""
GEMINI = """
[[providers]]
name = "gemini"
provider_type = "gemini"
auth_type = "apikey"
api_key = "$GEMINI_API_KEY"
models = []
enabled = true

[[models]]
name = "gemini"
mappings = [{ priority = 1, provider = "gemini", actual_model = "gemini-3-pro" }]
"""


def notes_of(text, **environ):
    """What an import tells, having imported; a second one changes nothing."""
    result = import_text(text, environ)
    assert [str(finding) for finding in result.errors] == []
    again = import_text(text, environ)
    assert (again.errors, again.changes) == ((), ())
    return [str(note) for note in result.notes]


def asked_of(model, number=0):
    """The call that a request for a logical model would make of one of its targets."""
    target = snapshot.load().models[model].targets[number]
    assert target.problem == ""
    return OUTBOUND[target.preset.wire_format].request(request({"stream": True}), target)


def test_the_default_example_with_its_fallbacks_works():
    """Z.ai, OpenRouter and Kimi in one chain; only the server's address is told to be elsewhere."""
    notes = notes_of(FALLBACKS, ZAI_API_KEY="zai-0123456789")
    assert ["manage.py serve" in note for note in notes] == [True, True]
    assert [asked_of("glm-4.6", number).url.partition("?")[0] for number in range(3)] == [
        "https://api.z.ai/api/anthropic/v1/messages",
        "https://openrouter.ai/api/v1/chat/completions",
        "https://api.kimi.com/coding/v1/messages",
    ]
    assert asked_of("glm-4.6").headers["x-api-key"] == "zai-0123456789"


@pytest.mark.parametrize(
    ("kind", "preset", "flow"),
    [("anthropic", "anthropic", "anthropic"), ("openai", "codex", "openai"), ("gemini", "code-assist", "google")],
)
def test_a_subscription_waits_for_somebody_to_sign_in(kind, preset, flow):
    """Provider, models and an account without tokens are there; the target says where to sign in."""
    text = SUBSCRIPTION.replace('"anthropic"', f'"{kind}"')
    (note,) = notes_of(text)
    assert "auth_type: is opened by an account" in note and "sign in at its page" in note
    row = Provider.objects.get()
    credential = row.credentials.get()
    assert (row.preset, row.enabled, row.base_url) == (preset, True, "")
    assert (credential.kind, credential.label, credential.oauth.flow) == ("oauth", "claude-max", flow)
    assert credential.oauth.state == "needs_sign_in"
    (target,) = snapshot.load().models["claude-sonnet-4-5"].targets
    assert target.problem == f"sign in first: /admin/providers/provider/{row.pk}/change/"
    assert import_text(text, {}).changes == ()
    assert import_text(export(load_state(), with_secrets=True).text, {}).changes == ()
    assert LogicalModel.objects.count() == 2


def test_importing_again_keeps_who_is_signed_in():
    """Tokens are no part of a file: neither the same file nor the exported one touches them; another key's way does."""
    notes_of(SUBSCRIPTION)
    OAuthToken.objects.update(access="sealed-access", refresh="sealed-refresh", state="active", version=4)
    exported = export(load_state(), with_secrets=True).text
    assert 'oauth_provider = "claude-max"' in exported and "sealed" not in exported
    for text in (SUBSCRIPTION, exported):
        assert import_text(text, {}, prune=True).changes == ()
    assert OAuthToken.objects.get().access == "sealed-access"
    further = '[[providers.credentials]]\nlabel = "work"\nauth_type = "oauth"\noauth_provider = "anthropic-console"\n'
    import_text(exported.replace("[[models]]", f"{further}\n[[models]]", 1), {})
    assert [(row.label, row.oauth.flow) for row in Credential.objects.order_by("pk")] == [
        ("claude-max", "anthropic"), ("work", "anthropic-console"),
    ]  # fmt: skip


def test_an_account_and_a_key_may_take_each_others_place():
    """A file that gives a key where an account was has the tokens deleted, and the other way round the key."""
    account = '[[providers]]\nname="a"\nprovider_type="anthropic"\n[[providers.credentials]]\nlabel="x"\n'
    with_account = account + 'auth_type="oauth"\noauth_provider="anthropic"\n'
    for text, kind, tokens in ((with_account, "oauth", 1), (account + 'api_key="k-0123456789"', "api_key", 0)) * 2:
        assert import_text(text, {}).errors == ()
        row = Credential.objects.get()
        assert (row.kind, OAuthToken.objects.count(), bool(row.sealed)) == (kind, tokens, not tokens)


def test_an_account_of_a_type_that_takes_keys_only_is_an_error_at_its_key():
    """A further account is refused where no account signs in."""
    text = '[[providers]]\nname="a"\nprovider_type="groq"\n[[providers.credentials]]\nauth_type="oauth"\n'
    (error,) = import_text(text, {}).errors
    assert "auth_type: no account signs in" in str(error)


def test_a_gemini_provider_with_a_key_works():
    """AI Studio is asked at its address with the key in a header, where no log of addresses finds it."""
    assert notes_of(GEMINI, GEMINI_API_KEY="AIza-0123456789") == []
    call = asked_of("gemini")
    assert call.url.startswith("https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:stream")
    assert call.headers["x-goog-api-key"] == "AIza-0123456789" and "AIza" not in call.url


def test_the_address_that_is_written_out_for_gemini_works():
    """The documented default address, given with its version, is not given a second one."""
    written = GEMINI.replace("models = []", 'base_url = "https://generativelanguage.googleapis.com/v1beta/"', 1)
    notes_of(written, GEMINI_API_KEY="AIza-0123456789")
    assert "googleapis.com/v1beta/models/gemini-3-pro:" in asked_of("gemini").url


def test_vertex_without_a_key_imports_and_says_what_is_used():
    """There it had no key at all; here the machine's own credentials are used, and a note says so."""
    (note,) = notes_of(VERTEX)
    assert note.startswith("line 2, [[providers]] #1 'vertex': api_key: is a service account's JSON key file")
    assert "the file gives none" in note and "application default credentials are used" in note
    assert Provider.objects.get().enabled is True
    (target,) = snapshot.load().models["gemini"].targets
    assert target.problem == "" and source_of(target) == DEFAULT


def test_vertex_with_an_access_token_works():
    """The token goes out as a bearer, to the location's host; a publisher's name in the model is not doubled."""
    (note,) = notes_of(VERTEX.replace("models = []", 'api_key = "$TOKEN"', 1), TOKEN="ya29.token")
    assert "or an access token, which is good for an hour" in note and "gives none" not in note
    call = asked_of("gemini")
    assert call.url == (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/my-gcp-project/locations/us-central1"
        "/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse"
    )
    assert call.headers["authorization"] == "Bearer ya29.token"


def test_vertex_with_a_key_file_works():
    """A whole key file, over several lines as it comes, is the key: it is never sent, a token of its account is."""
    key = '{\n  "type": "service_account",\n  "private_key": "-----BEGIN PRIVATE KEY-----"\n}\n'
    notes_of(VERTEX.replace("models = []", 'api_key = "$KEY"', 1), KEY=key)
    (target,) = snapshot.load().models["gemini"].targets
    assert source_of(target) == AdcSource.of_key(target.secret)
    assert target.secret.reveal().strip() == key.strip()
    assert "authorization" not in asked_of("gemini").headers


def test_vertex_that_was_marked_as_oauth_is_switched_off_and_explained():
    """The mark was a way around a key that was not used; both notes tell what to put instead."""
    notes = notes_of(VERTEX.replace("models = []", 'auth_type = "oauth"', 1))
    assert ["access token" in notes[0], "imported disabled" in notes[1]] == [True, True]
    assert Provider.objects.get().enabled is False


def test_vertex_without_its_settings_is_refused_at_their_keys():
    """A provider that could never be called is not imported, and each missing key is named."""
    result = import_text(VERTEX.replace("project_id", "#").replace("location", "#"), {})
    assert [str(error).split(": ")[1] for error in result.errors] == ["project_id", "location"]
    assert not Provider.objects.exists()


@pytest.mark.parametrize("kind", ["zenmux", "kimi-coding", "minimax", "deepinfra", "novita", "baseten", "together",
                                  "fireworks", "groq", "nebius", "cerebras", "moonshot"])  # fmt: skip
def test_every_other_type_is_called_with_its_key(kind):
    """Each provider type of Claude Code Mux imports as its page writes it and has an address and a sign-in."""
    text = GEMINI.replace('"gemini"\nauth', f'"{kind}"\nauth')
    assert notes_of(text, GEMINI_API_KEY="key-0123456789") == []
    call = asked_of("gemini")
    assert call.url.startswith("https://")
    assert any("key-0123456789" in value for value in call.headers.values())
