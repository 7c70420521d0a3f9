from urllib.parse import urlsplit

import pytest

from providers.oauth.flows import FLOWS, flows_for


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_a_flow_is_complete(flow):
    """Every row has literal https URLs, a public client, a registered URI unless it leads back here, and no secret."""
    assert all(urlsplit(url).scheme == "https" for url in (flow.authorize_url, flow.token_url))
    assert flow.client_id
    assert flow.opens
    assert bool(flow.redirect_uri) == (flow.redirect != "own")
    assert "GOCSPX" not in repr(flow)
    assert "invalid_grant" in flow.dead


def test_a_preset_has_the_flows_that_open_it():
    """An Anthropic provider is opened by a Claude account first; one that takes keys only by none."""
    assert [flow.name for flow in flows_for("anthropic")] == ["anthropic", "anthropic-console"]
    assert [flow.name for flow in flows_for("codex")] == ["openai"]
    assert [flow.name for flow in flows_for("code-assist")] == ["google"]
    assert flows_for("deepseek") == ()
