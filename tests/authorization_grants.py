"""What the tests' authorization server knows: clients, codes, tokens; oauthlib asks it and does the protocol."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass

from oauthlib.oauth2.rfc6749 import errors
from oauthlib.openid import RequestValidator

CODE_S = 600.0
"""Seconds that a code can be exchanged."""
ACCOUNT, EMAIL = "acct-0123", "user@example.com"


@dataclass(frozen=True)
class Client:
    """Somebody who may ask. `encoding`: the body its token calls must have; `secret`: empty for public clients."""

    client_id: str
    redirect_uris: tuple
    encoding: str = "form"
    secret: str = ""
    extra: tuple = ()
    """Members of its token answers beside the usual ones."""


@dataclass
class Family:
    """What one consent has led to: all the tokens that come of it live and die together."""

    client_id: str
    scopes: list
    revoked: bool = False


@dataclass
class Code:
    """A code that is out. `spent`: it has been exchanged."""

    family: Family
    redirect_uri: str
    challenge: str
    state: str
    nonce: str
    expires: float
    spent: bool = False


@dataclass
class Refresh:
    """A refresh token that is out. `rotated`: when a newer one took its place."""

    family: Family
    rotated: float | None = None


def jwt(claims, key=b"the key of the tests"):
    """The claims as a token signed with HS256."""
    head, body = (_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{head}.{body}.{_b64(hmac.digest(key, f'{head}.{body}'.encode(), hashlib.sha256))}"


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Grants(RequestValidator):
    """The state of the server. Times are this object's own: `skip(seconds)` lets them pass at once."""

    def __init__(self):
        self.clients, self.codes, self.refreshes, self.accesses = {}, {}, {}, {}
        self.expires_in = 3600
        """Seconds an access token lives."""
        self.grace_s = 0.0
        """Seconds a rotated refresh token is still taken."""
        self.account, self.email = ACCOUNT, EMAIL
        self.reused = 0
        """How often a rotated refresh token came back, in the grace or after."""
        self.rotated = 0
        self._skipped = 0.0

    def now(self):
        return time.monotonic() + self._skipped

    def skip(self, seconds):
        self._skipped += seconds

    def accepts(self, access_token):
        """Whether a resource server would take this access token now."""
        family, expires = self.accesses.get(access_token, (None, 0.0))
        return family is not None and not family.revoked and self.now() < expires

    # Clients

    def validate_client_id(self, client_id, request, *args, **kwargs):
        request.client = self.clients.get(client_id)
        return request.client is not None

    def validate_redirect_uri(self, client_id, redirect_uri, request, *args, **kwargs):
        return redirect_uri in self.clients[client_id].redirect_uris

    def get_default_redirect_uri(self, client_id, request, *args, **kwargs):
        return None

    def client_authentication_required(self, request, *args, **kwargs):
        client = self.clients.get(request.client_id)
        return client is not None and bool(client.secret)

    def authenticate_client(self, request, *args, **kwargs):
        known = self.validate_client_id(request.client_id, request)
        return known and hmac.compare_digest(request.client_secret or "", request.client.secret)

    def authenticate_client_id(self, client_id, request, *args, **kwargs):
        return self.validate_client_id(client_id, request)

    def validate_grant_type(self, client_id, grant_type, client, request, *args, **kwargs):
        return grant_type in ("authorization_code", "refresh_token")

    # Consent

    def validate_response_type(self, client_id, response_type, client, request, *args, **kwargs):
        return response_type == "code"

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return bool(scopes)

    def get_default_scopes(self, client_id, request, *args, **kwargs):
        return []

    def is_pkce_required(self, client_id, request):
        if request.code_challenge is not None and request.code_challenge_method != "S256":
            raise errors.UnsupportedCodeChallengeMethodError(request=request)
        return True

    def save_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code["code"]] = Code(
            Family(client_id, list(request.scopes)), request.redirect_uri, request.code_challenge,
            request.state or "", request.nonce or "", self.now() + CODE_S,
        )  # fmt: skip

    def validate_user_match(self, id_token_hint, scopes, claims, request):
        return True

    # Exchange

    def get_authorization_code_scopes(self, client_id, code, redirect_uri, request):
        return self.codes[code].family.scopes if code in self.codes else []

    def get_authorization_code_nonce(self, client_id, code, redirect_uri, request):
        return self.codes[code].nonce

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        """A code is good once, for its own client, for ten minutes; one that comes twice ends all that came of it."""
        found = self.codes.get(code)
        if found is None or found.family.client_id != client_id:
            return False
        if found.spent:
            found.family.revoked = True
        told = dict(request.decoded_body).get("state")
        if found.spent or self.now() >= found.expires or told not in (None, found.state):
            return False
        request.scopes, request.user, request.family = found.family.scopes, self.email, found.family
        return True

    def get_code_challenge(self, code, request):
        return self.codes[code].challenge

    def get_code_challenge_method(self, code, request):
        return "S256"

    def confirm_redirect_uri(self, client_id, code, redirect_uri, client, request, *args, **kwargs):
        return self.codes[code].redirect_uri == redirect_uri

    def invalidate_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code].spent = True

    # Refresh

    def validate_refresh_token(self, refresh_token, client, request, *args, **kwargs):
        """The newest of its family, or a rotated one within the grace; a later one ends the family."""
        found = self.refreshes.get(refresh_token)
        if found is None or found.family.client_id != client.client_id:
            return False
        if found.rotated is not None:
            self.reused += 1
            if self.now() - found.rotated > self.grace_s or not self.grace_s:
                found.family.revoked = True
        if found.family.revoked:
            return False
        request.family, request.user = found.family, self.email
        return True

    def get_original_scopes(self, refresh_token, request, *args, **kwargs):
        return self.refreshes[refresh_token].family.scopes

    def rotate_refresh_token(self, request):
        return True

    def refresh_id_token(self, request):
        return True

    # Tokens

    def new_access_token(self, request):
        """A JWT of the account's claims for those who asked for `openid`, else an opaque one."""
        if "openid" in request.scopes:
            return jwt({**self._claims(), "jti": secrets.token_hex(8)})
        return f"access-{secrets.token_urlsafe(24)}"

    def new_refresh_token(self, request):
        return f"refresh-{secrets.token_urlsafe(24)}"

    def get_id_token(self, token, token_handler, request):
        return jwt({**self._claims(), "aud": request.client_id, "email": self.email, "email_verified": True})

    def _claims(self):
        return {
            "iss": "https://auth.example.test", "sub": "user-1", "iat": int(time.time()),
            "exp": int(time.time()) + self.expires_in,
            "https://api.openai.com/auth": {"chatgpt_account_id": self.account, "chatgpt_plan_type": "plus"},
        }  # fmt: skip

    def save_bearer_token(self, token, request, *args, **kwargs):
        self.accesses[token["access_token"]] = (request.family, self.now() + self.expires_in)
        self.refreshes[token["refresh_token"]] = Refresh(request.family)
        if request.refresh_token:
            self.rotated += 1
            old = self.refreshes[request.refresh_token]
            old.rotated = self.now() if old.rotated is None else old.rotated
