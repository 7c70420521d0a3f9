"""Who may talk to us: the host they named, and the client key they showed.

A key is looked up by the SHA-256 of the whole of it and compared in constant time.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from proxy import memory, snapshot
from proxy.config import ConfigSnapshot, KeyConfig
from proxy.errors import ApiError, bad_request
from proxy.models.client_key import digest_of

log = logging.getLogger("proxy.auth")

REFUSALS_EVERY_S = 60.0
_PUBLIC_PART = re.compile(r"ccm_[0-9a-f]{8}_")
"""The beginning of a client key, which the admin shows."""
_FORWARDING = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via", "cf-connecting-ip")


def check(headers: Mapping[str, str], client_host: str, config: ConfigSnapshot) -> str:
    """The name of the client key, or "" where none is needed. Raises ApiError (400, 401, 503).

    `headers` has lower-case names. Either of two keys shown may be the valid one.
    """
    host = check_host(headers)
    for shown in _shown_keys(headers):
        if (key := _find(shown, config)) is not None:
            return key.name
    if _key_needed(headers, client_host, host):
        if _shown_keys(headers) and snapshot.in_doubt():
            raise snapshot.unavailable()  # the key may be one that was made since the database went away
        raise _refusal(_shown_keys(headers), client_host)
    return ""


class _Refusals:
    """Refusals for the log: the first one at once, then one line a minute that counts those before it."""

    def __init__(self) -> None:
        self._since, self._silent_until = 0, 0.0

    def note(self, shown: Sequence[str], client_host: str) -> None:
        """Count one. Of a key only its public beginning is told, and of what is no key of ours nothing."""
        self._since += 1
        now = time.monotonic()
        if now < self._silent_until:
            return
        begins = [found[0] for key in shown if (found := _PUBLIC_PART.match(key))]
        what = f"key {begins[0]}…" if begins else "something that is no client key" if shown else "no key"
        log.warning(
            "refused for want of a valid client key: %d, the last from %s, with %s", self._since, client_host, what
        )
        self._since, self._silent_until = 0, now + REFUSALS_EVERY_S


REFUSALS = _Refusals()


def _refusal(shown: Sequence[str], client_host: str) -> ApiError:
    """What somebody is told who showed no valid key where one is needed; the log learns of it."""
    REFUSALS.note(shown, client_host)
    words = "a client key is required: send it as x-api-key or Authorization: Bearer"
    if shown:
        words = "this client key is unknown, revoked or expired: see Client keys in the admin"
    made = "(manage.py createclientkey NAME makes one)"
    return ApiError(401, "authentication_error", f"{words} {made}", {"x-should-retry": "false"})


def check_host(headers: Mapping[str, str]) -> str:
    """The host that the client named, a port included. Raises ApiError (400) when it is not one of ours."""
    host = headers.get("host", "")
    if not _is_ours(host, tuple(settings.ALLOWED_HOSTS)):
        raise bad_request("the Host header names a host that is not in ALLOWED_HOSTS")
    return host


@lru_cache(maxsize=64)
def _is_ours(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def check_scraper(headers: Mapping[str, str], client_host: str) -> None:
    """Let in who shows CCM_METRICS_TOKEN, or asks from this machine. Raises ApiError (400, 401)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    wanted: str = settings.CCM_METRICS_TOKEN
    if wanted and scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted.encode()):
        return
    if not is_local(headers, client_host, check_host(headers)):
        raise ApiError(
            401, "authentication_error",
            "metrics are for this machine, or for who sends Authorization: Bearer with CCM_METRICS_TOKEN",
        )  # fmt: skip


def gate(method: str, path: str, headers: list[tuple[bytes, bytes]], client_host: str) -> ApiError | None:
    """The same check for a server that has read only the headers: None to go on, else the refusal.

    While there is no configuration nobody can be told from anybody: 503, before a body is read.
    """
    if not path.startswith("/v1/"):
        return None
    config = snapshot.loaded()
    if config is None:
        return snapshot.unavailable()
    try:
        check(header_map(headers), client_host, config)
        memory.admit()
    except ApiError as error:
        return error
    return None


def header_map(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI headers as a mapping with lower-case names; repeated `anthropic-beta` values are joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found and name == "anthropic-beta" else value
    return found


def _shown_keys(headers: Mapping[str, str]) -> list[str]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    shown = [headers.get("x-api-key", "").strip(), token.strip() if scheme.lower() == "bearer" else ""]
    return [key for key in shown if key]


def _find(shown: str, config: ConfigSnapshot) -> KeyConfig | None:
    digest = digest_of(shown)
    key = config.keys.get(digest)
    if key is None or not hmac.compare_digest(key.digest, digest):
        return None
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return None
    return key


def _key_needed(headers: Mapping[str, str], client_host: str, host: str) -> bool:
    mode = settings.CCM_REQUIRE_CLIENT_KEY
    if mode != "auto":
        return bool(mode == "always")
    return not is_local(headers, client_host, host)


def is_local(headers: Mapping[str, str], client_host: str, host: str) -> bool:
    """Whether a request comes from this machine itself, by no way that leads here from another."""
    if any(name in headers for name in _FORWARDING):
        return False
    return _is_loopback(client_host) and _is_loopback(split_domain_port(host)[0])


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
