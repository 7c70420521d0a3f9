import pytest

from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import dialect_of
from proxy.inbound.openai_chat import CHAT
from proxy.inbound.openai_responses import RESPONSES


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", CHAT), ("/v1/chat/completions/", CHAT), ("/v1/chat/nothing", CHAT),
        ("/v1/responses", RESPONSES), ("/v1/responses/resp_1", RESPONSES), ("/v1/responsess", ANTHROPIC),
        ("/v1/messages", ANTHROPIC), ("/v1/models", ANTHROPIC), ("/v1/chatter", ANTHROPIC), ("", ANTHROPIC),
    ],
)  # fmt: skip
def test_a_path_has_its_dialect(path, dialect):
    """Clients that call OpenAI's paths are told in OpenAI's words, everybody else in Anthropic's."""
    assert dialect_of(path) is dialect
