"""What a form may hold: each validator's message names the fix."""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from providers.presets import ECHO_URL

# All of these are used with fullmatch: `$` would let a line end through.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_HOST = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.?")
_FIXED_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
_METADATA_HOSTS = {"metadata.google.internal", "metadata", "instance-data"}

MIN_WAIT_S, MAX_WAIT_S = 0.1, 86_400
"""The shortest and the longest wait that can be set, in seconds."""


def validate_name(value: str) -> None:
    """A name people put in model fields and headers: printable, no comma, no leading blank."""
    if not value or not value.isprintable() or "," in value or value != value.strip():
        raise ValidationError("Use printable characters without a comma; no blank at either end.")


def validate_base_url(value: str) -> None:
    """An address we may send a key to: http(s), a host, a sane port, no query, not a metadata service."""
    if value == ECHO_URL:
        return
    if not value.isprintable() or any(c.isspace() for c in value):
        raise ValidationError("The base URL holds a blank or an unprintable character.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValidationError(f"The base URL cannot be read: {error}.") from error
    if parts.scheme not in ("http", "https"):
        raise ValidationError("The base URL must start with http:// or https://.")
    if not parts.hostname or not _is_host(parts.hostname, "[" in parts.netloc):
        raise ValidationError("The base URL needs a host name, such as https://api.example.com/v1.")
    if parts.username or parts.password or parts.query or parts.fragment or "#" in value or "?" in value:
        raise ValidationError("The base URL must not hold a user name, a query or a fragment.")
    if port == 0:
        raise ValidationError("The base URL's port must be between 1 and 65535.")
    if _is_metadata(parts.hostname):
        raise ValidationError("The base URL points at a link-local or metadata address, which is never a provider.")


def _is_host(host: str, bracketed: bool) -> bool:
    if bracketed:
        return isinstance(_address(host), ipaddress.IPv6Address)
    return _HOST.fullmatch(host) is not None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host name spells, in any of the forms that connecting accepts (2852039166, 0xa9.0xfe.1)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def _is_metadata(host: str) -> bool:
    if host.rstrip(".").lower() in _METADATA_HOSTS:
        return True
    address = _address(host)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local or mapped.is_multicast or str(mapped) in ("fd00:ec2::254", "192.0.0.192"))


def validate_headers(value: Any) -> None:
    """Extra request headers: an object of legal names and printable ASCII values."""
    if not isinstance(value, dict):
        raise ValidationError('Give the headers as a JSON object, such as {"X-Title": "my proxy"}.')
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or name.lower() in _FIXED_HEADERS:
            raise ValidationError(f"{name!r} is not a header that can be set here.")
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise ValidationError(f"The value of {name} must be printable ASCII text.")


def validate_names(value: Any) -> None:
    """A JSON list of model names."""
    if not isinstance(value, list) or not all(isinstance(n, str) and n.strip() and n.isprintable() for n in value):
        raise ValidationError('Give the models as a JSON list of names, such as ["glm-4.6"].')


def validate_wait(value: float) -> None:
    """A wait in seconds that neither always nor never ends."""
    if not math.isfinite(value) or not MIN_WAIT_S <= value <= MAX_WAIT_S:
        raise ValidationError(f"Enter seconds, from {MIN_WAIT_S:g} to {MAX_WAIT_S}.")
