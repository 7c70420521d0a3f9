"""Reading a configuration file: values, notes, and every mistake at once with its line."""
# ruff: noqa: E501 (tables of cases read best one to a line)

import hashlib

import pytest

from proxy.configfile.expansion import UnsetVariable, escape, expand
from proxy.configfile.findings import line_numbers
from proxy.configfile.parse import parse
from proxy.configfile.values import (
    ROUTER,
    CredentialValues,
    MappingValues,
    RouterValues,
)

CCM = """
[server]
port = 13456
host = "127.0.0.1"
log_level = "info"
api_key = "$PROXY_KEY"

[server.timeouts]
api_timeout_ms = 600000
connect_timeout_ms = 10000

[router]
default = "glm"
think = "glm"
background = ""
auto_map_regex = ""

[[providers]]
name = "kimi"
provider_type = "anthropic"
auth_type = "apikey"
api_key = "$KIMI"
base_url = "https://api.kimi.com/coding/"
models = []

[[providers]]
name = "openrouter"
provider_type = "openrouter"
api_key = "literal-key-1234"
base_url = "https://openrouter.ai/api/v1/"
models = []
enabled = false

[[models]]
name = "glm"

[[models.mappings]]
priority = 2
provider = "kimi"
actual_model = "k2"

[[models.mappings]]
priority = 1
provider = "openrouter"
actual_model = "z-ai/glm-4.6"
"""
ENVIRON = {"KIMI": "kimi-secret-123456", "PROXY_KEY": "a-long-enough-proxy-key"}


def errors_of(text, environ=ENVIRON):
    return [str(finding) for finding in parse(text, environ).findings.errors]


def test_a_ccm_file_parses_without_errors():
    """Claude Code Mux's own file is taken as it is."""
    parsed = parse(CCM, ENVIRON)
    assert parsed.findings.errors == ()
    assert parsed.values[("provider", "kimi")].base_url == "https://api.kimi.com/coding"
    assert parsed.values[("provider", "openrouter")].base_url == ""
    assert parsed.values[("provider", "openrouter")].enabled is False
    assert parsed.values[("credential", "kimi", "API key", "0")].secret == "kimi-secret-123456"
    assert parsed.values[("model", "glm")].mappings == (
        MappingValues(1, "openrouter", "z-ai/glm-4.6"),
        MappingValues(2, "kimi", "k2"),
    )
    assert parsed.values[ROUTER] == RouterValues(default="glm", think="glm")


