"""The three roles."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from ccmsite import roles

pytestmark = pytest.mark.django_db


def person(role, **more):
    user = User.objects.create_user(f"a-{role.lower()}", is_staff=True, **more)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return user, client


def test_the_groups_are_there_after_a_migration():
    """Each role is a group with its rights, and none of them reads more than it is for."""
    assert set(roles.ROLES) <= set(Group.objects.values_list("name", flat=True))
    looks = set(roles.rights(roles.VIEWER).values_list("codename", flat=True))
    assert "view_requestlog" in looks
    assert all(name.startswith("view_") for name in looks)
    assert not looks & {"view_bodies", "view_user", "use_console"}
    assert "use_console" in set(roles.rights(roles.OPERATOR).values_list("codename", flat=True))
    assert not roles.rights(roles.OPERATOR).filter(content_type__app_label="auth").exists()


def test_a_changed_role_is_put_right_by_the_next_migration():
    """What somebody took from or gave to one of the three groups does not stay."""
    group = Group.objects.get(name=roles.VIEWER)
    group.permissions.set(Permission.objects.filter(codename="delete_user"))
    roles.keep(apps.get_app_config("proxy"))
    assert set(group.permissions.all()) == set(roles.rights(roles.VIEWER))


def test_an_administrator_does_not_make_himself_more():
    """No field of a form gives an administrator what only a superuser may give."""
    user, client = person(roles.ADMINISTRATOR)
    root = User.objects.create_superuser("root", password="a long pass phrase")
    form = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    form |= {
        "groups": list(user.groups.values_list("pk", flat=True)),
        "user_permissions": list(Permission.objects.values_list("pk", flat=True)),
        "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00",
    }  # fmt: skip
    assert client.post(f"/admin/auth/user/{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert not user.is_superuser
    assert not user.user_permissions.exists()
    assert client.post(f"/admin/auth/user/{root.pk}/change/", form).status_code == 403
    assert client.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    client.post("/admin/auth/user/", chosen)
    password = {"password1": "another pass phrase", "password2": "another pass phrase"}
    assert client.post(f"/admin/auth/user/{root.pk}/password/", password).status_code == 403
    root.refresh_from_db()
    assert root.check_password("a long pass phrase")


@pytest.mark.parametrize(("role", "seen"), [(roles.VIEWER, False), (roles.OPERATOR, True)])
def test_captured_text_is_for_who_may_read_it(role, seen):
    """A viewer sees all of a request but what people wrote."""
    import zlib

    from django.utils import timezone

    from proxy.models import RequestLog

    row = RequestLog.objects.create(
        time=timezone.now(), request_id="req_1", outcome="ok", body=zlib.compress(b"a private question")
    )
    page = person(role)[1].get(f"/admin/proxy/requestlog/{row.pk}/change/")
    assert page.status_code == 200
    assert (b"a private question" in page.content) == seen


def test_the_sidebar_offers_what_may_be_seen():
    """A viewer is not shown the way to the users; an administrator is."""
    assert b"/admin/auth/user/" not in person(roles.VIEWER)[1].get("/admin/").content
    assert b"/admin/auth/user/" in person(roles.ADMINISTRATOR)[1].get("/admin/").content
