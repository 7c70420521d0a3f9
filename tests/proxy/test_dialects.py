import pytest

from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import dialect_of
from proxy.inbound.openai_chat import CHAT


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", CHAT), ("/v1/chat/completions/", CHAT), ("/v1/chat/nothing", CHAT),
        ("/v1/messages", ANTHROPIC), ("/v1/models", ANTHROPIC), ("/v1/chatter", ANTHROPIC), ("", ANTHROPIC),
    ],
)  # fmt: skip
def test_a_path_has_its_dialect(path, dialect):
    """Clients that call Chat's paths are told in Chat's words, everybody else in Anthropic's."""
    assert dialect_of(path) is dialect
