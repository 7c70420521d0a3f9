"""Users and groups, in the same theme as everything else."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest

from providers.unfolded import AdminPasswordChangeForm, UnfoldAdmin, UserChangeForm, UserCreationForm, display

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(UserAdmin, UnfoldAdmin):  # type: ignore[type-arg]
    """People who may sign in here. Only a superuser touches superusers, or hands out single rights."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()  # its two boxes are wider than the page and name their parts for no screen reader
    list_display = ("username", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """People with their groups, asked for at once."""
        found: QuerySet[User] = super().get_queryset(request)
        return found.prefetch_related("groups")

    @display(description="Roles")
    def roles(self, person: User) -> str:
        """What they may do, by their groups; whoever is not staff may not come in at all."""
        if not person.is_staff:
            return "may not sign in"
        names = ["superuser"] if person.is_superuser else sorted(group.name for group in person.groups.all())
        return ", ".join(names) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever is no superuser gives rights by groups alone."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if _above_all(request.user) else (*fixed, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers are changed by superusers."""
        return super().has_change_permission(request, obj) and (obj is None or _may_touch(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers are deleted by superusers."""
        return super().has_delete_permission(request, obj) and (obj is None or _may_touch(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would be deleted; the list's action is refused for superusers too."""
        found, counts, missing, kept = super().get_deleted_objects(objs, request)
        if not all(_may_touch(request, person) for person in objs):
            missing = {*missing, "superuser"}
        return found, counts, missing, kept


def _above_all(user: object) -> bool:
    return bool(getattr(user, "is_superuser", False))


def _may_touch(request: HttpRequest, person: User) -> bool:
    return _above_all(request.user) or not person.is_superuser


@admin.register(Group)
class TeamsAdmin(GroupAdmin, UnfoldAdmin):
    """Groups of people with the same rights. Only a superuser changes what a group may do."""

    filter_horizontal = ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who could change a group could give himself every right."""
        return _above_all(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As for a change."""
        return _above_all(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for a change."""
        return _above_all(request.user)
