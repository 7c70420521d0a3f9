"""A token endpoint's answer → tokens, or the vendor's refusal. Pure: the answer's moment is the caller's."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.errors import Failure, FailureKind, plain_words
from providers.oauth.flows import Flow, Path
from providers.targets import Secret

MAX_WORDS = 200
"""Characters of a vendor's refusal that anybody gets to see."""
USUAL_LIFETIME_S = 3600.0
"""How long an access token is taken to last whose answer does not say, or says nonsense."""
MAX_LIFETIME_S = 30 * 86_400.0
"""However long a token is said to last, it is renewed once in that time."""
MAX_TEXT = 200
"""Characters of an account's name, id or project that are kept."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in or a refresh gives. `refresh` is empty when the vendor keeps the old one in force."""

    access: Secret
    refresh: Secret
    lifetime_s: float
    """Seconds from the answer on, between one second and MAX_LIFETIME_S."""
    scopes: tuple[str, ...] = ()
    account_label: str = ""
    account_id: str = ""
    project: str = ""


class TokenRefused(Exception):
    """The token endpoint gave no tokens. `dead`: only signing in anew helps; else it may work later."""

    def __init__(self, words: str, *, dead: bool = False, status: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.dead = dead
        self.status = status


def tokens_of(flow: Flow, status: int, body: bytes, hidden: tuple[str, ...] = ()) -> Tokens:
    """The tokens in an answer. Raises TokenRefused, whose words hold none of `hidden` and no token of the answer."""
    answer = _object(body)
    if status != 200:
        raise _refusal(flow, status, answer, body, hidden)
    access = _text(answer.get("access_token"))
    if not access:
        page = plain_words(body.decode("utf-8", "replace")) if body.lstrip()[:1] == b"<" else "no access token in it"
        raise TokenRefused(f"the token server's answer cannot be used: {page}", status=status)
    sources = {
        "answer": answer, "id_token": claims(_text(answer.get("id_token"))), "access_token": claims(access),
    }  # fmt: skip
    return Tokens(
        Secret(access),
        Secret(_text(answer.get("refresh_token"))),
        _lifetime(answer.get("expires_in"), sources["access_token"]),
        tuple(_text(answer.get("scope")).split()),
        _first(flow.account_label, sources),
        _first(flow.account_id, sources),
        _first(flow.project, sources),
    )


def claims(jwt: str) -> Mapping[str, Any]:
    """The claims of a JWT as it came from its issuer over TLS; empty when it is none. The signature is not judged."""
    parts = jwt.split(".")
    if len(parts) != 3:
        return {}
    try:
        return _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}


def _refusal(
    flow: Flow, status: int, answer: Mapping[str, Any], body: bytes, hidden: tuple[str, ...]
) -> TokenRefused:  # fmt: skip
    error, described = answer.get("error"), answer.get("error_description")
    nested: Mapping[str, Any] = error if isinstance(error, dict) else {}
    codes = [error, nested.get("code"), nested.get("type"), answer.get("code")]
    said = [_text(error), _text(described), _text(nested.get("code")), _text(nested.get("message")),
            _text(answer.get("message"))]  # fmt: skip
    words = ": ".join(dict.fromkeys(filter(None, said))) or body.decode("utf-8", "replace")
    cleaned = Failure(FailureKind.REJECTED, plain_words(words)).scrubbed(*hidden).message
    dead = status in (400, 401, 403) and any(code in flow.dead for code in codes if isinstance(code, str))
    return TokenRefused(plain_words(f"{status} {cleaned}", MAX_WORDS), dead=dead, status=status)


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) and "\x00" not in value else ""


def _first(paths: tuple[Path, ...], sources: Mapping[str, Mapping[str, Any]]) -> str:
    for path in paths:
        found: Any = sources
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, str) and found.strip():
            return plain_words(found, MAX_TEXT)
    return ""


def _lifetime(told: Any, access: Mapping[str, Any]) -> float:
    """`expires_in`, else what the access token says of itself, else the usual; within bounds."""
    issued, expires = _number(access.get("iat")), _number(access.get("exp"))
    itself = expires - issued if issued is not None and expires is not None else None
    for seconds in (_number(told), itself):
        if seconds is not None and seconds >= 1:
            return min(seconds, MAX_LIFETIME_S)
    return USUAL_LIFETIME_S


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
