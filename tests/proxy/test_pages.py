"""What the admin's own pages have in common."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from proxy.pages.base import Page

pytestmark = pytest.mark.django_db


class Sample(Page):
    title = "A sample"
    template_name = "admin/base_site.html"
    permission = "proxy.use_console"

    def get(self, request):
        return self.shown(request, status=202)


def ask(user):
    request = RequestFactory().get("/admin/sample/")
    request.user = user
    return Sample.as_view()(request)


def test_a_page_is_shown_inside_the_frame_of_the_admin(admin_user):
    """Who has the permission gets the page with the sidebar and its title."""
    page = ask(admin_user).render()
    assert page.status_code == 202
    assert b"A sample" in page.content
    assert b"Request history" in page.content


def test_a_page_is_refused_without_its_permission(django_user_model):
    """Staff without the right of the page are refused."""
    with pytest.raises(PermissionDenied):
        ask(django_user_model.objects.create_user("plain", is_staff=True))


def test_every_answer_of_the_admin_says_what_may_run_on_it(admin_client, client):
    """Pages, refusals and pages that are not there carry the policy and the usual guards."""
    for answer in (admin_client.get("/admin/"), client.get("/admin/login/"), admin_client.get("/admin/nowhere/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_page_that_is_not_there_leads_back(admin_client):
    """A missing page says so in words, with the way to the admin."""
    answer = admin_client.get("/admin/nowhere/")
    assert answer.status_code == 404
    assert b"There is no such page" in answer.content
