"""Importing and exporting: rows, idempotence, pruning and the round trip."""

import json
import re

import pytest

from providers.models import Credential, Provider
from proxy.configfile.display import state_content
from proxy.configfile.export import UnreadableSecret, export
from proxy.configfile.importing import UnreadableFile, read_text
from proxy.configfile.rows import load_state
from proxy.models import ClientKey, ConfigRevision, LogicalModel, ModelMapping, RouterSettings, RoutingRule
from tests.proxy.configfile_cast import ENVIRON, FILE, dump, errors_of, imported

pytestmark = pytest.mark.django_db


def test_a_file_becomes_rows():
    """Everything the file says is in the tables afterwards."""
    imported()
    settings = RouterSettings.load()
    assert (settings.default.name, settings.think.name, settings.background) == ("main", "main", None)
    assert (settings.auto_map_regex, settings.total_timeout_s, settings.scale_counts) == ("", 900, True)
    assert (settings.hold_thinking_s, settings.adaptive_first_content) == (20, True)
    kimi, zai = Provider.objects.get(name="kimi"), Provider.objects.get(name="zai")
    assert kimi.base_url == "https://api.kimi.com/coding"
    assert kimi.headers == {"X-Title": "costs $5", "X-Auth-Extra": "hidden-value-of-a-header"}
    assert [row.reveal() for row in kimi.credentials.all()] == ["kimi-secret-123456"]
    assert [(row.reveal(), row.enabled) for row in zai.credentials.order_by("pk")] == [
        ("zai$secret$987654", True),
        ("a-second-key-000000", False),
    ]
    assert [Provider.objects.get(name=name).max_concurrency for name in ("echo", "zai")] == [4, None]
    mappings = ModelMapping.objects.filter(logical_model__name="main")
    assert (zai.connect_timeout_s, zai.first_content_timeout_s, zai.idle_timeout_s) == (5, 45.5, None)
    assert [(row.first_content_timeout_s, row.idle_timeout_s) for row in mappings] == [
        (None, None), (None, None), (30, 0.5),
    ]  # fmt: skip
    assert [(row.connect_timeout_s, row.total_timeout_s) for row in mappings] == [(None, None), (None, None), (3, 7200)]
    assert [(row.provider.name, row.enabled, row.context_window, row.drill, row.weight) for row in mappings] == [
        ("zai", True, 200000, "", 1),
        ("kimi", False, None, "", 3),
        ("echo", True, None, "status:529", 1),
    ]
    assert list(RoutingRule.objects.values_list("name", "order", "has_image", "logical_model__name")) == [
        ("large", 1, None, "main"),
        ("no images", 2, False, "main"),
    ]
    assert ClientKey.objects.get().name == "imported"


def test_the_second_import_changes_nothing():
    """No row is touched, no history row written, no secret sealed anew, no revision counted."""
    imported()
    before = dump()
    assert imported().changes == ()
    assert dump() == before


def test_a_dry_run_tells_the_changes_and_writes_nothing():
    """The same changes as the real run, on an untouched database, without secrets."""
    before = dump()
    dry = imported(dry_run=True)
    assert dump() == before
    shown = "\n".join(str(change) for change in dry.changes)
    assert "kimi-secret" not in shown
    assert "hidden-value" not in shown
    assert "…3456" in shown
    assert [str(change) for change in imported().changes] == [str(change) for change in dry.changes]


def test_one_changed_key_is_one_change():
    """Only the row that differs is saved; secrets are compared unsealed."""
    imported()
    revision = ConfigRevision.current()
    result = imported(environ={**ENVIRON, "KIMI": "another-secret-123456"})
    assert [(change.action, change.kind, change.name) for change in result.changes] == [
        ("change", "credential", "kimi/API key")
    ]
    assert "secret: …3456 → …3456" in str(result.changes[0])
    assert Credential.objects.get(provider__name="kimi").reveal() == "another-secret-123456"
    assert ConfigRevision.current() == revision + 1


