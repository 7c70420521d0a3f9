"""What is sent to a vendor to sign in, and what people bring back from there. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from providers.errors import plain_words
from providers.oauth.flows import Flow
from providers.oauth.pkce import challenge
from providers.oauth.tokens import MAX_WORDS
from providers.targets import Secret, UpstreamRequest


@dataclass(frozen=True, slots=True)
class Client:
    """As whom we ask: a client id, and its secret where the vendor wants one."""

    client_id: str
    secret: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class Pasted:
    """What somebody brought back from the vendor's page."""

    code: Secret
    state: str = field(repr=False)


class CodeUnreadable(ValueError):
    """What was pasted is no code, or a refusal; the message says what to do."""


def authorize_url(flow: Flow, client: Client, redirect_uri: str, state: str, verifier: str) -> str:
    """Where somebody's browser goes to say yes. It holds the verifier's challenge, never the verifier."""
    query = {
        **dict(flow.extra),
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(flow.scopes),
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{flow.authorize_url}?{urlencode(query)}"


def code_request(
    flow: Flow, client: Client, redirect_uri: str, code: str, state: str, verifier: str
) -> UpstreamRequest:  # fmt: skip
    """The call that turns a code into tokens."""
    members = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    if flow.sends_state:
        members["state"] = state
    return _request(flow, client, members)


def refresh_request(flow: Flow, client: Client, refresh: str) -> UpstreamRequest:
    """The call that turns a refresh token into fresh tokens."""
    return _request(flow, client, {"grant_type": "refresh_token", "refresh_token": refresh})


def pasted(text: str) -> Pasted:
    """Read `code#state` or the whole address that the vendor led to. Raises CodeUnreadable."""
    text = text.strip()
    if text.lower().startswith(("http://", "https://")):
        return _from_address(text)
    code, mark, state = text.partition("#")
    if not mark or not state.strip() or not code.strip():
        raise CodeUnreadable("paste the whole code, with the part after #, or the whole address of the last page")
    return Pasted(Secret(code.strip()), state.strip())


def from_callback(query: Mapping[str, str]) -> Pasted:
    """What a redirect's query brings. Raises CodeUnreadable, with the vendor's words when it refused."""
    if query.get("error"):
        said = ": ".join(filter(None, (query["error"], query.get("error_description", ""))))
        raise CodeUnreadable(f"the vendor refused: {plain_words(said, MAX_WORDS)}")
    if not query.get("code") or not query.get("state"):
        raise CodeUnreadable("the address holds no code and state; start the sign-in again")
    return Pasted(Secret(query["code"]), query["state"])


def _from_address(text: str) -> Pasted:
    try:
        query = parse_qs(urlsplit(text).query, max_num_fields=50)
    except ValueError:
        raise CodeUnreadable("the address cannot be read; copy it whole from the browser") from None
    return from_callback({name: values[0] for name, values in query.items()})


def _request(flow: Flow, client: Client, members: Mapping[str, str]) -> UpstreamRequest:
    whole = {**members, "client_id": client.client_id}
    if client.secret:
        whole["client_secret"] = client.secret.reveal()
    as_json = flow.encoding == "json"
    body = json.dumps(whole) if as_json else urlencode(whole)
    headers = {
        "content-type": "application/json" if as_json else "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    return UpstreamRequest("POST", flow.token_url, headers, body.encode())
