"""Uploads: no variable is read, what is withheld stays as stored, and only the plan that was seen is applied."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from providers.models import Credential, Provider
from proxy.configfile import upload
from proxy.configfile.display import state_content
from proxy.configfile.excerpt import excerpt, masked_line
from proxy.configfile.export import export
from proxy.configfile.findings import line_numbers
from proxy.configfile.importing import MAX_PARTS, UnreadableFile
from proxy.configfile.rows import load_state
from proxy.models import LogicalModel
from tests.proxy.configfile_cast import imported

pytestmark = pytest.mark.django_db
NEW = '[[providers]]\nname = "main"\nprovider_type = "openai"\n'


def problems(text, **options):
    return [str(finding) for finding in upload.plan(text, prune=False, **options).errors]


@pytest.mark.parametrize("written", ["$DATABASE_URL", "${SECRET_KEY}", "$CCM_FIELD_KEYS", "a$HOME"])
def test_no_variable_is_read_from_an_upload(monkeypatch, written):
    """Wherever a variable stands, its value is nowhere; the finding names the key and what to do."""
    for name in ("DATABASE_URL", "SECRET_KEY", "CCM_FIELD_KEYS", "HOME"):
        monkeypatch.setenv(name, "canary-of-the-environment")
    places = {
        "api_key": f'{NEW}api_key = "{written}"',
        "base_url": f'{NEW}api_key = "sk-123456"\nbase_url = "https://{written}/v1"',
        "headers.X-Auth": f'{NEW}api_key = "sk-123456"\nheaders = {{ "X-Auth" = "{written}" }}',
    }
    for key, text in places.items():
        found = problems(text)
        assert len(found) == 1, found
        assert f"{key}: " in found[0]
        assert "manage.py importconfig" in found[0]
        assert "canary" not in repr(upload.plan(text, prune=False))
    assert "api_key: " in problems(f'[server]\napi_key = "{written}"')[0]


def test_what_was_downloaded_can_be_uploaded_again():
    """Placeholders of stored keys and headers stand for what is stored: nothing changes, and each is noted."""
    assert imported().errors == ()
    before = load_state()
    text = export(before).text
    assert "${CCM_KIMI_API_KEY}" in text
    result = upload.apply(text, upload.sealed(()), prune=True)
    assert [str(finding) for finding in result.errors] == []
    assert result.changes == ()
    assert result.unchanged > 3
    assert len([note for note in result.notes if "is kept" in note.message]) == 3
    assert load_state() == before


def test_what_is_shown_as_json_can_be_sent_again():
    """The JSON of a configuration, masked secrets and all, imports to the same state."""
    assert imported().errors == ()
    shown = json.dumps(state_content(load_state()))
    assert "secret" not in shown
    result = upload.plan(shown, prune=True, syntax="json")
    assert [str(finding) for finding in result.errors] == []
    assert result.changes == ()


def test_a_stored_secret_goes_to_no_other_server():
    """A placeholder stands for nothing once the provider's address is another one."""
    assert imported().errors == ()
    text = export(load_state()).text.replace("https://api.kimi.com/coding", "https://evil.example/coding")
    found = problems(text)
    assert any("base_url: would take the stored key" in line for line in found)
    assert any("headers.X-Auth-Extra: no such header is stored for this server" in line for line in found)


def test_a_key_of_something_disabled_may_be_missing():
    """A disabled provider is imported without the key that nobody has; it is noted."""
    text = f'{NEW}api_key = "$NOBODY"\nenabled = false'
    result = upload.apply(text, upload.sealed(upload.plan(text, prune=False).changes), prune=False)
    assert result.applied
    assert "it is left out" in str(result.notes[0])
    assert Provider.objects.get().credentials.count() == 0


def test_only_the_plan_that_was_seen_is_applied():
    """When the configuration changes between the look and the click, nothing is written."""
    text = f'{NEW}api_key = "sk-0123456789ab"'
    seal = upload.sealed(upload.plan(text, prune=False).changes)
    Provider.objects.create(name="main", preset="openai", enabled=False)
    result = upload.apply(text, seal, prune=False)
    assert not result.applied
    assert not Credential.objects.exists()
    assert upload.apply(text, upload.sealed(result.changes), prune=False).applied
    assert Credential.objects.get().reveal() == "sk-0123456789ab"


def test_two_secrets_make_two_seals_and_tell_nothing():
    """The seal is of the secret too, so that another key is another plan, but shows none of it."""
    seals = {upload.sealed(upload.plan(f'{NEW}api_key = "{key}"', prune=False).changes) for key in ("one", "two")}
    assert len(seals) == 2
    assert not any("one" in seal or "two" in seal for seal in seals)