def test_changed_waits_are_shown_and_written():
    """A wait that is added, changed or left out is a change in words; the same number in another spelling is none."""
    imported()
    assert imported(FILE.replace("= 30\n", "= 30.0\n")).changes == ()
    text = FILE.replace("connect_timeout_s = 5\n", "idle_timeout_s = 7\n").replace("first_content_timeout_s = 30\n", "")
    shown = "\n".join(str(change) for change in imported(text).changes)
    assert "    connect_timeout_s: 5.0 → \n    idle_timeout_s:  → 7.0" in shown
    assert (
        "echo/echo (connect 3 s, first content 30 s, idle 0.5 s, whole answer 7200 s, drill status:529, "
        "price 3 / 15 / 0.3) → 1 zai" in shown
    )
    assert "echo/echo (connect 3 s, idle 0.5 s, whole answer 7200 s, drill status:529, price 3 / 15 / 0.3)" in shown
    zai = Provider.objects.get(name="zai")
    assert (zai.connect_timeout_s, zai.idle_timeout_s) == (None, 7)
    assert ModelMapping.objects.get(provider__name="echo").first_content_timeout_s is None


def test_mappings_of_equal_priority_follow_the_order_of_the_file():
    """The order is taken over when only it changes, and then stays."""
    imported()
    first, second = FILE.index("[[models.mappings]]"), FILE.index("[[models.mappings]]", FILE.index("200000"))
    third = FILE.index("[[models.mappings]]", second + 5)
    turned = FILE[:first] + FILE[second:third] + FILE[first:second] + FILE[third:]
    imported(turned)
    assert [row.provider.name for row in ModelMapping.objects.all()] == ["kimi", "zai", "echo"]
    assert imported(turned).changes == ()


def test_a_model_spelled_in_another_case_is_the_same_model():
    """Names differ in more than case, so the row is renamed rather than doubled."""
    imported()
    imported(FILE.replace('name = "main"', 'name = "MAIN"'))
    assert [model.name for model in LogicalModel.objects.all()] == ["MAIN"]
    assert RouterSettings.load().default.name == "MAIN"


def test_what_the_file_does_not_have_stays_without_prune():
    """An import adds and changes; it deletes only when told to."""
    imported()
    imported("[[providers]]\nname = 'new'\nprovider_type = 'echo'\n")
    assert Provider.objects.count() == 4
    assert RouterSettings.load().default.name == "main"


def test_prune_deletes_what_the_file_does_not_have():
    """Afterwards the file is all there is, client keys apart."""
    imported()
    small = "[router]\ndefault='m'\n[[providers]]\nname='zai'\nprovider_type='z.ai'\napi_key='$ZAI'\n" \
        "[[models]]\nname='m'\nmappings=[{provider='zai', actual_model='x'}]\n"  # fmt: skip
    imported(small, prune=True)
    assert [row.name for row in Provider.objects.all()] == ["zai"]
    assert [row.reveal() for row in Credential.objects.all()] == ["zai$secret$987654"]
    assert [row.name for row in LogicalModel.objects.all()] == ["m"]
    assert not RoutingRule.objects.exists()
    assert ClientKey.objects.filter(name="imported").exists()
    assert imported(small, prune=True).changes == ()


def test_prune_keeps_the_keys_of_a_provider_for_which_the_file_has_none():
    """A file without secrets does not throw secrets away."""
    imported()
    text = re.sub(r'(?m)^api_key = "\$ZAI"\n', "", FILE)
    text = re.sub(r"(?s)\[\[providers.credentials\]\].*?enabled = false\n", "", text)
    assert imported(text, prune=True).changes == ()
    assert Credential.objects.filter(provider__name="zai").count() == 2


def test_prune_refuses_to_take_the_model_a_route_needs():
    """The router stays when the file has no [router]; what it points to must stay too."""
    imported()
    found = errors_of("[[models]]\nname = 'other'\n", prune=True)
    assert len(found) == 2
    assert "router (stored): default: there is no logical model 'main'" in found[0]


@pytest.mark.parametrize("with_secrets", [True, False])
def test_the_export_imports_to_the_same_state(with_secrets):
    """Out and in again, into the same database and into an empty one."""
    imported()
    state = load_state()
    result = export(state, with_secrets=with_secrets)
    environ = dict.fromkeys(result.variables, "")
    if not with_secrets:
        environ = {
            "CCM_KIMI_API_KEY": ENVIRON["KIMI"],
            "CCM_ZAI_API_KEY": ENVIRON["ZAI"],
            "CCM_ZAI_API_KEY_2": "a-second-key-000000",
            "CCM_KIMI_HEADER_X_AUTH_EXTRA": "hidden-value-of-a-header",
        }
        assert sorted(result.variables) == sorted(environ)
    assert imported(result.text, environ, prune=True).changes == ()
    RouterSettings.objects.all().delete()
    RoutingRule.objects.all().delete()
    LogicalModel.objects.all().delete()
    Provider.objects.all().delete()
    imported(result.text, environ)
    assert load_state() == state


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("base_url = 'https://evil.example'", True),
        ("base_url = 'http://api.z.ai/api/anthropic'", True),
        ("base_url = 'https://api.z.ai/v2'", False),
        ("base_url = 'https://other.example'\napi_key = 'a-new-key-for-there'", False),
    ],
)
def test_a_stored_key_does_not_follow_the_address_elsewhere(lines, refused):
    """Whoever can import a file cannot send stored keys to a server of theirs."""
    imported("[[providers]]\nname = 'zai'\nprovider_type = 'z.ai'\napi_key = '$ZAI'\n")
    text = f"[[providers]]\nname = 'zai'\nprovider_type = 'z.ai'\n{lines}\n"
    if refused:
        assert "would take the stored key 'API key' to another server" in errors_of(text)[0]
    else:
        imported(text)


