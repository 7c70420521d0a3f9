"""What the admin's own pages have in common: who may come, the frame around them, their title."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.views.generic import View


class Page(View):
    """A page inside the admin's frame. A subclass has `get` and, where it changes something, `post`."""

    title: ClassVar[str]
    template_name: ClassVar[str]
    permission: ClassVar[str]
    """What the visitor must be allowed to do, as "app.codename"; others get a 403."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page, for who may see it. Raises PermissionDenied; who is no staff never gets this far."""
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def shown(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page's template inside the admin's frame."""
        frame = {**admin.site.each_context(request), "title": self.title, "subtitle": None}
        return TemplateResponse(request, self.template_name, frame | context, status=status)
