"""The list of people who may sign in."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from ccmsite.roles import OPERATOR, VIEWER

pytestmark = pytest.mark.django_db


def test_the_list_shows_who_may_do_what(admin_client, admin_user, django_assert_max_num_queries):
    """Roles, superusers, and who has none or may not come in; queries do not grow with the people."""
    for name, groups, staff in (
        ("vi", [VIEWER], True),
        ("op", [VIEWER, OPERATOR], True),
        ("no", [], True),
        ("out", [OPERATOR], False),
    ):
        person = User.objects.create_user(name, is_staff=staff)
        person.groups.set(Group.objects.filter(name__in=groups))
    with django_assert_max_num_queries(14):
        page = admin_client.get(reverse("admin:auth_user_changelist"))
    admin = page.context["cl"].model_admin
    assert {person.username: admin.roles(person) for person in page.context["cl"].result_list} == {
        admin_user.username: "superuser", "vi": "Viewer", "op": "Operator, Viewer", "no": "none",
        "out": "may not sign in",
    }  # fmt: skip
    assert "Operator, Viewer" in page.content.decode()
