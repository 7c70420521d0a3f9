"""System checks: each has a number, says what is wrong, and hints at the fix."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

_SWITCHES = ("DEBUG", "CCM_HTTPS")
_SWITCH_WORDS = {"", "true", "on", "ok", "y", "yes", "1", "false", "off", "n", "no", "0"}


def register_checks() -> None:
    """Have Django run the checks; called once, when the app is ready."""
    for check in (check_secrets, check_environment, check_hosts, check_client_keys):
        register(check)


def check_secrets(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """ccm.E001 to E003: SECRET_KEY and CCM_FIELD_KEYS are there and fit."""
    messages: list[CheckMessage] = []
    try:
        secret_key = settings.SECRET_KEY
    except ImproperlyConfigured:
        secret_key = ""
    if not secret_key:
        hint = "Run `manage.py quickstart`, which writes one to .env, or set SECRET_KEY or SECRET_KEY_FILE."
        messages.append(Error("SECRET_KEY is not set.", hint=hint, id="ccm.E001"))
    if not settings.CCM_FIELD_KEYS:
        hint = "Run `manage.py quickstart`, which writes one to .env, or set CCM_FIELD_KEYS or CCM_FIELD_KEYS_FILE."
        messages.append(Error("CCM_FIELD_KEYS is not set: secrets cannot be stored.", hint=hint, id="ccm.E002"))
    for position, key in enumerate(settings.CCM_FIELD_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            hint = (
                "Each key is 32 bytes in URL-safe base64, keys are separated by commas. Make one with: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            )
            messages.append(Error(f"Key {position} of CCM_FIELD_KEYS is no Fernet key.", hint=hint, id="ccm.E003"))
    return messages


def check_environment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """ccm.E004 and E005: values in the environment that are not what their variable takes."""
    messages: list[CheckMessage] = []
    for complaint in settings.CCM_COMPLAINTS:
        name = complaint.split(" ", 1)[0]
        hint = f"Correct {name} in .env or the environment, or remove it to use the default."
        messages.append(Error(f"{complaint}.", hint=hint, id="ccm.E004"))
    for name in _SWITCHES:
        text = os.environ.get(name, "")
        if text.strip().lower() not in _SWITCH_WORDS:
            hint = f"Set {name} to true or false, or remove it; as it is, it counts as false."
            messages.append(Error(f"{name} must be true or false, not {text!r}.", hint=hint, id="ccm.E005"))
    return messages


def check_hosts(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """ccm.E006 to E008 and W001: who may reach this server, and from which pages."""
    messages: list[CheckMessage] = []
    outside = _outside_hosts()
    if settings.DEBUG and outside:
        hint = "Set DEBUG=false: error pages show settings and source code. Or leave only loopback in ALLOWED_HOSTS."
        text = f"DEBUG is on while ALLOWED_HOSTS lets others in ({', '.join(outside)})."
        messages.append(Error(text, hint=hint, id="ccm.E006"))
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if "://" not in origin:
            hint = f"Write the scheme too: CSRF_TRUSTED_ORIGINS=https://{origin}"
            text = f"CSRF_TRUSTED_ORIGINS holds {origin!r}, which has no scheme."
            messages.append(Error(text, hint=hint, id="ccm.E007"))
    for host in settings.ALLOWED_HOSTS:
        bracketed = host.startswith("[") and host.endswith("]")
        if "/" in host or (":" in host and not bracketed):
            hint = "Write the host name alone, such as ALLOWED_HOSTS=ccm.example.com; an IPv6 address in brackets."
            text = f"ALLOWED_HOSTS holds {host!r}, which no request can match: it has a scheme, port or path."
            messages.append(Error(text, hint=hint, id="ccm.E008"))
    if "*" in settings.ALLOWED_HOSTS:
        hint = "List the host names that clients use, such as ALLOWED_HOSTS=ccm.example.com,127.0.0.1."
        text = "ALLOWED_HOSTS is *, so any web page can reach this server through DNS rebinding."
        messages.append(Warning(text, hint=hint, id="ccm.W001"))
    return messages


def check_client_keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """ccm.W002: strangers could spend the providers' money."""
    outside = _outside_hosts()
    if settings.CCM_REQUIRE_CLIENT_KEY != "never" or not outside:
        return []
    hint = "Set CCM_REQUIRE_CLIENT_KEY=auto (no key for clients on this machine) or always."
    text = f"No client key is asked for while ALLOWED_HOSTS lets others in ({', '.join(outside)})."
    return [Warning(text, hint=hint, id="ccm.W002")]


def _outside_hosts() -> list[str]:
    return [host for host in settings.ALLOWED_HOSTS if not _is_loopback(host)]


def _is_loopback(host: str) -> bool:
    if host.lower().strip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
