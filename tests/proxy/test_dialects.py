import json

import pytest

from providers.wire.spans import scan_object
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import dialect_of, dialect_of_members, in_messages
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


SAID = [{"role": "user", "content": "hi"}]
CALL = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"model": "m", "messages": SAID}, ANTHROPIC), ({"model": "m"}, ANTHROPIC),
        ({"model": "m", "messages": SAID, "system": "s"}, ANTHROPIC),
        ({"model": "m", "messages": SAID, "tools": [{"name": "f", "input_schema": {}}]}, ANTHROPIC),
        ({"model": "m", "messages": SAID, "max_completion_tokens": 5}, CHAT),
        ({"model": "m", "messages": [*SAID, CALL]}, CHAT),
        ({"model": "m", "messages": SAID, "tools": [{"type": "function", "function": {"name": "f"}}]}, CHAT),
        ({"model": "m", "input": "hi"}, RESPONSES), ({"model": "m", "previous_response_id": "r"}, RESPONSES),
    ],
)  # fmt: skip
def test_a_body_without_a_path_is_told_by_its_members(body, dialect):
    """What only one dialect has decides; what could be either is taken for Messages."""
    assert dialect_of_members(scan_object(json.dumps(body).encode())) is dialect


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("anthropic_messages", {"messages": SAID}),
        ("openai_chat", {"messages": [{"role": "system", "content": "s"}, *SAID]}),
        ("openai_responses", {"instructions": "s", "input": "hi"}), ("a name of later", {"messages": SAID}),
    ],
)  # fmt: skip
def test_what_came_in_any_dialect_can_be_asked_in_messages(name, body):
    """The user's words are a turn of Messages, and nothing of the client's own dialect is left beside them."""
    found = in_messages(json.dumps({"model": "m", **body}).encode(), name)
    (turn,) = json.loads(found.body)["messages"]
    assert turn["role"] == "user" and "hi" in json.dumps(turn["content"])
    assert found.source is None and ("s" in json.dumps(json.loads(found.body).get("system", ""))) is name.startswith(
        "openai"
    )
