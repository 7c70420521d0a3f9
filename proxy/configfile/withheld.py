"""What an upload does not say itself: keys and headers as variables, or masked, that are stored already. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.configfile.parse import ParsedFile
from proxy.configfile.plan import same_server
from proxy.configfile.values import CredentialValues, Key, ProviderValues, State, Value, provider_key

_INSTEAD = (
    "no variable is read from an upload: write the value itself, set it in the admin, or import the file with "
    "manage.py importconfig"
)


def settle(current: State, parsed: ParsedFile) -> ParsedFile:
    """The file with stored values where it withholds its own; a finding where nothing is stored.

    So what was downloaded, with a placeholder for each secret, can be uploaded again.
    """
    if not parsed.withheld:
        return parsed
    values: dict[Key, Value] = dict(parsed.values)
    for key, value in parsed.values.items():
        if isinstance(value, CredentialValues) and value.secret is None and not value.flow:
            _settle_key(key, value, current, parsed)
        elif isinstance(value, ProviderValues):
            values[key] = _with_headers(key, value, current, parsed)
    return replace(parsed, values=values)


def _settle_key(key: Key, value: CredentialValues, current: State, parsed: ParsedFile) -> None:
    place = parsed.places[key]
    owner = parsed.values.get(provider_key(value.provider))
    if key in current:
        parsed.findings.note(place, f"stands for the stored key {value.label!r}, which is kept", "api_key")
    elif value.enabled and isinstance(owner, ProviderValues) and owner.enabled:
        parsed.findings.error(place, f"no key {value.label!r} is stored, and {_INSTEAD}", "api_key")
    else:
        parsed.findings.note(place, f"no key {value.label!r} is stored: it is left out", "api_key")


def _with_headers(key: Key, value: ProviderValues, current: State, parsed: ParsedFile) -> ProviderValues:
    place = parsed.places[key]
    held = {where.partition(".")[2] for spot, where in parsed.withheld if spot == place and where != "api_key"}
    if not held:
        return value
    before = current.get(key)
    # As with keys: what is stored never goes to another server only because the address changes.
    known: Mapping[str, str] = (
        dict(before.headers) if isinstance(before, ProviderValues) and same_server(before, value) else {}
    )
    for name in sorted(held):
        if name in known:
            parsed.findings.note(place, "stands for the stored value, which is kept", f"headers.{name}")
        else:
            words = f"no such header is stored for this server, and {_INSTEAD}"
            parsed.findings.error(place, words, f"headers.{name}")
    headers = ((name, known.get(name, "") if name in held else text) for name, text in value.headers)
    return replace(value, headers=tuple(headers))
