"""Patterns that can be tried where they are typed."""

import pytest
from django.urls import reverse

from proxy.models import LogicalModel, RouterSettings, RoutingRule
from proxy.patterns import MAX_HAYSTACK

pytestmark = pytest.mark.django_db


def verdict(client, pattern, text):
    answer = client.get("/admin/pattern/", {"pattern": pattern, "text": text})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize(
    ("pattern", "text", "expected", "words"),
    [
        ("(?i)claude.*haiku", "Claude-Haiku-4-5", "match", ""), ("^claude-", "my-claude-x", "no match", ""),
        ("", "anything", "off", ""), ("(open", "x", "wrong", "missing )"), ("x" * 600, "x", "wrong", "longer than 512"),
        (r"(a)\1", "aa", "wrong", "invalid escape"), ("z", "a" * (MAX_HAYSTACK + 1), "no match", "20,000 characters"),
        ("é\0", "é\0", "match", ""),
    ],
)  # fmt: skip
def test_the_router_s_own_matcher_answers(admin_client, pattern, text, expected, words):
    """A match, none, a pattern that is off, or what is wrong with it in RE2's words."""
    told = verdict(admin_client, pattern, text)
    assert told["verdict"] == expected
    assert words in told["words"]


def test_fields_of_patterns_tell_the_script_where_to_ask(admin_client):
    """Each pattern of the settings and of the rules can be tried, by the script that the page loads."""
    rule = RoutingRule.objects.create(name="r", model_regex="x", logical_model=LogicalModel.objects.create(name="m"))
    pages = {
        reverse("admin:proxy_routersettings_change", args=[RouterSettings.load().pk]): 2,
        reverse("admin:proxy_routingrule_change", args=[rule.pk]): 3,
        reverse("admin:proxy_routingrule_add"): 3,
    }
    for path, count in pages.items():
        text = admin_client.get(path).content.decode()
        assert text.count('data-pattern-url="/admin/pattern/"') == count
        assert "proxy/patterns.js" in text
