"""The one place that knows the admin's theme: django-unfold's classes, under our own names."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin as UnfoldAdmin
from unfold.admin import StackedInline
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminPasswordWidget, UnfoldBooleanWidget

from providers import overwriting

__all__ = [
    "AdminPasswordChangeForm",
    "CheckboxWidget",
    "ConfigAdmin",
    "NumberWidget",
    "PageAdmin",
    "PasswordWidget",
    "StackedInline",
    "TabularInline",
    "UnfoldAdmin",
    "UserChangeForm",
    "UserCreationForm",
    "display",
]

CheckboxWidget = UnfoldBooleanWidget
NumberWidget = UnfoldAdminIntegerFieldWidget
PasswordWidget = UnfoldAdminPasswordWidget


class TabularInline(UnfoldTabularInline):
    """Rows of another table as a table; each field has its column's name as its label, which a screen reader reads."""

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The form set; its form class is made anew for each page, so that the labels go to nobody else's widgets."""
        formset = super().get_formset(request, obj, **kwargs)
        for field in formset.form.base_fields.values():
            field.widget.attrs.setdefault("aria-label", str(field.label))
        return formset


class PageAdmin(UnfoldAdmin):
    """A themed page whose list survives whatever stands in the address."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """The list; PostgreSQL refuses a NUL in a filter or a search, so such an address is forgotten."""
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            return HttpResponseRedirect(request.path)
        page: HttpResponse = super().changelist_view(request, extra_context)
        return page


class ConfigAdmin(SimpleHistoryAdmin, PageAdmin):
    """A page of configuration: themed, with its history of changes, and nobody's are overwritten unseen."""

    warn_unsaved_form = True
    compressed_fields = True
    change_form_template = "admin/config_form.html"
    object_history_list_template = "admin/change_history.html"

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form; one that was made from an older version of its row says so instead of saving."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        seen = request.POST.get(overwriting.FIELD, "")
        if obj is None or not seen:
            return form

        row = obj

        class Form(form):
            def clean(self) -> Any:
                cleaned = super().clean()
                if words := overwriting.newer_change(row, seen):
                    raise ValidationError(words)
                return cleaned

        return Form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """The page, with the version it is made from."""
        context["seen"] = overwriting.version_of(obj) if obj is not None and obj.pk else ""
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own record of it, in whose words the history of changes tells it too."""
        return _told_in_history(request, obj, super().log_addition(request, obj, message))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As above. A new key among them: it changes no column that the history of changes compares."""
        return _told_in_history(request, obj, super().log_change(request, obj, message))

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An earlier version; going back to it takes the right to change (the library asks only for that to look)."""
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied
        shown = {"show_history": False, **(extra_context or {})}  # the theme's button has no way back from here
        page: HttpResponse = super().history_form_view(request, object_id, version_id, shown)
        return page


def _told_in_history(request: HttpRequest, obj: Any, entry: LogEntry) -> LogEntry:
    """Give the newest change of an object, if it is this person's, the reason that the entry tells."""
    change = obj.history.filter(history_user=request.user.pk, history_change_reason=None).first()
    if change is not None and change.pk == obj.history.first().pk:
        change.history_change_reason = entry.get_change_message()[:100]
        change.save(update_fields=["history_change_reason"])
    return entry
