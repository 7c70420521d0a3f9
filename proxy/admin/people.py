"""Users and groups, in the same theme as everything else."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from providers.unfolded import AdminPasswordChangeForm, UnfoldAdmin, UserChangeForm, UserCreationForm

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(UserAdmin, UnfoldAdmin):  # type: ignore[type-arg]
    """People who may sign in here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class TeamsAdmin(GroupAdmin, UnfoldAdmin):
    """Groups of people with the same rights."""