def test_server_keys_become_notes_and_the_key_a_digest():
    """What has no row is told, not dropped in silence; the key is kept as its digest only."""
    parsed = parse(CCM, ENVIRON)
    notes = [str(note) for note in parsed.findings.notes]
    assert [note.split(":")[0:3:2] for note in notes] == [
        ["line 3, [server]", " has no place in the database and was left out; give the address to `manage.py serve ADDR"],
        ["line 4, [server]", " has no place in the database and was left out; give the address to `manage.py serve ADDR"],
        ["line 5, [server]", " has no place in the database and was left out; set the environment variable CCM_LOG_LEVEL"],
        ["line 8, [server]", " has no place in the database and was left out; set connect_timeout_s and total_timeout_s under [router]"],
    ]  # fmt: skip
    digest = hashlib.sha256(b"a-long-enough-proxy-key").hexdigest()
    assert parsed.values[("client key", "imported")].digest == digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = ", "this is not TOML"),
        ("a = 1\na = 2", "this is not TOML"),
        ("[" * 5000, "this"),
        ("[routr]\n", "line 1: routr: is not a known key"),
        ("router = 3", "line 1, [router]: must be a table"),
        ("[router]\ndefualt = 'x'", "line 2, [router]: defualt: is not a known key"),
        ("[router]\ndefault = 3", "line 2, [router]: default: must be text, not a whole number"),
        ("[router]\nauto_map_regex = true", "line 2, [router]: auto_map_regex: must be text, not true or false"),
        ("[router]\ntotal_timeout_s = nan", "line 2, [router]: total_timeout_s: must be a finite number"),
        ("[[providers]]\nname='a'\nprovider_type='echo'\nidle_timeout_s='5'", "line 4, [[providers]] #1 'a': idle_timeout_s: must be a number, not text"),
        ("[[models]]\nname='A'\nmappings=[{provider='p', actual_model='x', idle_timeout_s=inf}]", "line 3, [[models]] #1 'A', [[models.mappings]] #1: idle_timeout_s: must be a finite number"),
        ("[router]\nretention_days = true", "line 2, [router]: retention_days: must be a whole number"),
        ("[router]\nretention_days = -1", "line 2, [router]: retention_days: must not be negative"),
        ("[[providers]]\nname='a'", "line 1, [[providers]] #1 'a': provider_type: is missing"),
        ("[[providers]]\nname='a'\nprovider_type='gimini'", "line 3, [[providers]] #1 'a': provider_type: 'gimini' is not"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\napi_key='$NOPE'", "line 4, [[providers]] #1 'a': api_key: the environment variable NOPE is not set"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\napi_key='a b'", "api_key: holds a blank"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\nauth_type='basic'", "auth_type: must be"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\nmodels=[1]", "models: must be a list of texts"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\n[providers.headers]\nX-A=1", "headers: every value must be text"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\n[[providers.credentials]]\nlabel='b'", "line 4, [[providers]] #1 'a', [[providers.credentials]] #1 'b': api_key: is missing"),
        ("[[models]]\nname='A'\n[[models]]\nname='a'", "line 4, [[models]] #2 'a': name: another model of the file has the name 'a' already"),
        ("[[models]]\nname='A'\nmappings=[{provider='p'}]", "line 3, [[models]] #1 'A', [[models.mappings]] #1: actual_model: is missing"),
        ('[[models]]\nname="a\\u0000"', "name: must not hold a NUL"),
        ("models = 1", "line 1: models: must be a list"),
        ("models = [1]", "line 1, [[models]] #1: must be a table, not a whole number"),
        ("[server]\napi_key='$X'", "line 2, [server]: api_key: the environment variable X is not set"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(text, expected):
    """A mistake is told with line, table and key."""
    found = errors_of(text)
    assert any(line.startswith(expected) or f": {expected}" in line for line in found), found


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    """Nobody fixes a file one message at a time."""
    text = "[router]\nfoo = 1\nthink = 2\n[[models]]\nname = 1\n[[providers]]\nname = 'x'\nprovider_type = 'y'\n"
    lines = [finding.line for finding in parse(text, {}).findings.errors]
    assert lines == [2, 3, 5, 8]


def test_a_pattern_is_switched_off_by_false_and_an_empty_one_is_the_default():
    """CCM reads an empty pattern as its default; off needs a spelling of its own."""
    parsed = parse("[router]\nauto_map_regex = false\nbackground_regex = ''", {})
    assert parsed.findings.errors == ()
    assert parsed.values[ROUTER].auto_map_regex == ""
    assert parsed.values[ROUTER].background_regex == "(?i)claude.*haiku"


def test_a_provider_that_signs_in_with_oauth_has_an_account():
    """The account is a credential with a flow and no secret, and a note says that somebody has to sign in."""
    text = "[[providers]]\nname='max'\nprovider_type='anthropic'\nauth_type='oauth'\noauth_provider='m'\nmodels=[]"
    parsed = parse(text, {})
    assert parsed.findings.errors == ()
    assert parsed.values[("provider", "max")].enabled is True
    account = CredentialValues("max", "m", None, True, "anthropic")
    assert parsed.values[("credential", "max", "m", "0")] == account
    assert "sign in at its page" in str(parsed.findings.notes[0])


def test_a_disabled_provider_may_lack_its_variable():
    """CCM reads the keys of enabled providers only; the missing one is a note."""
    text = "[[providers]]\nname='a'\nprovider_type='openai'\napi_key='$NOPE'\nenabled=false"
    parsed = parse(text, {})
    assert parsed.findings.errors == ()
    assert "NOPE" in str(parsed.findings.notes[0])
    assert parsed.values[("credential", "a", "API key", "0")] == CredentialValues("a", "API key", None)


def test_a_route_to_a_name_that_only_a_provider_lists_makes_a_logical_model():
    """CCM serves such a name directly; here it becomes a model of its own."""
    text = "[router]\ndefault='glm'\nthink='glm'\n[[providers]]\nname='z'\nprovider_type='z.ai'\nmodels=['glm']"
    parsed = parse(text, {})
    assert parsed.values[("model", "glm")].mappings == (MappingValues(1, "z", "glm"),)


def test_the_placeholder_of_a_fresh_file_is_off():
    """A file that CCM has just made imports."""
    parsed = parse("[router]\ndefault = 'placeholder-model'", {})
    assert parsed.findings.errors == ()
    assert parsed.values[ROUTER].default == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$A", "1"), ("${A}", "1"), ("x-$A-y", "x-1-y"), ("$$A", "$A"), ("$$$A", "$1"), ("plain", "plain"), ("", "")],
)
def test_variables_expand(text, expected):
    """$NAME and ${NAME} are replaced, $$ is a dollar."""
    assert expand(text, {"A": "1", "EMPTY": ""}) == expected


@pytest.mark.parametrize("text", ["$B", "${B}", "$", "$1", "${A", "${}", "$EMPTY", "a$"])
def test_a_variable_that_is_not_set_is_an_error(text):
    """An unset or empty variable, or a stray dollar, is never passed on as it stands."""
    with pytest.raises(UnsetVariable):
        expand(text, {"A": "1", "EMPTY": ""})


@pytest.mark.parametrize("text", ["$", "$$", "a$b", "${A}", "", "no"])
def test_escape_is_undone_by_expand(text):
    """A literal text survives the way out and in."""
    assert expand(escape(text), {}) == text


def test_only_variables_that_are_named_are_read():
    """The environment is not looked through."""

    class Counting(dict):
        read: list[str] = []

        def get(self, key, default=None):
            self.read.append(key)
            return super().get(key, default)

        def __getitem__(self, key):
            self.read.append(key)
            return super().__getitem__(key)

    environ = Counting(KIMI="kimi-secret-123456", PROXY_KEY="p" * 30, OTHER="x")
    parse(CCM, environ)
    assert set(environ.read) == {"KIMI", "PROXY_KEY"}


def test_no_message_shows_a_secret():
    """Findings name keys, never values."""
    text = (
        "[[providers]]\nname='a'\nprovider_type='openai'\napi_key='sk-very-secret value'\n[server]\napi_key='s3cret$X'"
    )
    parsed = parse(text, {})
    shown = " ".join(str(finding) for finding in (*parsed.findings.errors, *parsed.findings.notes))
    assert "very-secret" not in shown
    assert "s3cret" not in shown
    assert "sk-very" not in repr(parsed.values)


def test_lines_are_found_past_multi_line_texts():
    """A text over several lines that looks like a table does not shift the count."""
    lines = line_numbers('[a]\nx = """\n[b]\ny = 1\n"""\n[[c]]\nz = 1\n[[c]]\nz = 2\n[c.d]\ne = 1\n')
    assert lines[("c", 1, "z")] == 9
    assert lines[("c", 1, "d", "e")] == 11
    assert ("b",) not in lines


@pytest.mark.parametrize(
    ("lines", "preset"),
    [
        ("provider_type='openai'\nbase_url='http://127.0.0.1:1234/v1'", "openai-compatible"),
        ("provider_type='anthropic'\nbase_url='https://api.kimi.com/coding/'", "anthropic-compatible"),
        ("provider_type='openai'\nbase_url='http://127.0.0.1:1234/v1'\nkeep_type=true", "openai"),
        ("provider_type='anthropic'\nbase_url='https://api.anthropic.com/'", "anthropic"),
        ("provider_type='openai'", "openai"),
        ("provider_type='groq'\nbase_url='https://x.example/v1'", "groq"),
    ],
)
def test_a_vendor_elsewhere_is_a_compatible_server(lines, preset):
    """Files name `openai` for any server that speaks its format; only at home it is the vendor itself."""
    parsed = parse(f"[[providers]]\nname='a'\n{lines}\napi_key='k'", {})
    assert parsed.values[("provider", "a")].preset == preset
