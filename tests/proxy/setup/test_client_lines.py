"""The lines that point Claude Code here."""

import pytest

from proxy.models import ClientKey, LogicalModel, RouterSettings
from proxy.setup.client_lines import export_lines

pytestmark = pytest.mark.django_db
BASE = "export ANTHROPIC_BASE_URL=http://127.0.0.1:13456"


def test_without_client_keys_any_token_will_do():
    """On this machine nothing is checked."""
    token = "export ANTHROPIC_AUTH_TOKEN=any-string-works-on-this-machine"
    assert export_lines("http://127.0.0.1:13456", None) == [BASE, token]


@pytest.mark.parametrize("by", ["a key", "a setting"])
def test_where_a_key_is_needed_its_place_is_shown(by, settings):
    """A key that is there cannot be shown again; where all must have one, none can be invented."""
    if by == "a key":
        key = ClientKey(name="laptop")
        key.issue()
        key.save()
    else:
        settings.CCM_REQUIRE_CLIENT_KEY = "always"
    assert export_lines("http://127.0.0.1:13456", None)[1] == "export ANTHROPIC_AUTH_TOKEN=YOUR-CLIENT-KEY"


def test_a_model_that_no_route_finds_is_named():
    """The default route is found without its name; a name with odd characters is quoted for the shell."""
    model = LogicalModel.objects.create(name="it's $mart")
    assert export_lines("http://h", model)[2] == """export ANTHROPIC_MODEL='it'"'"'s $mart'"""
    RouterSettings.objects.update_or_create(pk=1, defaults={"default": model})
    assert len(export_lines("http://h", model)) == 2
