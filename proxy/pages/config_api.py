"""/api/config: the configuration as JSON, and its import, for scripts of somebody who is signed in to the admin."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from providers.vault import VaultError
from proxy.configfile import upload
from proxy.configfile.display import result_content, state_content
from proxy.configfile.importing import MAX_BYTES, UnreadableFile, decoded, import_text
from proxy.configfile.parse import Syntax
from proxy.configfile.rows import load_state

_SYNTAXES: dict[str, Syntax] = {"application/json": "json", "application/toml": "toml", "text/plain": "toml"}


class _Csrf(CsrfViewMiddleware):
    """Django's check, whose refusal is the reason in words and no page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


@never_cache
@csrf_exempt  # checked below, for an answer that is JSON
def config(request: HttpRequest) -> HttpResponse:
    """GET: the configuration, secrets masked. POST: import TOML or JSON; `?dry_run=1`, `?prune=1`."""
    if (refusal := _refused(request)) is not None:
        return refusal
    if request.method != "POST":
        get_token(request)  # the cookie that a POST needs
        return JsonResponse(state_content(load_state()))
    try:
        if unknown := [name for name in request.GET if name not in ("dry_run", "prune")]:
            return _error(400, f"there is no parameter {unknown[0]}; there are dry_run and prune")
        body, syntax = _sent(request)
        dry_run = _flag(request, "dry_run")
        result = import_text(body, None, prune=_flag(request, "prune"), dry_run=dry_run, syntax=syntax)
    except UnreadableFile as error:
        return _error(400, str(error))
    except VaultError as error:
        return _error(503, str(error))
    return JsonResponse(result_content(result, dry_run=dry_run), status=422 if result.errors else 200)


def _refused(request: HttpRequest) -> HttpResponse | None:
    if request.method not in ("GET", "HEAD", "POST"):
        return _error(405, "use GET to read the configuration, POST to import one", {"allow": "GET, HEAD, POST"})
    if not (request.user.is_active and request.user.is_staff):
        return _error(401, "sign in at /admin/ as staff and send the session's cookie; client keys open /v1 only")
    if request.method == "POST" and (reason := _csrf_reason(request)):
        return _error(403, f"{reason} Send the value of the csrftoken cookie in the header X-CSRFToken")
    needed = upload.CHANGE if request.method == "POST" else upload.VIEW
    if lacking := [name for name in needed if not request.user.has_perm(name)]:
        return _error(403, f"this takes rights that you do not have ({', '.join(lacking[:3])}…): ask for Operator")
    return None


def _csrf_reason(request: HttpRequest) -> str:
    check = _Csrf(_nothing)
    check.process_request(request)
    return str(check.process_view(request, _nothing, (), {}) or "")


def _nothing(request: HttpRequest) -> HttpResponse:
    """The view that Django's check wants to see."""
    return HttpResponse()


def _sent(request: HttpRequest) -> tuple[str, Syntax]:
    """The body and what it is written in. Raises UnreadableFile."""
    syntax = _SYNTAXES.get((request.content_type or "").lower())
    if syntax is None:
        raise UnreadableFile(f"send the file as it is, with a Content-Type of {', '.join(_SYNTAXES)}")
    try:
        if int(request.headers.get("content-length") or 0) > MAX_BYTES:
            raise UnreadableFile("the body is larger than 1 MB, which no configuration file is")
        return decoded(request.body, "the body"), syntax
    except RequestDataTooBig as error:
        raise UnreadableFile("the body is larger than 1 MB, which no configuration file is") from error


def _flag(request: HttpRequest, name: str) -> bool:
    """Raises UnreadableFile for what is neither yes nor no: a misspelt dry run must not write."""
    value = request.GET.get(name, "0").lower()
    if value not in ("0", "1", "true", "false"):
        raise UnreadableFile(f"{name} must be 0 or 1")
    return value in ("1", "true")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"ok": False, "errors": [message]}, status=status, headers=headers)
