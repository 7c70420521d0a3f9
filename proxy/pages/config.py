"""The configuration as a file: upload it, see what it would change, apply it; download it without secrets."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from providers.vault import VaultError
from proxy.configfile import upload
from proxy.configfile.excerpt import excerpt
from proxy.configfile.export import export
from proxy.configfile.importing import ImportResult, UnreadableFile
from proxy.configfile.rows import load_state
from proxy.pages.base import Page

MAX_SHOWN = 200
"""Findings, and changes, that a page lists."""


class ConfigPage(Page):
    """A form; what came of it is shown below it."""

    title = "Import and export"
    template_name = "admin/pages/config.html"
    permission = "proxy.view_routersettings"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The empty form."""
        return self._form(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The plan of what was sent or, when that plan was confirmed, what came of it."""
        if not request.user.has_perms(upload.CHANGE):
            raise PermissionDenied
        prune = request.POST.get("prune") == "on"
        seal = request.POST.get("seal", "")
        try:
            files: list[Any] = list(request.FILES.getlist("file"))
            text = upload.text_of(files, request.POST.get("text", ""))
            result = upload.apply(text, seal, prune=prune) if seal else upload.plan(text, prune=prune)
        except (UnreadableFile, VaultError) as error:
            return self._form(request, status=400, trouble=str(error), prune=prune)
        moved = bool(seal) and not result.applied and not result.errors
        return self._form(request, text=text, prune=prune, moved=moved, **_shown(text, result))

    def _form(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        if not request.user.has_perms(upload.VIEW):
            raise PermissionDenied
        may = request.user.has_perms(upload.CHANGE)
        page = self.shown(request, status=status, may_import=may, **context)
        page["cache-control"] = "no-store"
        return page


class ConfigDownload(Page):
    """The configuration file, secrets as names of variables."""

    title = "Download the configuration"
    template_name = ""
    permission = "proxy.view_routersettings"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The file."""
        if not request.user.has_perms(upload.VIEW):
            raise PermissionDenied
        headers = {"content-disposition": 'attachment; filename="ccm.toml"', "cache-control": "no-store"}
        return HttpResponse(export(load_state()).text, content_type="application/toml; charset=utf-8", headers=headers)


def _shown(text: str, result: ImportResult) -> dict[str, Any]:
    lines = text.splitlines()
    return {
        "result": result,
        "errors": [(finding, excerpt(lines, finding.line)) for finding in result.errors[:MAX_SHOWN]],
        "changes": result.changes[:MAX_SHOWN],
        "unshown": max(len(result.changes), len(result.errors), MAX_SHOWN) - MAX_SHOWN,
        "seal": upload.sealed(result.changes),
    }
