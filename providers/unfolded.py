"""The one place that knows the admin's theme: django-unfold's classes, under our own names."""

from __future__ import annotations

from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin as UnfoldAdmin
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget

__all__ = [
    "AdminPasswordChangeForm",
    "ConfigAdmin",
    "PasswordWidget",
    "StackedInline",
    "TabularInline",
    "UnfoldAdmin",
    "UserChangeForm",
    "UserCreationForm",
    "display",
]

PasswordWidget = UnfoldAdminPasswordWidget


class ConfigAdmin(SimpleHistoryAdmin, UnfoldAdmin):
    """A page of configuration: themed, with its history of changes."""

    warn_unsaved_form = True
    compressed_fields = True
