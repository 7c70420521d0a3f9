"""The flows: where an account of a vendor is signed in to, as whom, and what the answers hold.

A flow is a row. To add one, add a row; nothing else in the tree knows flows by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["json", "form"]
Redirect = Literal["paste", "loopback", "own"]
Path = tuple[str, ...]
"""Where a value stands: "answer", "id_token" or "access_token" (a JWT's claims), then the keys to go down."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to sign in. Its URLs are literal: nothing is ever redirected to from outside this table."""

    name: str
    label: str
    """What people call such an account."""
    authorize_url: str
    token_url: str
    client_id: str
    """The public id of the vendor's own installed application; no secret."""
    opens: tuple[str, ...]
    """The presets whose providers this account opens."""
    ccm_types: tuple[str, ...]
    """The provider types under which Claude Code Mux signs in such an account, beside the presets' own names."""
    scopes: tuple[str, ...]
    env: str
    """`{env}_CLIENT_ID` and `{env}_CLIENT_SECRET` in the environment say to sign in as another client."""
    redirect: Redirect
    """paste: the vendor shows `code#state` to be copied; loopback: a port of this machine that the vendor has
    registered; own: any loopback address, such as this service's own port."""
    redirect_uri: str = ""
    """The registered URI; empty for `own`, where whoever begins says it."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further parameters of the authorize URL."""
    encoding: Encoding = "form"
    """How the token URL wants its body."""
    sends_state: bool = False
    """The exchange repeats the state."""
    needs_secret: bool = False
    """The vendor asks for a client secret, which is never part of this repository."""
    account_label: tuple[Path, ...] = ()
    """Where the account's name for people stands; the first that is there counts."""
    account_id: tuple[Path, ...] = ()
    project: tuple[Path, ...] = ()
    dead: tuple[str, ...] = ("invalid_grant",)
    """Error codes of the token URL after which only signing in anew helps."""


_OPENAI_AUTH = "https://api.openai.com/auth"
_GOOGLE = "https://www.googleapis.com/auth/"
_CLAUDE_CLIENT = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
_CLAUDE_TOKENS = "https://console.anthropic.com/v1/oauth/token"
_CLAUDE_CALLBACK = "https://console.anthropic.com/oauth/code/callback"
_CLAUDE_SCOPES = ("org:create_api_key", "user:profile", "user:inference")
_CLAUDE_LABEL = (("answer", "account", "email_address"), ("answer", "organization", "name"))
_CLAUDE_ID = (("answer", "account", "uuid"),)

_ROWS = (
    Flow(
        "anthropic", "Claude Pro or Max", "https://claude.ai/oauth/authorize", _CLAUDE_TOKENS, _CLAUDE_CLIENT,
        opens=("anthropic",), ccm_types=(), scopes=_CLAUDE_SCOPES, env="ANTHROPIC_OAUTH", redirect="paste",
        redirect_uri=_CLAUDE_CALLBACK, extra=(("code", "true"),), encoding="json", sends_state=True,
        account_label=_CLAUDE_LABEL, account_id=_CLAUDE_ID,
    ),
    Flow(
        "anthropic-console", "Anthropic Console", "https://console.anthropic.com/oauth/authorize", _CLAUDE_TOKENS,
        _CLAUDE_CLIENT,
        opens=("anthropic",), ccm_types=(), scopes=_CLAUDE_SCOPES, env="ANTHROPIC_OAUTH", redirect="paste",
        redirect_uri=_CLAUDE_CALLBACK, extra=(("code", "true"),), encoding="json", sends_state=True,
        account_label=_CLAUDE_LABEL, account_id=_CLAUDE_ID,
    ),
    Flow(
        "openai", "ChatGPT Plus, Pro or Team", "https://auth.openai.com/oauth/authorize",
        "https://auth.openai.com/oauth/token", "app_EMoamEEZ73f0CkXaXp7hrann",
        opens=("codex",), ccm_types=("openai",),
        scopes=("openid", "profile", "email", "offline_access"), env="OPENAI_OAUTH",
        redirect="loopback", redirect_uri="http://localhost:1455/auth/callback",
        extra=(
            ("id_token_add_organizations", "true"), ("codex_cli_simplified_flow", "true"),
            ("originator", "codex_cli_rs"),
        ),
        account_label=(("id_token", "email"), ("access_token", "https://api.openai.com/profile", "email")),
        account_id=(
            ("id_token", _OPENAI_AUTH, "chatgpt_account_id"), ("access_token", _OPENAI_AUTH, "chatgpt_account_id"),
        ),
        dead=("invalid_grant", "refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"),
    ),
    Flow(
        "google", "Google account (Gemini Code Assist)", "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
        opens=("code-assist",), ccm_types=("gemini",),
        scopes=(f"{_GOOGLE}cloud-platform", f"{_GOOGLE}userinfo.email", f"{_GOOGLE}userinfo.profile"),
        env="GOOGLE_OAUTH", redirect="own", extra=(("access_type", "offline"), ("prompt", "consent")),
        needs_secret=True,
        account_label=(("id_token", "email"),), account_id=(("id_token", "sub"),), project=(("answer", "project_id"),),
    ),
)  # fmt: skip

FLOWS: dict[str, Flow] = {row.name: row for row in _ROWS}


def flows_for(preset: str) -> tuple[Flow, ...]:
    """The flows that open providers of a preset, the usual one first; none where a vendor takes keys only."""
    return tuple(flow for flow in FLOWS.values() if preset in flow.opens)


def flow_for_file(provider_type: str, named: str) -> Flow | None:
    """The flow that a configuration file means by a provider type and a name, which may be a flow's or anybody's."""
    fitting = [flow for flow in FLOWS.values() if provider_type in (*flow.opens, *flow.ccm_types)]
    by_name = [flow for flow in fitting if flow.name == named]
    return next(iter(by_name or fitting), None)
