import pytest

from proxy.session import affinity_of, session_of
from tests import cast

UUID = "0b0e5c9e-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("metadata", "headers", "session"),
    [
        ({"user_id": f'{{"device_id":"d","account_uuid":"","session_id":"{UUID}"}}'}, {}, UUID),
        ({"user_id": f"user_abc_account__session_{UUID}"}, {}, UUID),
        ({"user_id": f'{{"session_id":"{UUID}"}}'}, {"x-claude-code-session-id": "from-header"}, "from-header"),
        ({"user_id": "somebody"}, {}, ""),
        ({"user_id": "{broken"}, {}, ""),
        ({"user_id": 7}, {}, ""),
        ("text", {}, ""),
        (None, {}, ""),
        ({"user_id": '{"session_id": ["x"]}'}, {}, ""),
    ],
)
def test_whose_conversation_it_is(metadata, headers, session):
    """Claude Code's header wins, then the session inside metadata.user_id in either of its forms."""
    body = {} if metadata is None else {"metadata": metadata}
    assert session_of(cast.request(body), headers) == (session, "")


def test_a_subagent_is_named():
    """The agent id comes from its header and is kept short."""
    assert session_of(cast.request(), {"x-claude-code-agent-id": "a" * 500})[1] == "a" * 100


def test_what_keeps_requests_together():
    """The session where there is one, else the whole user_id; neither is nothing."""
    assert affinity_of(cast.request(), {"x-claude-code-session-id": "s"}) == "s"
    assert affinity_of(cast.request({"metadata": {"user_id": "somebody"}}), {}) == "somebody"
    assert affinity_of(cast.request({"metadata": {"user_id": 7}}), {}) == ""
    assert affinity_of(cast.request({"metadata": "text"}), {}) == ""
