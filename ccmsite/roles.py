"""Three roles for people, as groups: who may watch, who may configure, who may also admit others."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.db.models.signals import post_migrate

VIEWER, OPERATOR, ADMINISTRATOR = "Viewer", "Operator", "Administrator"
_OURS = Q(content_type__app_label__in=("providers", "proxy"))
_LOOK = _OURS & Q(codename__startswith="view_") & ~Q(codename="view_bodies")
_PEOPLE = Q(content_type__app_label="auth", content_type__model__in=("user", "group"))

ROLES: dict[str, Q] = {
    VIEWER: _LOOK,
    OPERATOR: _OURS,
    ADMINISTRATOR: _OURS | _PEOPLE,
}
"""A role and its rights: a viewer sees everything but the text of requests; an operator also changes it; an
administrator also decides who may come in. New tables are covered by themselves."""


def rights(role: str) -> QuerySet[Permission]:
    """The permissions of a role."""
    return Permission.objects.filter(ROLES[role])


def keep(sender: AppConfig, **_: Any) -> None:
    """After a migration: the three groups exist and hold what their role may do."""
    for role in ROLES:
        group, _made = Group.objects.get_or_create(name=role)
        group.permissions.set(rights(role))


def connect() -> None:
    """Keep the roles after each migration of the last app that brings permissions."""
    post_migrate.connect(keep, sender=apps.get_app_config("proxy"), dispatch_uid="ccmsite.roles")