def test_what_the_file_does_not_have_is_told():
    """Without `prune` it stays, and the result names it; with it, it is among the changes."""
    LogicalModel.objects.create(name="old")
    text = f'{NEW}api_key = "sk-123456"'
    result = upload.plan(text, prune=False)
    assert [change.name for change in result.absent] == ["old"]
    assert [change.name for change in upload.plan(text, prune=True).changes if change.action == "delete"] == ["old"]


def test_one_file_of_text_is_taken_and_nothing_else():
    """Two files, none, too much, a zip: each refusal says what is wrong."""
    small = lambda content=b"": SimpleUploadedFile("../../etc/passwd", content)  # noqa: E731
    assert upload.text_of([small(b"\xef\xbb\xbf[router]")], "ignored") == "[router]"
    assert upload.text_of([], "[router]") == "[router]"
    for files, pasted, words in (
        ([small(), small()], "", "one file"),
        ([], " \n", "nothing to import"),
        ([small(b"#" * (1024 * 1024 + 1))], "", "larger than 1 MB"),
        ([small(b"PK\x03\x04\xff\xfe")], "", "not UTF-8"),
        ([], "é" * 600_000, "larger than 1 MB"),
    ):
        with pytest.raises(UnreadableFile, match=words):
            upload.text_of(files, pasted)


def test_a_file_of_too_many_parts_is_refused_before_any_row_is_looked_at(django_assert_num_queries):
    """A megabyte of tiny tables costs no transaction."""
    text = "".join(f'[[models]]\nname = "m{number}"\n' for number in range(MAX_PARTS + 1))
    with django_assert_num_queries(0):
        assert problems(text) == [f"the file has more than {MAX_PARTS} parts; import it in pieces"]


@pytest.mark.parametrize(
    "line", ["[" + " " * 500_000, "a." + " " * 500_000, "a" * 500_000, " " * 500_000, "[a" + " ." * 250_000]
)
def test_the_lines_of_a_long_line_are_found_in_one_reading(line):
    """No line makes the scan for line numbers go over it again and again: this would take hours."""
    assert len(line_numbers(line)) <= 1


@pytest.mark.parametrize("part", ["a", '"a b"', "'a'"])
def test_a_key_of_very_many_parts_is_refused(part):
    """The standard library's parser takes minutes for one: it never gets it. A long list of names is no such key."""
    for text in (".".join([part] * 50_000) + " = 1", "[" + ".".join([part] * 50_000) + "]"):
        assert problems(f"a = 1\n{text}") == ["line 2: a key of so many parts is in no configuration file"]
    models = ", ".join(f'"model-{number}.5"' for number in range(400))
    assert problems(f'{NEW}api_key = "sk-123456"\nmodels = [{models}]') == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "the whole must be an object"),
        ('{"a"', "this is not JSON"),
        ('{"providers": [{"name": "\\ud800"}]}', "half a character"),
        ("[" * 200_000, "too deeply"),
        ('{"router": {"total_timeout_s": NaN}}', "finite"),
    ],
)
def test_json_that_is_none_is_told(text, words):
    """Broken, endless and half texts are findings like any other."""
    assert words in problems(text, syntax="json")[0]


def test_the_lines_around_a_finding_show_no_secret():
    """Keys, tokens and whatever is long are masked; names of variables and plain settings are not."""
    lines = ["a = 1", 'api_key = "sk-canary-1234"', 'name = "main"', "b = 2"]
    shown = excerpt(lines, 2)
    assert [(line.number, line.text, line.meant) for line in shown] == [
        (1, "a = 1", False), (2, 'api_key = "…"', True), (3, 'name = "main"', False),
    ]  # fmt: skip
    assert excerpt(lines, 0) == excerpt(lines, 9) == ()
    for line in (
        'headers = { "X-Auth" = "canary-1", "B" = "canary-2" }', "MIIcanaryCANARYcanaryCANARY", '  "token": "canary',
        "x = 'canaryCANARYcanaryCANARY'", "api_key = canary",
    ):  # fmt: skip
        assert "canary" not in masked_line(line)
    assert masked_line('api_key = "${CCM_MAIN_API_KEY}"') == 'api_key = "${CCM_MAIN_API_KEY}"'
    assert masked_line('actual_model = "anthropic/claude-opus-4.5"') == 'actual_model = "anthropic/claude-opus-4.5"'
    assert len(masked_line("a " * 500)) < 170
