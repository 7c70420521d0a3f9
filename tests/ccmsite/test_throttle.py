"""Signing in too often with the wrong password."""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone

from ccmsite import throttle

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"


def sign_in(password, address="127.0.0.1", **headers):
    return Client().post(
        "/admin/login/", {"username": "root", "password": password}, REMOTE_ADDR=address, **headers
    ).status_code  # fmt: skip


@pytest.fixture(autouse=True)
def root(db):
    return User.objects.create_superuser("root", password=PASSWORD)


def test_a_name_is_shut_after_five_failures_and_opens_again():
    """The sixth try is refused even with the right password; a quarter of an hour later it is let in."""
    assert [sign_in("wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert sign_in(PASSWORD) == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=31))
    assert sign_in(PASSWORD) == 302


def test_another_address_is_not_concerned_and_a_header_is_not_believed():
    """Who is shut is the name at its address; whom X-Forwarded-For names has no say."""
    for number in range(5):
        sign_in("wrong", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
    assert sign_in(PASSWORD, HTTP_X_FORWARDED_FOR="10.9.9.9") == 429
    assert sign_in(PASSWORD, address="192.0.2.7") == 302


def test_an_unknown_name_is_answered_like_a_known_one():
    """Nobody learns which names exist by failing."""
    known = Client().post("/admin/login/", {"username": "root", "password": "wrong"})
    unknown = Client().post("/admin/login/", {"username": "ghost", "password": "wrong"})
    changing = rb' value="(root|ghost|[A-Za-z0-9]{64})"'
    assert known.status_code == unknown.status_code
    assert re.sub(changing, b"", known.content) == re.sub(changing, b"", unknown.content)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 15), (5, 15), (9, 15), (10, 30), (15, 60), (20, 120), (500, 24 * 60)]
)
def test_each_five_more_failures_double_the_wait(failures, minutes):
    """A quarter of an hour at first, a day at most."""
    assert throttle.shut_for(failures) == timedelta(minutes=minutes)


def test_the_wait_is_the_one_of_the_name_that_is_tried():
    """The failures of the posted name count, those of another do not."""
    common = {"ip_address": "127.0.0.1", "user_agent": "", "attempt_time": timezone.now()}
    AccessAttempt.objects.create(username="root", failures_since_start=15, **common)
    request = RequestFactory().post("/admin/login/", {"username": "root"})
    request.axes_ip_address = throttle.address(request)
    assert throttle.cool_off(request) == timedelta(minutes=60)
    other = RequestFactory().post("/admin/login/", {"username": "other"})
    other.axes_ip_address = "127.0.0.1"
    assert throttle.cool_off(other) == throttle.cool_off(None) == timedelta(minutes=15)


def test_the_password_of_a_failure_is_not_stored():
    """What is kept of a failed sign-in holds no password."""
    sign_in("sk-canary-password")
    assert "sk-canary-password" not in str(list(AccessAttempt.objects.values()))