def test_the_state_as_json_is_shaped_like_the_file_and_masks_secrets():
    """What the web shows: keys by their last characters, headers that look like keys too."""
    imported()
    content = state_content(load_state())
    assert json.loads(json.dumps(content)).keys() == {"router", "providers", "models"}
    kimi = next(provider for provider in content["providers"] if provider["name"] == "kimi")
    assert kimi["credentials"] == [{"label": "API key", "api_key": "…3456", "enabled": True}]
    assert kimi["headers"] == {"X-Title": "costs $$5", "X-Auth-Extra": "…ader"}
    assert [rule["name"] for rule in content["router"]["rules"]] == ["large", "no images"]
    assert "secret" not in json.dumps(content)


def test_an_export_without_secrets_holds_none():
    """Neither keys nor headers that look like one."""
    imported()
    text = export(load_state()).text
    for secret in (*ENVIRON.values(), "a-second-key-000000", "hidden-value-of-a-header", "the-proxy-key"):
        assert secret not in text
        assert secret.replace("$", "$$") not in text


def test_placeholders_of_like_named_providers_differ():
    """`z.ai` and `z-ai` do not share a variable."""
    imported(
        "".join(f"[[providers]]\nname='{n}'\nprovider_type='z.ai'\napi_key='key-of-{n}'\n" for n in ("z.ai", "z-ai"))
    )
    assert export(load_state()).variables == ("CCM_Z_AI_API_KEY", "CCM_Z_AI_API_KEY_2")


def test_a_disabled_first_key_survives_the_round_trip():
    """`api_key` cannot say that it is off, so such a key is written as a credential of its own."""
    imported()
    Credential.objects.filter(provider__name="kimi").update(enabled=False)
    result = export(load_state())
    environ = dict.fromkeys(result.variables, "")
    environ.update(CCM_ZAI_API_KEY=ENVIRON["ZAI"], CCM_KIMI_HEADER_X_AUTH_EXTRA="hidden-value-of-a-header")
    # The disabled keys' variables are not set: they are kept as stored.
    assert imported(result.text, environ, prune=True).changes == ()


def test_an_unreadable_secret_is_replaced_by_an_import_and_named_by_an_export(settings):
    """A lost key of CCM_FIELD_KEYS is repaired by importing the secrets again."""
    imported()
    settings.CCM_FIELD_KEYS = ["b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktISE="]
    with pytest.raises(UnreadableSecret, match="'kimi'"):
        export(load_state(), with_secrets=True)
    assert {change.kind for change in imported().changes} == {"credential"}
    assert imported().changes == ()


def test_a_server_key_that_is_another_rows_key_is_left_to_it():
    """One key has one name; the import says whose it is."""
    row = ClientKey(name="laptop")
    key = row.issue()
    row.save()
    result = imported(f"[server]\napi_key = '{key}'")
    assert result.changes == ()
    assert "is the client key 'laptop' already" in str(result.notes[0])


def test_only_small_regular_utf8_files_are_read(tmp_path):
    """A directory, a missing file, a huge one and a binary one are refused in one line."""
    huge, binary, fine = tmp_path / "huge", tmp_path / "binary", tmp_path / "fine"
    huge.write_bytes(b"#" * (1024 * 1024 + 1))
    binary.write_bytes(b"\xff\xfe")
    fine.write_bytes(b"\xef\xbb\xbf[router]\n")
    assert read_text(fine) == "[router]\n"
    for path, words in ((tmp_path, "regular"), (tmp_path / "no", "cannot be read"), (huge, "1 MB"), (binary, "UTF-8")):
        with pytest.raises(UnreadableFile, match=words):
            read_text(path)
