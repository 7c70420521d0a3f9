import pytest

from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.openai_responses import OPENAI_RESPONSES
from providers.wire.fold import fold
from tests.cast import request


@pytest.mark.parametrize("outbound", [OPENAI_CHAT, OPENAI_RESPONSES])
def test_a_request_for_no_tokens_is_answered_here(outbound):
    """Elsewhere than at Anthropic there is no cache to warm: the answer is empty, legal and costs nothing."""
    reply = fold(outbound.local(request({"max_tokens": 0})))
    assert (reply.stop_reason, reply.has_content, reply.usage.input, reply.usage.output) == ("max_tokens", False, 0, 0)


@pytest.mark.parametrize("limit", [1, None, "0", False, 0.5])
def test_every_other_request_is_called_for(limit):
    """Only a zero asks for nothing."""
    assert OPENAI_CHAT.local(request({"max_tokens": limit})) is None


def test_anthropic_warms_its_own_cache():
    """The native path sends what it was given."""
    assert ANTHROPIC_MESSAGES.local(request({"max_tokens": 0})) is None
