"""Configuration text → values. Pure: the environment comes in as a mapping, nothing is looked up."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from providers.oauth.flows import Flow, flow_for_file
from providers.presets import PRESETS, Preset
from proxy.configfile.expansion import UnsetVariable, expand
from proxy.configfile.findings import Findings, Place, overlong_key
from proxy.configfile.tables import Table
from proxy.configfile.values import (
    FIRST_LABEL,
    IMPORTED_KEY,
    ROUTER,
    ROUTES,
    ClientKeyValues,
    CredentialValues,
    Key,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    Value,
    client_key_key,
    credential_keys,
    mapping_key,
    model_key,
    plain_base_url,
    provider_key,
    rule_key,
)

Syntax = Literal["toml", "json"]

PLACEHOLDER = "placeholder-model"
"""The route that Claude Code Mux writes into a fresh file and that names no model."""

_SERVER_NOTES = {
    "port": "give the address to `manage.py serve ADDR:PORT`",
    "host": "give the address to `manage.py serve ADDR:PORT`",
    "log_level": "set the environment variable CCM_LOG_LEVEL",
    "timeouts": "set connect_timeout_s and total_timeout_s under [router]",
}
_VERTEX_KEY = "is a service account's JSON key file here, or an access token, which is good for an hour"
_SECRET = re.compile(r"^[\x21-\x7e]+$|^\{[\s\x20-\x7e]+\}\s*$")
"""A key, or the text of a key file of Google's."""
_DEFAULTS = RouterValues()


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file says, where it says it, and what is wrong with it."""

    values: Mapping[Key, Value]
    places: Mapping[Key, Place]
    findings: Findings
    withheld: tuple[tuple[Place, str], ...] = ()
    """Where an upload names a variable, or masks, what may be stored already: see `withheld.settle`."""


class _Reader:
    def __init__(self, environ: Mapping[str, str] | None, findings: Findings) -> None:
        self.environ = environ
        self.findings = findings
        self.withheld: list[tuple[Place, str]] = []
        self._names: set[tuple[str, ...]] = set()
        self.values: dict[Key, Value] = {}
        self.places: dict[Key, Place] = {}

    def keep(self, key: Key, value: Value, table: Table, same: Callable[[str], str] = str) -> None:
        """Keep a value; a second one of that name is a finding, and the first stays."""
        kind, *names = key
        folded = (kind, *(same(name) for name in names))
        if folded in self._names:
            table.error("name", f"another {kind} of the file has the name {names[0]!r} already")
            return
        self._names.add(folded)
        self.values[key] = value
        self.places[key] = table.place

    def expanded(self, table: Table, key: str, text: str, lenient: bool = False, stored: bool = False) -> str:
        """`text` with variables replaced; empty, with a finding (a note if `lenient`), when one is unset.

        `stored`: there may be a stored value that an upload means, which is judged later.
        """
        try:
            return expand(text, self.environ)
        except UnsetVariable as error:
            if self.environ is None and stored:
                self.withheld.append((table.place, key))
                return ""
            report = self.findings.note if lenient else self.findings.error
            report(table.place, str(error), key)
            return ""

    def secret(self, table: Table, key: str, lenient: bool = False, stored: bool = False) -> str:
        """A key: printable, without blanks; empty when it is not given."""
        written = table.text(key)
        secret = self.expanded(table, key, written, lenient, stored)
        if secret and not _SECRET.match(secret):
            table.error(key, "holds a blank or a character that no key has")
            return ""
        return secret


def parse(text: str, environ: Mapping[str, str] | None, syntax: Syntax = "toml") -> ParsedFile:
    """Read a configuration file. Never raises for what the text holds: see `findings`.

    `environ` None: an upload, in which no variable is read. JSON has the same tables and keys; null is "not given".
    """
    findings = Findings(text if syntax == "toml" else "")
    reader = _Reader(environ, findings)
    if syntax == "toml" and (line := overlong_key(text)):
        findings.error(Place((), f"line {line}"), "a key of so many parts is in no configuration file")
        return ParsedFile({}, {}, findings)
    try:
        content = tomllib.loads(text) if syntax == "toml" else _json(text)
    except RecursionError:
        findings.error(Place((), ""), "the file is nested too deeply")
        return ParsedFile({}, {}, findings)
    except ValueError as error:
        findings.error(Place((), ""), f"this is not {syntax.upper()}: {error}")
        return ParsedFile({}, {}, findings)
    root = Table(content, Place((), ""), findings)
    _read_server(root.table("server"), reader)
    for table in root.tables("providers"):
        _read_provider(table, reader)
    for table in root.tables("models"):
        _read_model(table, reader)
    _read_router(root.table("router"), reader)
    root.finish()
    return ParsedFile(reader.values, reader.places, findings, tuple(reader.withheld))


def _json(text: str) -> dict[str, Any]:
    """A JSON object without its nulls. Raises ValueError."""
    content = json.loads(
        text, object_pairs_hook=lambda pairs: {name: value for name, value in pairs if value is not None}
    )
    if not isinstance(content, dict):
        raise ValueError("the whole must be an object")
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character (a lone surrogate)") from None
    return content


def _read_server(table: Table | None, reader: _Reader) -> None:
    if table is None:
        return
    table.text("host")
    table.integer("port", 0)
    table.text("log_level")
    timeouts = table.table("timeouts")
    if timeouts is not None:
        timeouts.integer("api_timeout_ms", 0)
        timeouts.integer("connect_timeout_ms", 0)
        timeouts.finish()
    for key, instead in _SERVER_NOTES.items():
        if table.has(key):
            reader.findings.note(table.place, f"has no place in the database and was left out; {instead}", key)
    secret = reader.secret(table, "api_key")
    if secret:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        reader.keep(client_key_key(IMPORTED_KEY), ClientKeyValues(IMPORTED_KEY, digest), table)
        if len(secret) < 20:
            reader.findings.note(table.place, "is short; a key from `manage.py createclientkey` is safer", "api_key")
    table.finish()


def _read_provider(table: Table, reader: _Reader) -> None:
    name = table.text("name", required=True)
    kind = table.text("provider_type", required=True)
    preset = PRESETS.get(kind)
    if preset is None and kind:
        table.error("provider_type", f"{kind!r} is not supported; supported: {', '.join(PRESETS)}")
    enabled = table.flag("enabled", True)
    base_url = reader.expanded(table, "base_url", table.text("base_url"), lenient=not enabled)
    headers = {
        header: reader.expanded(table, f"headers.{header}", text, lenient=not enabled, stored=True)
        for header, text in table.pairs("headers").items()
    }
    by_oauth = _signs_in_with_oauth(table)
    account = _read_account(table, kind) if by_oauth else None
    if preset and account is not None and preset.name not in account.opens:
        base_url = plain_base_url(base_url, preset.base_url)
        preset = PRESETS[account.opens[0]]
    credentials = [] if by_oauth and account is None else _read_credentials(table, reader, name, enabled, account)
    table.text("api_key")
    keep_type = table.flag("keep_type", False) or by_oauth
    if preset and preset.elsewhere and not keep_type and base_url.rstrip("/") not in ("", preset.base_url):
        preset = PRESETS[preset.elsewhere]
    value = ProviderValues(
        name=name,
        preset=preset.name if preset else kind,
        base_url=plain_base_url(base_url, preset.base_url if preset else ""),
        enabled=enabled and (account is not None or not by_oauth),
        headers=tuple(sorted(headers.items())),
        project_id=table.text("project_id"),
        location=table.text("location"),
        models_offered=table.texts("models"),
        connect_timeout_s=table.optional_number("connect_timeout_s"),
        first_content_timeout_s=table.optional_number("first_content_timeout_s"),
        idle_timeout_s=table.optional_number("idle_timeout_s"),
        max_concurrency=table.optional_integer("max_concurrency"),
    )
    table.tables("credentials")
    table.finish()
    if name:
        reader.keep(provider_key(name), value, table)
        for key, credential in credential_keys(credentials).items():
            # An unset variable of something disabled: the key is mentioned, its secret stays as stored.
            reader.values.setdefault(key, credential)
            reader.places.setdefault(key, table.place)
    if preset and enabled:
        _tell_of_the_key(table, preset, given=bool(credentials) or table.has("api_key"), by_oauth=by_oauth)


def _tell_of_the_key(table: Table, preset: Preset, *, given: bool, by_oauth: bool) -> None:
    if preset.addressing == "vertex":
        instead = "one stored already is kept, else the machine's application default credentials are used"
        lacking = "" if given else f"; the file gives none: {instead}"
        table.findings.note(table.place, f"{_VERTEX_KEY}{lacking}", "api_key")
    elif preset.needs_key and not given and not by_oauth:
        table.findings.note(table.place, "the file gives no api_key; keys stored already are kept")


def _signs_in_with_oauth(table: Table) -> bool:
    auth = table.text("auth_type", "apikey")
    oauth_provider = table.text("oauth_provider")
    if auth not in ("apikey", "api_key", "oauth"):
        table.error("auth_type", 'must be "apikey" or "oauth"')
    if auth != "oauth" and oauth_provider and table.text("api_key"):
        table.findings.note(table.place, "is left out: the api_key is used", "oauth_provider")
        return False
    return auth == "oauth" or bool(oauth_provider)


def _read_account(table: Table, provider_type: str) -> Flow | None:
    """The flow to sign in by, with a note that somebody has to; None, with another, where no account opens the type."""
    flow = flow_for_file(provider_type, table.text("oauth_provider"))
    if flow is None:
        note = "no account signs in to this type: the provider is imported disabled; set a key and enable it"
    else:
        note = f"is opened by an account ({flow.label}): sign in at its page in the admin, if nobody has yet"
    table.findings.note(table.place, note, "auth_type")
    return flow


def _read_credentials(
    table: Table, reader: _Reader, provider: str, enabled: bool, account: Flow | None
) -> list[CredentialValues]:  # fmt: skip
    credentials = []
    if account is not None:
        label = table.text("oauth_provider") or account.name
        credentials.append(CredentialValues(provider, label, None, flow=account.name))
    secret = "" if account else reader.secret(table, "api_key", lenient=not enabled, stored=True)
    if table.text("api_key") and account is None:
        credentials.append(CredentialValues(provider, FIRST_LABEL, secret or None))
    for row in table.tables("credentials"):
        on = row.flag("enabled", True)
        if _signs_in_with_oauth(row):
            credentials.extend(_read_further_account(row, table.text("provider_type"), provider, on))
            continue
        label = row.text("label", FIRST_LABEL)
        secret = reader.secret(row, "api_key", lenient=not (enabled and on), stored=True)
        if not row.text("api_key"):
            row.error("api_key", "is missing")
        row.finish()
        credentials.append(CredentialValues(provider, label, secret or None, on))
    return credentials


def _read_further_account(row: Table, provider_type: str, provider: str, on: bool) -> list[CredentialValues]:
    named = row.text("oauth_provider")
    label = row.text("label", named or FIRST_LABEL)
    flow = flow_for_file(provider_type, named)
    row.finish()
    if flow is None:
        row.error("auth_type", "no account signs in to a provider of this type; give an api_key")
        return []
    return [CredentialValues(provider, label, None, on, flow.name)]


def _read_model(table: Table, reader: _Reader) -> None:
    name = table.text("name", required=True)
    rows = [(_read_mapping(row, position), row.place) for position, row in enumerate(table.tables("mappings"), 1)]
    rows.sort(key=lambda row: row[0].priority)
    value = ModelValues(
        name=name,
        description=table.text("description"),
        enabled=table.flag("enabled", True),
        mappings=tuple(mapping for mapping, _place in rows),
    )
    table.finish()
    if name:
        reader.keep(model_key(name), value, table, same=str.casefold)
        for rank, (_mapping, place) in enumerate(rows):
            reader.places.setdefault(mapping_key(name, rank), place)


def _read_mapping(table: Table, position: int) -> MappingValues:
    value = MappingValues(
        priority=table.integer("priority", position),
        provider=table.text("provider", required=True),
        actual_model=table.text("actual_model", required=True),
        enabled=table.flag("enabled", True),
        context_window=table.optional_integer("context_window"),
        max_output_tokens=table.optional_integer("max_output_tokens"),
        drill=table.text("drill"),
        first_content_timeout_s=table.optional_number("first_content_timeout_s"),
        idle_timeout_s=table.optional_number("idle_timeout_s"),
        weight=table.integer("weight", 1),
        price=table.text("price"),
        connect_timeout_s=table.optional_number("connect_timeout_s"),
        total_timeout_s=table.optional_number("total_timeout_s"),
    )
    table.finish()
    return value


def _read_router(table: Table | None, reader: _Reader) -> None:
    if table is None:
        return
    routes = {route: _route(table, route, reader) for route in ROUTES}
    value = RouterValues(
        **routes,
        auto_map_regex=table.pattern("auto_map_regex", _DEFAULTS.auto_map_regex),
        auto_map_known=table.flag("auto_map_known", _DEFAULTS.auto_map_known),
        background_regex=table.pattern("background_regex", _DEFAULTS.background_regex),
        think_min_effort=table.text("think_min_effort", _DEFAULTS.think_min_effort),
        connect_timeout_s=table.number("connect_timeout_s", _DEFAULTS.connect_timeout_s),
        first_content_timeout_s=table.number("first_content_timeout_s", _DEFAULTS.first_content_timeout_s),
        idle_timeout_s=table.number("idle_timeout_s", _DEFAULTS.idle_timeout_s),
        total_timeout_s=table.number("total_timeout_s", _DEFAULTS.total_timeout_s),
        capture_bodies=table.text("capture_bodies", _DEFAULTS.capture_bodies),
        capture_max_kb=table.integer("capture_max_kb", _DEFAULTS.capture_max_kb),
        retention_days=table.integer("retention_days", _DEFAULTS.retention_days),
        rollup_days=table.integer("rollup_days", _DEFAULTS.rollup_days),
        continue_streams=table.flag("continue_streams", _DEFAULTS.continue_streams),
        mid_stream_failure=table.text("mid_stream_failure", _DEFAULTS.mid_stream_failure),
        scale_counts=table.flag("scale_counts", _DEFAULTS.scale_counts),
        adaptive_first_content=table.flag("adaptive_first_content", _DEFAULTS.adaptive_first_content),
        hold_thinking_s=table.integer("hold_thinking_s", _DEFAULTS.hold_thinking_s),
    )
    for position, row in enumerate(table.tables("rules"), 1):
        _read_rule(row, position, reader)
    table.finish()
    reader.keep(ROUTER, value, table)


def _route(table: Table, route: str, reader: _Reader) -> str:
    """A route's model. A name that only `providers.models` knows becomes a logical model of that name."""
    name = table.text(route)
    known = {key[1].casefold() for key in reader.values if key[0] == "model"}
    if not name or name.casefold() in known:
        return name
    providers = [value for value in reader.values.values() if isinstance(value, ProviderValues)]
    offering = [provider for provider in providers if name in provider.models_offered]
    if offering:
        mappings = tuple(MappingValues(rank, provider.name, name) for rank, provider in enumerate(offering, 1))
        reader.keep(model_key(name), ModelValues(name, mappings=mappings), table, same=str.casefold)
        reader.findings.note(table.place, f"a logical model {name!r} is made, as a provider lists that name", route)
    elif name == PLACEHOLDER:
        reader.findings.note(
            table.place, f"{PLACEHOLDER!r} is the placeholder of a fresh file: the route is off", route
        )
        return ""
    return name


def _read_rule(table: Table, position: int, reader: _Reader) -> None:
    name = table.text("name", required=True)
    texts: dict[str, Any] = {
        key: table.text(key)
        for key in ("model_regex", "prompt_regex", "header_name", "header_equals", "header_regex", "request_kind")
    }
    value = RuleValues(
        name=name,
        order=table.integer("order", position),
        model=table.text("model", required=True),
        enabled=table.flag("enabled", True),
        has_image=table.optional_flag("has_image"),
        min_input_tokens=table.optional_integer("min_input_tokens"),
        **texts,
    )
    table.finish()
    if name:
        reader.keep(rule_key(name), value, table)
